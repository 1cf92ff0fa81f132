"""What signals showed, from a recording of one line per observation.

    {"signal": "utara", "aspect": "red", "stamp": 1764000000000000000}

Lines say when an aspect was seen (ns since 1970), all of them or the changes only. The recording
ends with its last line: what comes after is not known. A writer of changes therefore repeats the
last aspect at the end.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from bconnect_detect.core.types import SignalReading
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.kinds import SignalAspect, SignalSource, word, words

MOST_TOLD = 5  # bad lines named one by one


@dataclass(slots=True)
class Recording:
    """Aspects by signal as (begin, aspect), and when the recording begins and ends. ns."""

    runs: dict[str, list[tuple[int, SignalAspect]]] = field(default_factory=dict)
    start: int = 0
    end: int = 0

    def at(self, signal: str, stamp: int) -> tuple[int, SignalAspect] | None:
        """Begin and aspect at a stamp; None before the signal's first line and after the end."""
        runs = self.runs.get(signal, ())
        index = bisect_right(runs, stamp, key=lambda run: run[0]) - 1
        return runs[index] if index >= 0 and stamp <= self.end else None


class Playback:
    """A recording on the node's clock: by its stamps, or with its first line at the first look."""

    def __init__(self, recording: Recording, from_start: bool = False) -> None:
        self.recording = recording
        self._offset = None if from_start else 0  # ns

    def at(self, signal: str, now: int) -> SignalReading | None:
        """What a signal shows now [ns]; None where the recording does not say."""
        if self._offset is None:
            self._offset = now - self.recording.start
        found = self.recording.at(signal, now - self._offset)
        if found is None:
            return None
        since, aspect = found[0] + self._offset, found[1]
        confidence = 1.0 if aspect != SignalAspect.UNKNOWN else 0.0
        return SignalReading(signal, aspect, now, since, SignalSource.RECORDED, confidence)


def read(lines: Iterable[str], where: str) -> Recording:
    """A recording from its lines; where names the file.

    Raises ConfigError with a sentence for each bad line (the first few of many).
    """
    made, mistakes = Recording(), _Mistakes(where)
    newest: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            signal, aspect, stamp = _parse(line)
            if stamp < newest.get(signal, stamp):
                raise ValueError(f"stamp: {stamp} is before that of an earlier line of {signal}")
        except ValueError as error:
            mistakes.add(number, str(error))
            continue
        newest[signal] = stamp
        runs = made.runs.setdefault(signal, [])
        if not runs or runs[-1][1] != aspect:
            runs.append((stamp, aspect))
    mistakes.tell()
    if not newest:
        raise ConfigError(f"{where}: holds no line; needs " + EXAMPLE)
    made.start = min(runs[0][0] for runs in made.runs.values())
    made.end = max(newest.values())
    return made


EXAMPLE = '{"signal": "utara", "aspect": "red", "stamp": 1764000000000000000}'
_WORDS = ("unknown", *words(SignalAspect))
_BY_WORD = {word(aspect): aspect for aspect in SignalAspect}


class _Mistakes:
    def __init__(self, where: str) -> None:
        self._where, self._said, self._more = where, list[str](), 0

    def add(self, line: int, sentence: str) -> None:
        if len(self._said) < MOST_TOLD:
            self._said.append(f"{self._where}:{line}: {sentence}")
        else:
            self._more += 1

    def tell(self) -> None:
        if self._more:
            self._said.append(f"{self._where}: {self._more} more lines are wrong")
        if self._said:
            raise ConfigError(*self._said)


def _parse(line: str) -> tuple[str, SignalAspect, int]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"is not JSON; needs {EXAMPLE}") from None
    if not isinstance(values, dict):
        raise ValueError(f"is no object; needs {EXAMPLE}")
    signal, aspect, stamp = (values.get(key) for key in ("signal", "aspect", "stamp"))
    if not isinstance(signal, str) or not signal:
        raise ValueError(f"signal: found {_shown(signal)}; needs a name of the site")
    if not isinstance(aspect, str) or aspect not in _BY_WORD:
        raise ValueError(f"aspect: found {_shown(aspect)}{suggest(str(aspect)[:40], _WORDS)}")
    if not isinstance(stamp, int) or isinstance(stamp, bool) or not 0 <= stamp < 1 << 63:
        raise ValueError(f"stamp: found {_shown(stamp)}; needs whole ns since 1970")
    return signal, _BY_WORD[aspect], stamp


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value)[:40]
