"""Builds or repairs the environment: `python3 -m ros_env`."""

import sys

from ros_env import host

try:
    host.check_python(sys.version_info, bool(host.sourced_ros()))
    # After the check: the other modules need one of the supported Python versions.
    from ros_env import builder

    builder.main()
except host.SetupError as error:
    sys.exit("ros_env: %s" % error)
except KeyboardInterrupt:
    sys.exit("ros_env: interrupted; the next run goes on from here")
