"""What number plates (TNKB) look like in Indonesia: areas, number blocks, colours, as data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bconnect_site import find
from bconnect_site.describe import validate
from bconnect_site.fields import Strict, Text, fault
from bconnect_site.kinds import PlateColour, RoadUserKind, from_word
from bconnect_site.yamlfile import read_yaml

AreaCode = Annotated[str, Field(pattern="^[A-Z]{1,2}$")]
Letters = Annotated[str, Field(pattern="^[A-Z]{2,4}$")]
Number = Annotated[int, Field(ge=1, le=9999)]
VehicleWord = Literal["motorcycle", "car", "minibus", "bus", "truck"]
ColourWord = Literal["white", "black", "yellow", "red", "green"]
VehicleWords = Annotated[tuple[VehicleWord, ...], Field(strict=False, min_length=1)]


class BlockEntry(Strict):
    """Numbers that certain vehicles bear."""

    first: Number
    last: Number
    kinds: VehicleWords
    areas: Annotated[tuple[AreaCode, ...], Field(strict=False)] = Field(
        default=(), description="only in these areas; absent: everywhere"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "BlockEntry":
        if self.last < self.first:
            raise fault(f"last must not be less than first: found {self.first} to {self.last}")
        return self


class PlatesFile(Strict):
    """config/plates.yaml."""

    source: Text
    areas: dict[AreaCode, Text] = Field(min_length=1, description="area code: where it is issued")
    blocks: Annotated[tuple[BlockEntry, ...], Field(strict=False)] = ()
    colours: dict[ColourWord, VehicleWords] = Field(
        default_factory=dict, description="colour of the base: the vehicles that may bear it"
    )
    inseparable: Annotated[tuple[Letters, ...], Field(strict=False)] = Field(
        default=(), description="letters the reader cannot tell apart: a doubt where one is seen"
    )


@dataclass(frozen=True, slots=True)
class Block:
    """Numbers from first to last belong to these vehicles; no areas: everywhere."""

    first: int
    last: int
    kinds: frozenset[RoadUserKind]
    areas: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PlateRules:
    """What a plate may be."""

    areas: frozenset[str]
    blocks: tuple[Block, ...] = ()
    colours: tuple[tuple[PlateColour, frozenset[RoadUserKind]], ...] = ()
    inseparable: tuple[str, ...] = ()

    def kinds_of(self, area: str, number: int) -> frozenset[RoadUserKind]:
        """The vehicles that bear a number in an area; empty: no block says."""
        hits = [
            block.kinds
            for block in self.blocks
            if block.first <= number <= block.last and (not block.areas or area in block.areas)
        ]
        return frozenset().union(*hits)

    def kinds_under(self, colour: PlateColour) -> frozenset[RoadUserKind]:
        """The vehicles that may bear a colour; empty: any."""
        return dict(self.colours).get(colour, frozenset())


def load_plates(path: Path | str | None = None) -> PlateRules:
    """The rules of a file; without a path those of the config folder.

    Raises ConfigError with every mistake of the file.
    """
    path = Path(path) if path is not None else find.find_config_dir() / "plates.yaml"
    shown = find.shown(path)
    plain, lines, _ = read_yaml(path, shown)
    file = validate(PlatesFile, plain, shown, lines)
    blocks = (
        Block(entry.first, entry.last, _kinds(entry.kinds), frozenset(entry.areas))
        for entry in file.blocks
    )
    colours = ((PlateColour[w.upper()], _kinds(kinds)) for w, kinds in file.colours.items())
    return PlateRules(frozenset(file.areas), tuple(blocks), tuple(colours), file.inseparable)


def _kinds(names: tuple[VehicleWord, ...]) -> frozenset[RoadUserKind]:
    return frozenset(from_word(RoadUserKind, name) for name in names)
