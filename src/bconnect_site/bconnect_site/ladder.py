"""The ladder's policy as data: which step answers which offence, where, when, how often before.

A policy is written short, as steps that hold whatever came before, or as rungs:

    illegal_parking: [reprimand, announcement, citation]
    illegal_parking:
      - {steps: [reprimand]}
      - {after: 1, steps: [announcement]}
      - {after: 2, steps: [announcement, sticker]}
      - {after: 3, steps: [announcement, citation]}
      - {dwell: 900.0, steps: [tow]}

or in full, as ``rungs:`` beside a cool-down, grace and watch of its own. The rung with the
largest ``after`` that is reached acts; a rung with ``dwell`` comes on top of it.
"""

from typing import Annotated, Literal, Union

from pydantic import Discriminator, Field, Tag

from bconnect_site.fields import (
    CameraOrZone,
    Day,
    Name,
    PolicyName,
    Rule,
    Seconds,
    StepWord,
    Strict,
)
from bconnect_site.hours import Window

__all__ = ["AnyPolicy", "LadderSettings", "PlacePolicy", "Policy", "Rung"]

Steps = Annotated[tuple[StepWord, ...], Field(strict=False, min_length=1)]


class Rung(Strict):
    """Steps, and what must have come before."""

    after: int = Field(
        default=0, ge=0, le=1000, description="earlier offences that count, at least"
    )
    dwell: Seconds | None = Field(
        default=None, gt=0.0, description="s it must have stood; stopping and parking only"
    )
    steps: Steps


Rungs = Annotated[tuple[Rung, ...], Field(strict=False, min_length=1)]


class Policy(Strict):
    """A policy in full. What is left out is the ladder's own."""

    rungs: Rungs
    cooldown: Seconds | None = Field(default=None, description="s between two warnings")
    grace: Seconds | None = Field(default=None, description="s in which one more does not count")
    watch: Seconds | None = Field(
        default=None, description="s a warned road user has to obey; 0: nobody looks"
    )
    spare_if_obeyed: bool | None = Field(
        default=None, description="who obeyed gets no sticker, citation or tow for that offence"
    )


def _form(value: object) -> str:
    """Which of the three ways to write a policy this is."""
    if isinstance(value, dict | Policy):
        return "[policy]"
    if isinstance(value, list | tuple) and any(isinstance(item, dict | Rung) for item in value):
        return "[rungs]"
    return "[steps]"


AnyPolicy = Annotated[
    Union[  # noqa: UP007 - tags need it
        Annotated[Policy, Tag("[policy]")],
        Annotated[Rungs, Tag("[rungs]")],
        Annotated[Steps, Tag("[steps]")],
    ],
    Discriminator(_form),
]


class PlacePolicy(Strict):
    """A policy that holds at some cameras or zones, in some hours, before all others."""

    at: Annotated[tuple[CameraOrZone, ...], Field(strict=False, min_length=1)] = Field(
        description="cameras, or camera/zone"
    )
    kinds: Annotated[tuple[Rule, ...], Field(strict=False, min_length=1)] | None = Field(
        default=None, description="violation types; none given: all"
    )
    active: Annotated[tuple[Window, ...], Field(strict=False)] = Field(
        default=(), description="hours in which it holds; none given: always"
    )
    policy: AnyPolicy


class LadderSettings(Strict):
    """Which steps answer a violation, and what is remembered of it."""

    mode: Literal["socialisation", "enforcement"] = Field(
        default="socialisation", description="socialisation: speak and count, no citation"
    )
    until: Day | None = Field(
        default=None,
        description="last day of socialisation, in the site's time zone; enforcement follows",
    )
    cooldown: Seconds = Field(default=60.0, description="s between two warnings to one road user")
    grace: Seconds = Field(
        default=30.0, description="s after an offence in which one more does not count as another"
    )
    counts: Literal["any", "kind"] = Field(
        default="any", description="which earlier offences climb: all, or of the same kind"
    )
    spare_if_obeyed: bool = Field(
        default=True,
        description="who obeyed a warning gets no sticker, citation or tow for that offence",
    )
    when_obeyed: Literal["counts", "holds", "lowers"] = Field(
        default="holds",
        description="an offence whose warning was obeyed: counts, does not count, or takes one off",
    )
    history_days: float = Field(
        default=30.0, gt=0.0, le=3650.0, description="days an offence counts and is remembered"
    )
    track_minutes: float = Field(
        default=60.0,
        gt=0.0,
        le=1440.0,
        description="minutes an offence counts where no plate was read",
    )
    history_limit: int = Field(
        default=50_000, ge=100, le=5_000_000, description="offences remembered at most"
    )
    policies: dict[PolicyName, AnyPolicy] = Field(
        default={"default": ("reprimand", "announcement", "citation")},
        description="violation type or default: what answers it",
    )
    places: dict[Name, PlacePolicy] = Field(
        default_factory=dict, description="policies of some places and hours; the first that fits"
    )
