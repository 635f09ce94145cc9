# Enters the environment in a shell (bash or zsh): source ros_env/activate.sh
if [ -n "${BASH_SOURCE:-}" ]; then
  _siamdw_ros_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
else
  _siamdw_ros_root=$(cd "$(dirname "${(%):-%x}")/.." && pwd)
fi
if [ ! -f "$_siamdw_ros_root/.venv/local_setup.sh" ]; then
  echo "siamdw_ros: there is no environment yet, make it: make build" >&2
  unset _siamdw_ros_root
  return 1
fi
. "$_siamdw_ros_root/.venv/local_setup.sh" || { unset _siamdw_ros_root; return 1; }
if [ -f "$_siamdw_ros_root/install/local_setup.sh" ]; then
  # colcon's script needs its own path given unless the shell is bash or zsh.
  COLCON_CURRENT_PREFIX="$_siamdw_ros_root/install" . "$_siamdw_ros_root/install/local_setup.sh"
fi
unset _siamdw_ros_root
