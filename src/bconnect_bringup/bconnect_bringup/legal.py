"""`bconnect law`: what would be cited on a day, and what of it is uncertain."""

import argparse
import textwrap
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bconnect_bringup.console import table
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.kinds import ViolationType, from_word, word, words
from bconnect_site.law import Article, Catalogue, Penalty, Support, load_catalogue
from bconnect_site.model import Site

ZONE = "Asia/Makassar"
LAW = str(Site.model_fields["law"].default)
SPEED = frozenset({ViolationType.SPEEDING, ViolationType.SECTION_SPEED})


def main(argv: Sequence[str] | None = None) -> int:
    """Prints it. Returns 0; raises ConfigError for an article, rule or day there is not."""
    parser = argparse.ArgumentParser(
        prog="bconnect law", description="What would be cited, and what of it is uncertain."
    )
    parser.add_argument("what", nargs="?", help='an article, e.g. "287(2)", or a rule; none: all')
    parser.add_argument("--on", metavar="DATE", help="e.g. 2026-01-01; default: today")
    parser.add_argument("--law", default=LAW, help=f"catalogue in config/law, default {LAW}")
    options = parser.parse_args(argv)
    catalogue, day = load_catalogue(options.law), _day(options.on)
    if options.what is None:
        print(_everything(catalogue, day))
    elif options.what in words(ViolationType):
        print(_rule(catalogue, from_word(ViolationType, options.what), day))
    else:
        print(_article(catalogue, _found(catalogue, options.what, day), day))
    return 0


def _day(text: str | None) -> date:
    if text is None:
        from rclpy.clock import Clock

        now = Clock().now().nanoseconds // 1_000_000_000
        return datetime.fromtimestamp(now, ZoneInfo(ZONE)).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f'--on: found "{text}"; needs a day such as 2026-01-02') from None


def _found(catalogue: Catalogue, text: str, day: date) -> Article:
    number = text.removeprefix(f"{catalogue.title} ").removeprefix("Art. ")
    try:
        return catalogue.explain(f"{catalogue.title} Art. {number}", day)
    except ConfigError:
        catalogue.version(day)  # no version on that day is another sentence
        parts = [known for known in catalogue.file.articles if known.startswith(f"{number}(")]
        if parts:
            raise ConfigError(
                f'article "{text}" has paragraphs; say which: {", ".join(parts)}'
            ) from None
        known = (*catalogue.file.articles, *words(ViolationType))
        raise ConfigError(
            f'no article or rule is called "{text}"{suggest(number, known)}'
        ) from None


def _everything(catalogue: Catalogue, day: date) -> str:
    rows = []
    for kind in ViolationType:
        for basis, number in catalogue.articles_of(kind, day).items() if kind else ():
            article = catalogue.explain(f"{catalogue.title} Art. {number}", day)
            threat = _threat(article.penalty)
            rows.append((word(kind), basis, f"Art. {number}", threat, _doubt(article)))
    head = ("RULE", "BASIS", "ARTICLE", "AT MOST", "UNCERTAIN")
    return "\n".join([*_version(catalogue, day), "", table(head, rows)])


def _rule(catalogue: Catalogue, kind: ViolationType, day: date) -> str:
    found = catalogue.articles_of(kind, day)
    if not found:
        raise ConfigError(f"{catalogue.title}: no article for {word(kind)}; it cites nothing")
    by_number: dict[str, list[str]] = {}
    for basis, number in found.items():
        by_number.setdefault(number, []).append(basis)
    lines = _version(catalogue, day)
    for number, bases in by_number.items():
        article = catalogue.explain(f"{catalogue.title} Art. {number}", day)
        lines += ["", *_lines(article), f"  cited for {word(kind)} on the basis {', '.join(bases)}"]
    topics = ("evidence", "speed") if kind in SPEED else ("evidence",)
    return "\n".join([*lines, "", *_support(catalogue, topics, kind in SPEED)])


def _article(catalogue: Catalogue, article: Article, day: date) -> str:
    cited = [
        f"{word(kind)} ({basis})"
        for kind in ViolationType
        if kind
        for basis, number in catalogue.articles_of(kind, day).items()
        if number == article.number
    ]
    by = ", ".join(cited) or "no rule of this software"
    return "\n".join([*_version(catalogue, day), "", *_lines(article), f"  cited for {by}"])


def _version(catalogue: Catalogue, day: date) -> list[str]:
    version = catalogue.version(day)
    until = f" until {version.valid_to}" if version.valid_to else ""
    lines = [
        f"on {day}: {catalogue.version_name(day)}, in force from {version.valid_from}{until}",
        f"  source: {version.source}",
    ]
    if version.unsure or version.note:
        mark = "UNCERTAIN" if version.unsure else "note"
        lines += textwrap.wrap(f"{mark}: {version.note or 'not settled'}", 96, initial_indent="  ",
                               subsequent_indent="    ")  # fmt: skip
    if version.fine_categories:
        named = ", ".join(f"{k} Rp{v:,}" for k, v in version.fine_categories.items())
        lines.append(f"  fine categories: {named}")
    return lines


def _lines(article: Article) -> list[str]:
    doubt = _doubt(article)
    return [
        f"{article.text}: {article.conduct}",
        f"  refers to Art. {article.refers_to}",
        f"  at most {_threat(article.penalty)}" + (f"  [uncertain: {doubt}]" if doubt else ""),
    ]


def _threat(penalty: Penalty) -> str:
    fine = f"Rp{penalty.fine:,}" if penalty.fine is not None else ""
    return " or ".join(part for part in (penalty.jail or "", fine) if part) or "not known"


def _doubt(article: Article) -> str:
    if article.penalty.unsure:
        return article.penalty.note or "could not be confirmed"
    return "the version is not settled" if article.version_unsure else ""


def _support(catalogue: Catalogue, topics: Sequence[str], speed: bool) -> list[str]:
    found: dict[str, Support] = {}
    for topic in topics:
        found |= {f"{s.law} Art. {s.article}": s for s in catalogue.supporting(topic)}
    lines = ["supported by"] if found else []
    for name, text in found.items():
        doubt = f"  [uncertain: {text.note or 'not confirmed'}]" if text.unsure else ""
        lines.append(f"  {name}: {text.says}{doubt}")
    for name, limit in catalogue.file.speed_limits.items() if speed else ():
        lowest = f"{limit.lowest} to " if limit.lowest is not None else ""
        lines.append(f"    {name.replace('_', ' ')}: {lowest}{limit.highest} km/h")
    return lines
