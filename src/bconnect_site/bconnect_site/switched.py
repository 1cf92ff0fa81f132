"""Which cameras an operator switched off, and why: a small file each, kept over restarts."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bconnect_site import disk

LONGEST = 200  # characters of a name or a reason


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """``since`` in ns; ``by`` and ``why`` in the operator's words."""

    by: str
    why: str
    since: int

    @property
    def sentence(self) -> str:
        """For status and diagnostics."""
        return f"switched off by {self.by}: {self.why}"


def read(path: str | Path) -> SwitchedOff | None:
    """What the file says; None where there is none. A file that cannot be read means off too."""
    try:
        plain = json.loads(Path(path).read_text(encoding="utf-8"))
        return SwitchedOff(_cut(plain["by"]), _cut(plain["why"]), int(plain["since"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return SwitchedOff("an operator", f"{path} cannot be read; switch it on to remove it", 0)


def write(path: Path, off: SwitchedOff) -> None:
    """Keeps it before anything acts on it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.replace(path, json.dumps(asdict(off), ensure_ascii=False).encode())
    disk.flush(path.parent)


def remove(path: Path) -> bool:
    """Whether there was one. Raises OSError."""
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def _cut(text: object) -> str:
    return " ".join(str(text).split())[:LONGEST]
