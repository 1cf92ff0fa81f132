"""`bconnect tow` and `bconnect stickers`: what officers and the towing service have to do."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_msgs.srv import UpdateStickerTask, UpdateTowJob

from bconnect_bringup.ask import call
from bconnect_bringup.console import table
from bconnect_bringup.ledger import cut, layout_of, local, zone_of
from bconnect_bringup.reviewing import PATIENCE, alone
from bconnect_bringup.state import is_running
from bconnect_enforce.adapters.ledger import LedgerError
from bconnect_enforce.adapters.ledger.fieldwork import read_jobs
from bconnect_enforce.bookkeeping import database_of
from bconnect_enforce.core import sticker
from bconnect_enforce.core import tow as towing
from bconnect_enforce.core.records import StickerTask, TowJob
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import StickerStatus, TowStatus
from bconnect_site.ledger import database_url
from bconnect_site.loader import load_frozen
from bconnect_site.orders import STICKER, TOW_ORDER
from bconnect_site.plan import Plan, StateLayout

LEAST = 4  # characters of an id that may stand for it


@dataclass(frozen=True)
class _Kind:
    """One of the two commands."""

    command: str
    node: str
    record: Any
    service: str
    order: str
    request: Any
    actions: dict[str, tuple[int, str]]


_TOW = _Kind(
    "tow",
    "tow",
    TowJob,
    names.UPDATE_TOW_JOB,
    TOW_ORDER,
    UpdateTowJob,
    {
        "order": (TowStatus.REQUESTED, "an officer's yes: nothing moves before it"),
        "ack": (TowStatus.ACKNOWLEDGED, "the towing service has the order"),
        "enroute": (TowStatus.EN_ROUTE, "a truck is on its way"),
        "done": (TowStatus.DONE, "the vehicle is in the yard"),
        "cancel": (TowStatus.CANCELLED, "at any time before done, with a reason"),
    },
)
_STICKERS = _Kind(
    "stickers",
    "sticker",
    StickerTask,
    names.UPDATE_STICKER_TASK,
    STICKER,
    UpdateStickerTask,
    {
        "take": (StickerStatus.ACKNOWLEDGED, "an officer goes there"),
        "done": (StickerStatus.DONE, "the sticker is on the vehicle"),
        "cancel": (StickerStatus.CANCELLED, "with a reason"),
    },
)


def tow(argv: Sequence[str] | None = None) -> int:
    """The tow jobs of a site: list them, or say how one goes on."""
    return _main(_TOW, argv)


def stickers(argv: Sequence[str] | None = None) -> int:
    """The sticker tasks of a site: list them, or say how one goes on."""
    return _main(_STICKERS, argv)


def _parser(kind: _Kind) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"bconnect {kind.command}")
    parser.add_argument("site", help="name of a site in config/, or a site file")
    parser.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    made = actions.add_parser("list", help="what is open (the default)")
    made.add_argument("--all", action="store_true", help="what has ended, too")
    for name, (_, words) in kind.actions.items():
        made = actions.add_parser(name, help=words)
        made.add_argument("id", help=f"as the list shows it; its first {LEAST} characters will do")
        made.add_argument("--officer", required=True, help="who says so")
        made.add_argument("--detail", "--reason", default="", help="one sentence")
        if kind.record is TowJob:
            made.add_argument("--truck", default="")
            made.add_argument("--yard", default="")
    return parser


def _main(kind: _Kind, argv: Sequence[str] | None) -> int:
    options = _parser(kind).parse_args(argv)
    layout = layout_of(options.site, options.state)
    found = _read(kind, layout)
    if options.action in (None, "list"):
        print(_table(found, zone_of(layout), getattr(options, "all", False)))
        return 0
    options.id = _full(options.id, [job.id for job in found])
    done, message = _send(kind, layout, options)
    print(message, file=sys.stdout if done else sys.stderr)
    return 0 if done else 1


def _read(kind: _Kind, layout: StateLayout) -> list[Any]:
    site = layout.root.name
    try:
        settings = load_frozen(layout.site_file).site.ledger
        return read_jobs(database_of(database_url(settings, layout)), site, kind.record)
    except (LedgerError, ConfigError) as error:
        raise ConfigError(
            f"{error}; has the site run here? (--state names another folder)"
        ) from None


def _full(text: str, known: Sequence[str]) -> str:
    """The id that begins like this. Raises ConfigError where none does, or several."""
    if text in known:
        return text
    found = [id_ for id_ in known if id_.startswith(text)] if len(text) >= LEAST else []
    if len(found) == 1:
        return found[0]
    why = f"{len(found)} begin like that" if found else "none is called like that; see the list"
    raise ConfigError(f'id: found "{text}"; {why}')


def _send(kind: _Kind, layout: StateLayout, options: Any) -> tuple[bool, str]:
    status, _ = kind.actions[options.action]
    request = kind.request.Request(
        id=options.id, status=int(status), officer=options.officer, detail=options.detail
    )
    if kind.record is TowJob:
        request.truck, request.yard = options.truck, options.yard
    site = layout.root.name
    if is_running(layout):
        return call(layout, kind.service, kind.order, request)
    plan = Plan.from_json(layout.plan_file.read_text(encoding="utf-8"))
    if not any(node.executable == kind.node for node in plan.nodes):
        raise ConfigError(
            f'site "{site}" has no {kind.node} node: its ladder names no step {kind.node}'
        )
    with alone(layout, kind.node):
        return call(layout, kind.service, kind.order, request, PATIENCE)


def _table(found: Sequence[Any], zone: ZoneInfo, everything: bool) -> str:
    shown = [job for job in found if everything or _open(job)]
    if not shown:
        return "none" if everything or not found else f"none is open; {len(found)} have ended"
    tows = isinstance(shown[0], TowJob)
    head = ("ID", "STATUS", "SINCE", "VIOLATION", "CAMERA")
    own = ("ORDERED BY", "TRUCK", "YARD") if tows else ("DUE", "OFFICER")
    return table((*head, *own, "DETAIL"), (_row(job, zone) for job in shown))


def _open(job: Any) -> bool:
    return towing.is_open(job) if isinstance(job, TowJob) else sticker.is_open(job)


def _row(job: Any, zone: ZoneInfo) -> tuple[str, ...]:
    own: tuple[str, ...]
    if isinstance(job, TowJob):
        own = (job.ordered_by or "-", job.truck or "-", job.yard or "-")
    else:
        own = (local(job.due, zone), job.officer or "-")
    status = job.status.name.lower()
    where = (job.type.name.lower(), job.camera)
    return (job.id[:8], status, local(job.stamp, zone), *where, *own, cut(job.detail))
