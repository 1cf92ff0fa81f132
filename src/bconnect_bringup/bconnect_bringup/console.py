"""What a person sees: prefixed coloured lines, one log file per process, tables."""

import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

REPEAT = 60.0  # s
MOST_SHOWN = 200
COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def plain(text: str) -> str:
    """The text without terminal colours."""
    return _ESCAPES.sub("", text)


def coloured(stream: TextIO) -> bool:
    """Whether colours may be written to the stream (a terminal, and NO_COLOR is not set)."""
    return stream.isatty() and "NO_COLOR" not in os.environ


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of text columns, two spaces apart."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


class LogFile:
    """A file that starts anew beyond `limit` bytes, keeping one predecessor. Never raises."""

    def __init__(self, path: Path, limit: int = 5_000_000) -> None:
        self._path = path
        self._limit = limit
        self._file: TextIO | None = None

    def write(self, line: str) -> None:
        """Appends one line; a full disk loses the line, not the caller."""
        try:
            if self._file is None:
                self._file = self._path.open("a", encoding="utf-8", errors="replace", buffering=1)
            self._file.write(plain(line) + "\n")
            if self._file.tell() > self._limit:
                self.close()
                self._path.replace(self._path.with_suffix(".log.1"))
        except OSError:
            self._file = None

    def close(self) -> None:
        """Closes the file; the next line opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Console:
    """Writes what processes and runner say, each line with its origin in front."""

    def __init__(
        self,
        names: Sequence[str] = (),
        *,
        folder: Path | None = None,
        quiet: bool = False,
        stream: TextIO | None = None,
    ) -> None:
        """quiet: lines of processes are shown only when they warn; log files hold all."""
        self._stream = stream or sys.stdout
        self.colour = coloured(self._stream)
        self._quiet = quiet
        self._width = max((len(name) for name in (*names, "bconnect")), default=0)
        self._colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
        self._logs = {
            name: LogFile(folder / f"{name}.log") for name in (*names, "bconnect") if folder
        }
        self._progress = ""
        self._shown: dict[tuple[str, str], float] = {}

    def line(self, name: str, text: str) -> None:
        """A line that a process wrote."""
        if name in self._logs:
            self._logs[name].write(text)
        if self._quiet and not self._worth_showing(name, text):
            return
        colour = self._colours.get(name, 37)
        prefix = f"{name:<{self._width}} |"
        self._put(f"\x1b[{colour}m{prefix}\x1b[0m {text}" if self.colour else f"{prefix} {text}")

    def say(self, text: str) -> None:
        """A line of the runner's own."""
        if "bconnect" in self._logs:
            self._logs["bconnect"].write(text)
        prefix = f"{'bconnect':<{self._width}} |"
        self._put(f"\x1b[1m{prefix} {text}\x1b[0m" if self.colour else f"{prefix} {text}")

    def progress(self, text: str) -> None:
        """A line that replaces itself on a terminal; elsewhere an ordinary line."""
        if not self._stream.isatty():
            self._put(text)
            return
        self._progress = text
        self._write(f"\r\x1b[K{text}")

    def end_progress(self) -> None:
        """Leaves the progress line standing."""
        if self._progress:
            self._progress = ""
            self._write("\n")

    def close(self) -> None:
        """Closes the log files."""
        for log in self._logs.values():
            log.close()

    def _worth_showing(self, name: str, text: str) -> bool:
        """Warnings and errors, the same one (numbers aside) once in REPEAT seconds."""
        if not re.search(r"\[(WARN|ERROR|FATAL)\]|Traceback|Error:", text):
            return False
        now, key = time.monotonic(), (name, re.sub(r"[\d.]+", "#", plain(text)))
        if now - self._shown.get(key, float("-inf")) < REPEAT:
            return False
        self._shown.pop(key, None)
        self._shown[key] = now
        if len(self._shown) > MOST_SHOWN:
            del self._shown[next(iter(self._shown))]
        return True

    def _put(self, text: str) -> None:
        if self._progress:
            self._write(f"\r\x1b[K{text}\n{self._progress}")
        else:
            self._write(text + "\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal has gone; the graph keeps working
            self._stream = open(os.devnull, "w")  # noqa: SIM115
            self.colour = False
