"""The ROS 2 node: translates, schedules, reports; decides nothing about tracking."""
