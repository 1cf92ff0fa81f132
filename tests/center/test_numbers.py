"""Whether behaviour changes: the maths by hand, the pages as people read them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # street_numbers
from street_numbers import Street

from bconnect_site.kinds import CitationStatus, Outcome, RoadUserKind, ViolationType

@pytest.fixture
def street(house) -> Street:
    return Street(house)


def fill(street: Street) -> None:
    """Six weeks before 21.09.2026 (a Monday evening, UTC): fewer and fewer."""
    from datetime import date, timedelta

    for week in range(7):
        monday = date(2026, 8, 10) + timedelta(7 * week)
        for day in range(7 if week < 6 else 1):
            when = (monday + timedelta(day)).isoformat()
            for hour in (7, 12, 17):
                street.passed(f"{when} {hour:02d}:00:00", 300 + 10 * day)
                street.passed(f"{when} {hour:02d}:00:00", 200, RoadUserKind.MOTORCYCLE)
            for n in range(max(1, 6 - week)):
                kind = ViolationType.ILLEGAL_PARKING if n % 2 else ViolationType.RED_LIGHT
                user = RoadUserKind.CAR if n % 3 else RoadUserKind.MOTORCYCLE
                number = street.violate(f"{when} {(7, 12, 17)[n % 3]:02d}:20:00", kind, user,
                                        cite=n == 0)  # fmt: skip
                if number:
                    street.decide(
                        number,
                        CitationStatus.REJECTED if day == 3 else CitationStatus.CONFIRMED,
                        60.0 + 10 * day,
                    )
                street.warn(f"{when} 17:30:00", Outcome.COMPLIED if n else Outcome.IGNORED)


def test_the_page(tab, centre, street, shot) -> None:
    fill(street)
    street.observe_only("timur", "red_light")
    tab.sign_in("viewer", "/numbers")
    shot(tab, "numbers")
    tab.go("/numbers?date=2026-09-01&around=3")
    shot(tab, "numbers_change")
    tab.go("/numbers/cameras")
    shot(tab, "numbers_cameras")
    tab.go("/public")
    shot(tab, "public")
