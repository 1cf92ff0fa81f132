"""What pip-audit found, in a few lines; exit code 1: weaknesses, 2: nothing could be looked up.

python tools/audited.py REPORT      REPORT: of `pip-audit --format json`
"""

import json
import sys
from pathlib import Path

LEAST = 0.5  # share of the packages that a service which answers knows


def told(report: dict) -> tuple[list[str], int]:
    """Lines to print, and the exit code."""
    packages = report.get("dependencies", [])
    known = [one for one in packages if "vulns" in one]
    if not packages or len(known) < LEAST * len(packages):
        return [
            f"audit: the advisory service told of {len(known)} of {len(packages)} packages, so "
            "nothing is known; run it where the service can be reached"
        ], 2
    lines = [
        f"{one['name']}=={one['version']}: {weak['id']}; mended in "
        f"{', '.join(weak.get('fix_versions', [])) or 'no release yet'}"
        for one in known
        for weak in one["vulns"]
    ]
    count = f"audit: {len(known)} of {len(packages)} packages looked up, {len(lines)} weaknesses"
    return [*lines, count], 1 if lines else 0


def main(path: str) -> int:
    """See above."""
    file = Path(path)
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    lines, code = told(json.loads(text) if text.strip() else {})
    for line in lines:
        print(line, file=sys.stderr if code == 2 else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
