"""Uploads by the tus protocol 1.0.0 (core and creation), with httpx.

Not tuspy, the protocol's own Python client: its requests carry no timeout, and a dead LTE link
would hold a unit's spool for ever.
"""

import base64
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from bconnect_spool.core.item import Malformed, from_text

VERSION = {"Tus-Resumable": "1.0.0"}
GONE = frozenset({403, 404, 410})


class LinkError(RuntimeError):
    """The centre could not be reached or could not take it now; str() is one sentence."""


class Refused(LinkError):
    """The centre does not want it; trying again does not help before something is mended."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the centre said when asked for a receipt."""

    signed: bytes
    signature: bytes


class TusClient:
    """Speaks to one centre.

    ``wait(bytes)`` is called before each chunk and may hold it back. ``addresses`` remembers by
    item where its upload goes on.
    """

    def __init__(
        self,
        url: str,
        wait: Callable[[int], None],
        addresses: MutableMapping[str, str],
        *,
        chunk: int = 256 * 1024,
        timeout: float = 20.0,
        verify: bool | str = True,
    ) -> None:
        self._url = url.rstrip("/")
        self._wait, self._chunk = wait, chunk
        self._http = httpx.Client(timeout=timeout, verify=verify, headers=VERSION)
        self._uploads = addresses

    def close(self) -> None:
        self._http.close()

    def upload(self, id_: str, file: Path, size: int, metadata: dict[str, bytes]) -> None:
        """Sends what is missing of a file. Raises LinkError, Refused, OSError."""
        address = self._uploads.get(id_) or self._create(id_, size, metadata)
        offset = self._offset(address)
        if offset is None or offset > size:
            self._uploads.pop(id_, None)
            address = self._create(id_, size, metadata)
            offset = self._offset(address) or 0
        with file.open("rb") as stream:
            while offset < size:
                stream.seek(offset)
                piece = stream.read(self._chunk)
                self._wait(len(piece))
                offset = self._patch(id_, address, offset, piece)

    def forget(self, id_: str) -> None:
        """The next upload of this item begins anew."""
        self._uploads.pop(id_, None)

    def receipt(self, unit: str, id_: str) -> Answer | None:
        """The centre's receipt; None: it does not have the item. Raises LinkError, Refused."""
        answer = self._ask("GET", f"{self._url}/receipts/{unit}/{id_}")
        if answer.status_code == 404:
            return None
        self._check(answer, "receipt")
        try:
            return Answer(*from_text(answer.content))
        except Malformed:
            raise LinkError("the centre's receipt is not one") from None

    def _create(self, id_: str, size: int, metadata: dict[str, bytes]) -> str:
        told = ",".join(f"{k} {base64.b64encode(v).decode()}" for k, v in metadata.items())
        answer = self._ask(
            "POST",
            f"{self._url}/files",
            headers={"Upload-Length": str(size), "Upload-Metadata": told},
        )
        self._check(answer, "upload")
        place = answer.headers.get("location", "").rsplit("/", 1)[-1]
        if not place.isalnum():
            raise LinkError("the centre named no address to upload to")
        # Only its last part: behind a proxy the centre does not know its own name.
        self._uploads[id_] = address = f"{self._url}/files/{place}"
        return address

    def _offset(self, address: str) -> int | None:
        answer = self._ask("HEAD", address)
        if answer.status_code in GONE:
            return None
        self._check(answer, "upload")
        return _whole(answer.headers.get("upload-offset"))

    def _patch(self, id_: str, address: str, offset: int, piece: bytes) -> int:
        answer = self._ask(
            "PATCH",
            address,
            headers={
                "Upload-Offset": str(offset),
                "Content-Type": "application/offset+octet-stream",
            },
            content=piece,
        )
        if answer.status_code in GONE:
            self._uploads.pop(id_, None)
        self._check(answer, "upload")
        reached = _whole(answer.headers.get("upload-offset"))
        if reached is None or not offset < reached <= offset + len(piece):
            raise LinkError(f"the centre says offset {reached} after {offset} and {len(piece)}")
        return reached

    def _ask(self, method: str, url: str, **how: object) -> httpx.Response:
        try:
            return self._http.request(method, url, **how)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            why = " ".join(str(error).split()) or type(error).__name__
            raise LinkError(f"the centre cannot be reached: {why[:200]}") from None
        except httpx.InvalidURL as error:
            raise LinkError(f"the centre's address is none: {error}") from None

    def _check(self, answer: httpx.Response, what: str) -> None:
        status = answer.status_code
        if status < 300:
            return
        why = _detail(answer)
        if status in (400, 401, 403, 413, 415, 422):
            raise Refused(f"the centre refuses the {what} ({status}): {why}")
        raise LinkError(f"the centre cannot take the {what} now ({status}): {why}")


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _detail(answer: httpx.Response) -> str:
    try:
        told = answer.json()
        why = str(told["detail"]) if isinstance(told, dict) else ""
    except (ValueError, KeyError):
        why = ""
    return " ".join(why.split())[:200] or answer.reason_phrase or "no reason given"
