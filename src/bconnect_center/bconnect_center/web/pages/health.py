"""Whether this server works, for programs that watch it."""

from fastapi import APIRouter, Request
from sqlalchemy import text

from bconnect_center.web.guard import house_of

router = APIRouter()


@router.get("/healthz", tags=["health"])
def healthz(request: Request) -> dict[str, str]:
    """Answers when both databases do."""
    house = house_of(request)
    for store in (house.database, house.ledger):
        with store.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    return {"status": "ok"}
