"""Processes around the node: restarting it, and ending it with its parent."""
