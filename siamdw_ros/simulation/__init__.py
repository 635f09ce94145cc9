"""A robot or drone and a rendered camera, in simulated time: closed-loop demos and tests.

Everything is computed: no picture is loaded, and the same seed gives the same images.
"""
