"""States and happenings in plain words, Indonesian or English."""

from datetime import datetime, timezone
from functools import cache
from typing import Any

from bconnect_center.adapters.live_store import Cell, Line
from bconnect_center.core.live import skew
from bconnect_center.core.moments import SECOND
from bconnect_center.core.showing import look
from bconnect_center.house import House
from bconnect_center.web.live import shown
from bconnect_center.web.render import kind_word
from bconnect_center.web.words import catalogue, say
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import (
    CameraState,
    CitationStatus,
    Outcome,
    Step,
    StickerStatus,
    TowStatus,
    ViolationType,
)
from bconnect_site.phrases import Phrases, is_recording, load_phrases


@cache
def phrases() -> Phrases | None:
    """What loudspeakers may say; None: the file cannot be read here."""
    try:
        return load_phrases()
    except ConfigError:
        return None


def phrase_text(language: str, name: str) -> str:
    """What a phrase says: its words, or in English what they mean."""
    if is_recording(name):
        return say(language, "live.recording")
    known = phrases()
    if known is None or name not in known:
        return name
    phrase = known.by_name[name]
    return phrase.text if language == "id" else phrase.title


def local(house: House, stamp: int, form: str = "%H:%M:%S") -> str:
    """A stamp as the centre's clocks show it; a date where the day is another."""
    try:
        moment = datetime.fromtimestamp(stamp // SECOND, timezone.utc).astimezone(house.zone)
        today = datetime.fromtimestamp(house.now() // SECOND, timezone.utc).astimezone(house.zone)
    except (ValueError, OverflowError, OSError):
        return "?"
    return moment.strftime(form if moment.date() == today.date() else f"%d.%m.%Y {form}")


def state(language: str, house: House, cell: Cell, silent: bool) -> dict[str, Any]:
    """A state for a browser."""
    tone, word = look(cell.kind, cell.told, silent)
    told, extra = cell.told, {}
    if cell.kind == "vehicle":
        extra = {"latitude": told.get("latitude"), "longitude": told.get("longitude")}
    detail = str(told.get("detail") or told.get("message") or "")
    if cell.kind == "process":
        detail = str(told.get("state", "")).partition(": ")[2]
    if cell.kind == "clock":
        extra = {"clock": clock_word(language, int(told.get("ahead") or 0))}
    if cell.kind == "speaker":
        extra = {"phrase": phrase_text(language, told.get("phrase") or ""),
                 "announcement": told.get("announcement")}  # fmt: skip
    since = cell.heard if silent else told.get("since") or cell.heard
    return {
        "site": cell.site,
        "kind": cell.kind,
        "name": cell.name,
        "shown": shown(cell.name),
        "tone": tone,
        "word": say(language, f"live.{word}"),
        "detail": "" if silent and cell.kind != "process" else detail,
        "since": local(house, int(since)),
        "heard": local(house, cell.heard),
        **extra,
    }


def clock_word(language: str, ahead: int) -> str:
    """What is wrong with a site's clock; empty: nothing that matters."""
    if abs(ahead) <= 5:
        return ""
    key = "live.clock_ahead" if ahead > 0 else "live.clock_behind"
    return say(language, key, much=span(language, abs(ahead)))


def span(language: str, seconds: int) -> str:
    """A length of time in one unit."""
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds")):
        if seconds >= unit:
            return say(language, f"live.{name}", n=round(seconds / unit))
    return say(language, "live.seconds", n=0)


def happening(language: str, house: House, line: Line, cases: bool) -> dict[str, Any]:
    """A line of the feed for a browser; `cases`: whether to lead to the case."""
    off = skew(line.kind, line.stamp, line.heard)
    case = line.told.get("violation") or (line.id[10:] if line.kind == "violation" else "")
    return {
        "line": line.line,
        "kind": line.kind,
        "site": line.site,
        "place": shown(line.site),
        "camera": line.camera,
        "type": line.type,
        "at": local(house, line.stamp),
        "heard": local(house, line.heard),
        "word": say(language, f"live.kind_{line.kind}"),
        "text": sentence(language, line),
        "clock": clock_word(language, off),
        "case": f"/feed/case/{case}" if case and cases else "",
    }


def _type(language: str, number: int) -> str:
    known = number in list(ViolationType)
    return kind_word(language, number if known else 0)


def _named(language: str, prefix: str, kinds: Any, number: int) -> str:
    name = kinds(number).name.lower() if number in list(kinds) else "unknown"
    key = f"live.{prefix}_{name}"
    return say(language, key if key in catalogue() else "live.unknown")


def sentence(language: str, line: Line) -> str:
    """What happened, in one line of plain words. Never a plate."""
    told, kind = line.told, line.kind
    words = {"kind": _type(language, line.type), "camera": shown(line.camera),
             "speaker": shown(str(told.get("speaker", "")))}  # fmt: skip
    if "phrase" in told:
        words["phrase"] = phrase_text(language, str(told["phrase"]))
    key = kind
    if kind == "finding":
        key = "finding_same" if told.get("same_as") else "finding"
    elif kind == "violation":
        key = "violation_plate" if told.get("plate_read") else "violation"
    elif kind == "announcement":
        key = "announcement" if told.get("finding") else "announcement_officer"
    elif kind == "measure":
        words["step"] = _named(language, "step", Step, told.get("step", 0))
    elif kind == "compliance":
        outcome = told.get("outcome", 0)
        key = "heeded" if outcome == Outcome.COMPLIED else "ignored"
        key = key if outcome else "heeding_unknown"
    elif kind == "citation":
        words["number"] = told.get("number", "")
        words["status"] = _named(language, "citation", CitationStatus, told.get("status", 0))
    elif kind == "tow":
        words["status"] = _named(language, "tow", TowStatus, told.get("status", 0))
    elif kind == "sticker":
        words["status"] = _named(language, "sticker", StickerStatus, told.get("status", 0))
    elif kind == "camera":
        words["state"] = _named(language, "camera", CameraState, told.get("state", 0))
    full = f"live.tell_{key}"
    return say(language, full, **words) if full in catalogue() else kind
