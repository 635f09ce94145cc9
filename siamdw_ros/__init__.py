"""Follows visual targets with SiamDW, as a ROS 2 node and as a library."""
