"""Operator panel in the browser: live video, a box or a tap starts tracking, a button stops it.

A process of its own that knows the tracker only by its topics and services.
"""
