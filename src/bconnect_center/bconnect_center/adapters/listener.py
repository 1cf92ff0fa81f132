"""The pages' way to a site's listener: signed orders, recordings, pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from socket import gethostname

import httpx

from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.adapters.token import token_of
from bconnect_center.house import House
from bconnect_site.errors import ConfigError
from bconnect_site.orders import LONGEST, SECOND, Value
from bconnect_site.signer import Signer

PATIENCE = 9.0  # s; a site's service has six
VALID = 30 * SECOND  # ns an order is worth something, unless said otherwise
KEYS = "keys"  # folder under the centre's root


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an order. `sentence`: why not, or what the site said."""

    done: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Still:
    """A picture of a camera; `stamp` ns at exposure, `jpeg` empty: `sentence` says why."""

    jpeg: bytes
    stamp: int
    sentence: str = ""


class Listener:
    """One per request is fine; safe from any thread."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._store = LiveStore(house.database)

    def order(
        self, site: str, kind: str, fields: Mapping[str, Value], valid: int = VALID
    ) -> Answer:
        """Signs and gives an order (kinds and fields: bconnect_site.orders). Never raises for
        what is away: the answer says so. Raises ValueError for fields no order has.

        `fields["site"]` need not be given.
        """
        now = self._house.now()
        try:
            signer = Signer(self._house.loaded.root / KEYS)
        except ConfigError as error:
            return Answer(False, str(error))
        valid = min(valid, LONGEST[kind])
        order = signer.sign(kind, {"site": site, **fields}, now, now + valid)
        return self._post(site, "/order", order.to_json().encode())

    def recording(self, site: str, wav: bytes) -> Answer:
        """Hands the speakers of a site the sound that an order will name by its digest."""
        return self._post(site, "/recording", wav)

    def still(self, site: str, camera: str) -> Still:
        """The camera's present picture."""
        try:
            answer = httpx.get(
                f"{self.url(site)}/still", params={"camera": camera}, headers=self.headers(),
                timeout=PATIENCE,
            )  # fmt: skip
            if answer.status_code == 200:
                return Still(answer.content, int(answer.headers.get("x-stamp", "0")))
            return Still(b"", 0, str(answer.json().get("sentence", answer.status_code)))
        except (httpx.HTTPError, ValueError, ConfigError) as error:
            return Still(b"", 0, _away(site, error))

    def url(self, site: str) -> str:
        """Where the site's listener is. Raises ConfigError where none is known."""
        live = self._house.file.live.get(site)
        if live is not None and live.url:
            return live.url.rstrip("/")
        cell = self._store.cell(site, "listener", gethostname()[:96])
        if live is None or cell is None or not cell.told.get("url"):
            raise ConfigError(f"{site}: nothing listens to it live from here")
        return str(cell.told["url"])

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {token_of(self._house.loaded.root)}"}

    def _post(self, site: str, path: str, data: bytes) -> Answer:
        try:
            answer = httpx.post(
                f"{self.url(site)}{path}", content=data, headers=self.headers(), timeout=PATIENCE
            )
            told = answer.json()
            return Answer(bool(told.get("done")), str(told.get("sentence", "")))
        except (httpx.HTTPError, ValueError, ConfigError) as error:
            return Answer(False, _away(site, error))


def _away(site: str, error: Exception) -> str:
    if isinstance(error, ConfigError):
        return str(error)
    return f"{site}: its listener does not answer; is the site reachable?"
