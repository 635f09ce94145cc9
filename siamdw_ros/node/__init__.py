"""The ROS 2 node: messages, threads, parameters, services, and the targets."""
