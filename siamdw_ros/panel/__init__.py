"""Operator panel in the browser: live video, a box or a tap starts tracking, a button stops it.

A process of its own that uses the tracker only through its topics and services.
"""
