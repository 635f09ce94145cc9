"""Tracking through what was recorded: videos and bags, with the node's own parts, without DDS."""
