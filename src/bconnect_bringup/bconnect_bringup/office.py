"""The ledger's desk: upgrade and check it, refer a case, erase on schedule, weigh the rules.

Each function is one command of the command line. They come in beside a running citation node.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from bconnect_bringup.console import table
from bconnect_bringup.ledger import layout_of, local
from bconnect_bringup.state import state_root
from bconnect_detect.adapters import access_log, clock
from bconnect_detect.adapters.sealed_folder import StoreError
from bconnect_enforce import bookkeeping
from bconnect_enforce.adapters.evidence_eraser import eraser
from bconnect_enforce.adapters.ledger import HEAD, Ledger, LedgerError, revision_of
from bconnect_enforce.adapters.referral_package import Package, Tampered, pack, put
from bconnect_enforce.adapters.referral_pdf import UnreadablePicture
from bconnect_enforce.core.case import Case
from bconnect_enforce.core.citation import Refused
from bconnect_enforce.core.due import due
from bconnect_enforce.core.events import REFERRAL
from bconnect_enforce.core.heeding import BY, Heeding
from bconnect_enforce.core.records import Event, RuleTrust
from bconnect_enforce.core.referral import refer
from bconnect_enforce.core.trust import subject
from bconnect_enforce.referring import setting_of
from bconnect_site import sealed
from bconnect_site.errors import ConfigError
from bconnect_site.find import find_config_dir, resolve_site
from bconnect_site.kinds import ViolationType, from_word, word
from bconnect_site.ledger import database_url
from bconnect_site.loader import load_frozen, load_site
from bconnect_site.model import Site
from bconnect_site.plan import StateLayout
from bconnect_site.regions import load_region

OK, FAILED = 0, 1


@dataclass(frozen=True)
class Desk:
    """A site's ledger, opened beside whatever else writes it."""

    site: Site
    layout: StateLayout
    config: Path
    ledger: Ledger
    zone: ZoneInfo


def ledger(argv: Sequence[str]) -> int:
    """bconnect ledger upgrade|check URL|SITE"""
    parser = _parser("ledger", "bring a ledger to this software's schema, or check its chains")
    parser.add_argument("what", choices=("upgrade", "check"))
    parser.add_argument("where", help="URL of the database, or a site")
    _with_state(parser)
    options = parser.parse_args(argv)
    url = options.where
    if "://" not in url:
        layout, site, _ = _of_site(options.where, options.state)
        url = database_url(site.ledger, layout)
    with _sentences():
        url = bookkeeping.database_of(url)
        before = revision_of(url) if options.what == "check" else _before(url)
        if options.what == "upgrade":
            Ledger(url, ZoneInfo("UTC"), sole=False).close()
            was = "was empty" if before is None else f"was at {before}"
            print(f"ledger: {was}, is at {HEAD}")
            return OK
        if before != HEAD:
            raise ConfigError(
                f"ledger: is at {before or 'nothing'}, this software needs {HEAD}; "
                f"run `bconnect ledger upgrade {options.where}`"
            )
        return _check(url)


def _before(url: str) -> str | None:
    """None also where there is no file yet: the upgrade makes it."""
    try:
        return revision_of(url)
    except LedgerError as error:
        if "no ledger there" in str(error):
            return None
        raise


def _check(url: str) -> int:
    opened = Ledger(url, ZoneInfo("UTC"), sole=False)
    try:
        line, event = opened.broken_line(), opened.broken_event()
        unfinished = opened.unfinished_erasures()
    finally:
        opened.close()
    if line is not None:
        print(f"citations: the chain breaks at {line.number}, {word(line.status)}")
    if event is not None:
        print(f"events: the chain breaks at {event.kind} of {event.subject}")
    if unfinished:
        print(f"erasures: {len(unfinished)} begun and not finished; run `bconnect retain SITE`")
    if line is None and event is None:
        print(f"ledger: at {HEAD}; both chains hold")
    return FAILED if line or event else OK


def refer_case(argv: Sequence[str]) -> int:
    """bconnect refer NUMBER --out DIR --by WHO"""
    parser = _parser("refer", "the package of a confirmed case, for validation by the police")
    parser.add_argument("number", help="e.g. BC-demo-2026-000001")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where it goes")
    parser.add_argument("--by", required=True, metavar="WHO", help="who hands it out")
    parser.add_argument("--why", default="validation by the police", help="to whom, for what")
    parser.add_argument(
        "--originals", action="store_true", help="with the pictures and the clip as they were"
    )
    _with_state(parser)
    options = parser.parse_args(argv)
    site = options.number.partition("-")[2].rpartition("-")[0].rpartition("-")[0]
    if not options.number.startswith("BC-") or not site:
        raise ConfigError(
            f'number: found "{options.number}", needs the form BC-<site>-<year>-<serial>'
        )
    with _desk(site, options.state) as desk:
        case = desk.ledger.case(options.number)
        if case is None:
            raise ConfigError(f'number: no citation is called "{options.number}"')
        package = _package(desk, case, options.originals)
        _write_down(desk, case, package, options.by, options.why)
        try:
            for path in put(package, options.out):
                print(path)
        except OSError as error:
            raise ConfigError(f"{options.out}: cannot be written: {error.strerror}") from None
    return OK


def _write_down(desk: Desk, case: Case, package: Package, who: str, why: str) -> None:
    """First the lines, then the files: nothing goes out that is not written down."""
    detail = {
        "zip_sha256": package.sha256,
        "manifest_sha256": case.violation.manifest_sha256,
        "originals": package.originals,
    }
    told, now = json.dumps(detail, sort_keys=True), _now()
    desk.ledger.note(Event(REFERRAL, desk.site.site, case.number, who, why, now, told))
    store, folder = desk.layout.evidence_dir, Path(case.violation.manifest).parent
    if package.originals and (store / folder.parents[1] / sealed.CHAIN).is_file():
        access_log.write(store, now, who.strip(), why.strip(), "copied", [folder.name])


def _package(desk: Desk, case: Case, originals: bool) -> Package:
    keys = desk.layout.keys_dir
    try:
        setting = setting_of(case.violation, desk.site.title, desk.zone, desk.site.law, desk.config)
        referral = refer(case, setting)
        return pack(referral, case.violation, desk.layout.evidence_dir, keys, originals)
    except (Tampered, UnreadablePicture) as error:
        raise ConfigError(f"evidence: {error}") from None


def retain(argv: Sequence[str]) -> int:
    """bconnect retain SITE [--dry-run]"""
    parser = _parser("retain", "erase what was rejected, withdrawn or never became a case")
    parser.add_argument("site")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    _with_now(parser)
    _with_state(parser)
    options = parser.parse_args(argv)
    with _desk(options.site, options.state) as desk:
        now = _now(options.now, desk.zone)
        days = desk.site.evidence.retention_days
        if options.dry_run:
            due = desk.ledger.erasable(now, days)
            for one in due:
                print(f"{one.violation_id}: {one.why}; {one.rule}")
            print(f"retention: {len(due)} would be erased")
            return OK
        erase = eraser(desk.layout.evidence_dir, str(desk.layout.keys_dir))
        done = bookkeeping.retain(desk.ledger, erase, days, now, "bconnect retain")
    for one in done.erased:
        print(f"{one.violation_id}: erased, {one.why}")
    for sentence in done.failed:
        print(sentence)
    print(f"retention: {len(done.erased)} erased, {len(done.failed)} failed")
    return FAILED if done.failed else OK


def trust(argv: Sequence[str]) -> int:
    """bconnect trust SITE [--rearm CAMERA RULE --who WHO --why WHY]"""
    parser = _parser("trust", "how often officers uphold each rule at each camera")
    parser.add_argument("site")
    parser.add_argument("--rearm", nargs=2, metavar=("CAMERA", "RULE"), help="by a human's act")
    parser.add_argument("--who", default="", help="needed to rearm")
    parser.add_argument("--why", default="", help="needed to rearm")
    _with_state(parser)
    options = parser.parse_args(argv)
    with _desk(options.site, options.state) as desk:
        if options.rearm:
            camera, rule = options.rearm
            kind = from_word(ViolationType, rule, "rule")
            desk.ledger.rearm(camera, kind, options.who, options.why, _now())
            print(f"{subject(camera, kind)}: armed again; only what is seen from now on counts")
            return OK
        marks = bookkeeping.marks_of(desk.site.ledger.trust)
        weighed, _ = desk.ledger.settle_trust(marks, _now())
        print(_trust_table(weighed) if weighed else "no citation has been decided yet")
    return OK


def compliance(argv: Sequence[str]) -> int:
    """bconnect compliance SITE --by speaker|phrase|hour"""
    parser = _parser("compliance", "how many do what the loudspeakers ask")
    parser.add_argument("site")
    parser.add_argument("--by", choices=BY, default="speaker")
    _with_state(parser)
    options = parser.parse_args(argv)
    with _desk(options.site, options.state) as desk:
        found = desk.ledger.compliance_by(options.by)
    print(_compliance_table(options.by, found) if found else "nobody was spoken to yet")
    return OK


def due_table(name: str, state: str | None, at: str | None) -> str:
    """bconnect citations SITE --due"""
    with _desk(name, state) as desk:
        region = load_region(desk.site.ledger.region, config_dir=desk.config)
        now = _now(at, desk.zone)
        waiting = due(
            desk.ledger.pending(), lambda s: region.deadline("validation", s, desk.zone), now
        )
    rows = [
        (
            d.line.number,
            word(d.line.type),
            d.line.camera,
            local(d.line.violation_stamp, desk.zone),
            "none known" if d.deadline is None else local(d.deadline - 1, desk.zone),
            "OVERDUE" if d.overdue else "",
        )
        for d in waiting
    ]
    over = sum(d.overdue for d in waiting)
    head = f"{len(waiting)} pending, {over} overdue; deadlines of {region.title}"
    if region.is_unsure("validation", bookkeeping.local_day(now, desk.zone)):
        head += " [unsure]"
    heads = ("NUMBER", "VIOLATION", "CAMERA", "WHEN", "VALIDATE BY", "")
    return f"{head}\n{table(heads, rows)}" if rows else head


def _trust_table(weighed: list[RuleTrust]) -> str:
    rows = [
        (
            t.camera,
            word(t.type),
            f"{t.upheld}/{t.decided}",
            _share(t.precision),
            f"{_share(t.low)} to {_share(t.high)}",
            _share(t.mark),
            "observe only" if t.observe_only else "armed",
            t.detail,
        )
        for t in weighed
    ]
    return table(("CAMERA", "RULE", "UPHELD", "SHARE", "95 %", "MARK", "STATE", "WHY"), rows)


def _compliance_table(by: str, found: list[Heeding]) -> str:
    rows = [
        (
            h.group,
            str(h.complied),
            str(h.ignored),
            str(h.unknown),
            _share(h.rate),
            f"{_share(h.low)} to {_share(h.high)}",
            "-" if math.isnan(h.delay) else f"{h.delay:.1f} s",
        )
        for h in found
    ]
    heads = (by.upper(), "COMPLIED", "IGNORED", "OUT OF SIGHT", "RATE", "95 %", "MEDIAN DELAY")
    return table(heads, rows)


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"


def _parser(name: str, words: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"bconnect {name}", description=words)


def _with_state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")


def _with_now(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--now", metavar="TIME", help="as if it were this local time (ISO)")


def _now(text: str | None = None, zone: ZoneInfo | None = None) -> int:
    """ns; the machine's clock, or a local time."""
    if text is None or zone is None:
        return clock.now()
    try:
        return bookkeeping.moment(text, zone)
    except ValueError:
        raise ConfigError(f'--now: found "{text}", needs the form 2026-11-24T08:00') from None


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except (LedgerError, Refused, StoreError) as error:
        raise ConfigError(str(error)) from None


def _of_site(name: str, state: str | None) -> tuple[StateLayout, Site, Path]:
    """State, site and config folder: of the frozen site where it ran, else of its file."""
    layout = layout_of(name, state)
    if layout.site_file.is_file():
        loaded = load_frozen(layout.site_file)
    else:
        loaded = load_site(resolve_site(name))
        layout = StateLayout.of(state_root(state), loaded.site.site)
    return layout, loaded.site, loaded.config_dir or find_config_dir()


@contextmanager
def _desk(name: str, state: str | None) -> Iterator[Desk]:
    layout, site, config = _of_site(name, state)
    zone = ZoneInfo(site.timezone)
    with _sentences():
        url = bookkeeping.database_of(database_url(site.ledger, layout))
        if url == layout.database and not (layout.root / "ledger.sqlite3").is_file():
            raise ConfigError(
                f"{layout.root}: no ledger there; has the site run here? "
                "(--state names another folder)"
            )
        opened = Ledger(url, zone, site.site, sole=False)
        try:
            yield Desk(site, layout, config, opened, zone)
        finally:
            opened.close()
