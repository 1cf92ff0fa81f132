"""Images to road users, road users to findings, findings to sealed violations."""

from pathlib import Path

__version__ = "0.1.0"


def _stale(folder: Path) -> list[str]:
    """Compiled modules of core/ (see setup.py) whose source is newer than what was made of it."""
    found = []
    for made in folder.glob("*.so"):
        name = made.name.partition(".")[0]
        sources = [folder / f"{name}.py", folder / f"{name}.pxd"]
        newest = max((s.stat().st_mtime_ns for s in sources if s.exists()), default=0)
        if newest > made.stat().st_mtime_ns:
            found.append(f"core/{name}.py")
    return sorted(found)


if _old := _stale(Path(__file__).parent / "core"):
    raise ImportError(f"{', '.join(_old)}: newer than what was compiled of it; run: make setup")
