"""MAVLink camera components: ground stations and autopilots start and watch the tracker.

`codec`, `messages`, `commands`, `camera`, `cameras` and `gimbal` are the protocol: bytes in, bytes
and requests out, without ROS, sockets and clocks. `link` is the transport, `node` connects both
with the tracker.
"""
