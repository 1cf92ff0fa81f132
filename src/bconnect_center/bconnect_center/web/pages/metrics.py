"""/metrics for Prometheus: what waits, what is away, how old the news is."""

import hmac
from pathlib import Path

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select
from starlette.responses import Response

from bconnect_center.adapters.tables import decisions, feed, sessions, states
from bconnect_center.web.guard import Refusal, address_of, house_of
from bconnect_enforce.adapters.ledger.tables import citations, violations

router = APIRouter()
LOOPBACK = ("127.0.0.1", "::1")
TOKEN = "metrics.token"


@router.get("/metrics", tags=["health"], response_class=Response, responses={403: {}})
def metrics(request: Request) -> Response:
    """From this machine, or with the bearer token of the file metrics.token in the root."""
    house = house_of(request)
    if address_of(request) not in LOOPBACK or "x-forwarded-for" in request.headers:
        _check_token(request, house.loaded.root / TOKEN)
    registry = CollectorRegistry()

    def gauge(name: str, words: str, value: float) -> None:
        Gauge(f"bconnect_center_{name}", words, registry=registry).set(value)

    now = house.now()
    with house.database.reading() as c:
        heard = c.scalar(select(func.max(feed.c.heard)))
        open_sessions = c.scalar(select(func.count()).select_from(sessions))
        waiting = select(func.count()).where(decisions.c.state == "waiting")
        waiting_decisions = c.scalar(waiting)
        listeners = c.execute(select(states.c.site, states.c.heard).where(states.c.kind == "site"))
        age = Gauge("bconnect_center_site_age_seconds", "s since a site was heard", ["site"],
                    registry=registry)  # fmt: skip
        for site, stamp in listeners:
            age.labels(site).set((now - stamp) / 1e9)
    with house.ledger.engine.connect() as c:
        last = c.scalar(select(func.max(citations.c.line)))
        newest = c.scalar(select(func.max(violations.c.stamp)))
    gauge("sessions", "signed-in browsers", open_sessions or 0)
    gauge("decisions_waiting", "decisions in their undo window", waiting_decisions or 0)
    gauge("feed_age_seconds", "s since the newest line of the feed", _age(now, heard))
    gauge("ledger_lines", "lines of the ledger", last or 0)
    gauge("violation_age_seconds", "s since the newest violation happened", _age(now, newest))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _age(now: int, stamp: int | None) -> float:
    return (now - stamp) / 1e9 if stamp else float("nan")


def _check_token(request: Request, path: Path) -> None:
    try:
        held = path.read_text(encoding="utf-8").strip()
    except OSError:
        held = ""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not held or not hmac.compare_digest(held.encode(), given.encode()):
        raise Refusal(403, "metrics: from this machine, or with its token")
