"""Builds or mends the environment: `python3 -m ros_env`."""

import sys

from ros_env import host

try:
    host.check_python(sys.version_info, bool(host.sourced_ros()))
    # Only now: the rest is written for the Python versions that were just checked.
    from ros_env import builder

    builder.main()
except host.SetupError as error:
    sys.exit("ros_env: %s" % error)
except KeyboardInterrupt:
    sys.exit("ros_env: interrupted; the next run goes on from here")
