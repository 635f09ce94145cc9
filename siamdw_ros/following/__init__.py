"""From a box in the image to motion: geometry, control laws, and the nodes around them.

Geometry, filters and control laws import neither ROS nor torch; ROS begins in messages.py,
transforms.py, and the nodes target_pose_node.py and follower_node.py. Robot frames follow REP
103: x forward, y left, z up; camera optical frames: x right, y down, z forward. SI units and
radians.
"""
