"""Who is meant, in words: "mobil putih, di lajur kiri". A closed vocabulary, never free text."""

from __future__ import annotations

from collections.abc import Iterator

from bconnect_enforce.core.records import Announcement
from bconnect_site.kinds import Colour, RoadUserKind
from bconnect_site.phrases import Vocabulary

_NO_BODY = (RoadUserKind.PEDESTRIAN, RoadUserKind.BICYCLE)


def address(order: Announcement, words: Vocabulary, say_plates: bool = False) -> tuple[str, ...]:
    """The pieces to speak before the phrase, in order; none where nobody is told apart.

    A kind alone tells nobody apart: it is spoken with a colour, a place or a plate. A word that
    the vocabulary lacks is left out.
    """
    place = words.places.get(order.place, "")
    plate = _spelled(order.plate, words) if say_plates else ()
    who = _who(order.road_user, order.colour, words)
    if not who or not (_shade(order.road_user, order.colour, words) or place or plate):
        return ()
    return (who, *((f"{place}.",) if place else ()), *plate)


def every_piece(words: Vocabulary, say_plates: bool = False) -> Iterator[str]:
    """All pieces there are, so that they can be made before they are needed."""
    whos = (_who(kind, colour, words) for colour in Colour for kind in RoadUserKind)
    yield from dict.fromkeys(who for who in whos if who)
    yield from dict.fromkeys(f"{place}." for place in words.places.values())
    if say_plates and words.plate:
        yield from dict.fromkeys((words.plate, *words.characters.values()))


def _who(kind: RoadUserKind, colour: Colour, words: Vocabulary) -> str:
    said = words.road_users.get(kind) or words.anybody
    shade = _shade(kind, colour, words)
    return f"{said} {shade}".strip().capitalize() + "," if said else ""


def _shade(kind: RoadUserKind, colour: Colour, words: Vocabulary) -> str:
    return "" if kind in _NO_BODY else words.colours.get(colour, "")


def _spelled(plate: str, words: Vocabulary) -> tuple[str, ...]:
    characters = [c for c in plate.upper() if not c.isspace()]
    known = words.plate and all(c in words.characters for c in characters)
    return (words.plate, *(words.characters[c] for c in characters)) if known and characters else ()
