"""The intake of the spool, under /intake of the centre's address."""

from fastapi import FastAPI

from bconnect_center.adapters.arrivals import Arrivals
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.house import House
from bconnect_site.keys import Keyring, publics
from bconnect_spool.intake import Intake, registered
from bconnect_spool.serve import IDENTITY, identity

PATH = "/intake"


def open_intake(house: House) -> tuple[Intake, str]:
    """The intake of the units the centre's file names, and the age key they encrypt to.

    Raises ConfigError: a unit's keys cannot be read, or ours are open to others.
    """
    loaded = house.loaded
    keys = Keyring.open(loaded.root / "keys")
    secret, recipient = identity(loaded.root / "keys" / IDENTITY)
    units = registered(
        {unit: list(publics(loaded.near(given)).values()) for unit, given in
         loaded.file.units.items()}
    )  # fmt: skip
    root = loaded.root / "intake"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    arrivals = Arrivals(
        root, units, house.ledger, LiveStore(house.database), house.audit, house.zone, house.now
    )
    left = arrivals.again()
    if left:
        house.faults.append(f"intake: {left} items are not believed; see the audit log")
    return Intake(root, keys, secret, units, now=house.now, arrived=arrivals), recipient


def mount(app: FastAPI, house: House) -> str:
    """Lets units send to the centre; the age key they need, empty where it knows no units."""
    if not house.file.units:
        return ""
    intake, recipient = open_intake(house)
    inner = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    inner.include_router(intake.router())
    app.mount(PATH, inner, "intake")
    return recipient
