"""From a box in the image to motion: geometry, control laws, and the nodes around them.

The modules below the nodes import neither ROS nor the tracker. Robot frames follow REP 103: x
forward, y left, z up; camera optical frames: x right, y down, z forward. SI units and radians.
"""
