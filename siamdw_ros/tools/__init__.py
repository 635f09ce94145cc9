"""One module a command: `ros2 run siamdw_ros NAME`, `python -m siamdw_ros.tools.NAME`."""
