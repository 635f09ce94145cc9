"""Processes around the node: restarting it, and the DDS ports that it takes."""
