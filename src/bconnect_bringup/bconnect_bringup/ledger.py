"""Reads a site's ledger for people; never writes."""

from datetime import datetime
from zoneinfo import ZoneInfo

from bconnect_bringup.console import table
from bconnect_bringup.state import state_root
from bconnect_enforce.adapters.ledger import LedgerError, read_summary
from bconnect_enforce.bookkeeping import database_of
from bconnect_enforce.core.summary import Summary
from bconnect_site.errors import ConfigError
from bconnect_site.find import resolve_site
from bconnect_site.ledger import database_url
from bconnect_site.loader import load_frozen, load_site
from bconnect_site.plan import StateLayout


def layout_of(site: str, state: str | None) -> StateLayout:
    """The state of a site given by name or file; a name needs no file any more."""
    root = state_root(state)
    layout = StateLayout.of(root, site)
    if "/" not in site and layout.root.is_dir():
        return layout
    return StateLayout.of(root, load_site(resolve_site(site)).site.site)


def summary(layout: StateLayout) -> Summary:
    """What the ledger holds. Raises ConfigError where there is none."""
    try:
        return read_summary(url_of(layout), layout.root.name)
    except LedgerError as error:
        raise ConfigError(
            f"{error}; has the site run here? (--state names another folder)"
        ) from None


def url_of(layout: StateLayout) -> str:
    """Where the site's ledger is, as its frozen file says; else in its state folder."""
    try:
        settings = load_frozen(layout.site_file).site.ledger
    except ConfigError:
        return layout.database
    return database_of(database_url(settings, layout))


def zone_of(layout: StateLayout) -> ZoneInfo:
    """The site's time zone; UTC where its frozen file is gone."""
    try:
        return ZoneInfo(load_frozen(layout.site_file).site.timezone)
    except ConfigError:
        return ZoneInfo("UTC")


def to_table(found: Summary, zone: ZoneInfo) -> str:
    """Counts, then the citations that wait for an officer."""
    counts = ", ".join(f"{n} {word}" for word, n in sorted(found.citations.items())) or "none"
    lines = [f"citations: {counts}"]
    if found.pending:
        rows = [
            (
                line.number,
                line.type.name.lower(),
                line.camera,
                local(line.violation_stamp, zone),
                line.status.name.lower(),
                cut(line.reason),
            )
            for line in found.pending
        ]
        lines.append(table(("NUMBER", "VIOLATION", "CAMERA", "WHEN", "STATUS", "REASON"), rows))
    return "\n".join(lines)


def cut(text: str, longest: int = 72) -> str:
    """The text, or its beginning."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def local(stamp: int, zone: ZoneInfo) -> str:
    """A stamp [ns] as local date and time."""
    return f"{datetime.fromtimestamp(stamp / 1e9, tz=zone):%Y-%m-%d %H:%M:%S}"
