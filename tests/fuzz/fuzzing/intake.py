"""The centre's intake as strangers see it: tus requests over ASGI, receipts, whole uploads."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from bconnect_site.disk import sha256
from bconnect_spool.adapters import crypt, parcel
from bconnect_spool.core.item import Item
from bconnect_spool.intake import Intake, registered
from fuzzing.engine import Run, Target, Wrong
from fuzzing.seals import NOW, ring

_SECRET = crypt.new_identity()
_PARCELS: dict[str, bytes] = {}


def _parcel(folder: Path) -> bytes:
    """An enciphered parcel, the same for the whole run."""
    if "a1" not in _PARCELS:
        place = folder / "sealed"
        place.mkdir()
        (place / "manifest.json").write_bytes(b"{}\n")
        parcel.pack(place, folder / "p.tar")
        crypt.encrypt(folder / "p.tar", folder / "p.age", crypt.recipient(_SECRET[1]))
        _PARCELS["a1"] = (folder / "p.age").read_bytes()
        (folder / "p.age").unlink()
    return _PARCELS["a1"]


def _item(folder: Path) -> Item:
    data = _parcel(folder)
    (folder / "x.age").write_bytes(data)
    digest = sha256(folder / "x.age")
    return Item("etle_01", "a1", digest, len(data), NOW, ring("unit").key_id)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _requests(folder: Path) -> Sequence[bytes]:
    """A conversation is requests, each "METHOD path", headers, an empty line, a body in hex;
    %ID% stands for what the last POST said."""
    head = _item(folder).to_bytes()
    signature = base64.b64encode(ring("unit").sign(head))
    told = f"header {_b64(head)},signature {_b64(signature)},filename {_b64(b'a1.age')}"
    data = _parcel(folder)
    create = f"POST /files\ntus-resumable: 1.0.0\nupload-length: {len(data)}\n"
    create += f"upload-metadata: {told}\n\n"
    tus, kind = "tus-resumable: 1.0.0\n", "content-type: application/offset+octet-stream\n"
    offset = f"PATCH /files/%ID%\n{tus}{kind}"
    whole = f"{offset}upload-offset: 0\ncontent-length: {len(data)}\n\n{data.hex()}"
    half = f"{offset}upload-offset: 0\ncontent-length: 50\n\n{data[:50].hex()}"
    rest = f"{offset}upload-offset: 50\ncontent-length: {len(data) - 50}\n\n{data[50:].hex()}"
    look = "HEAD /files/%ID%\ntus-resumable: 1.0.0\n\n"
    receipt = "GET /receipts/etle_01/a1\n\n"
    talks = [
        (create, whole, receipt), (create, half, look, rest, receipt), (create, look), (receipt,),
        ("GET /receipts/../keys\n\n",), ("OPTIONS /files\n\n",), ("DELETE /files/%ID%\n\n",),
        (create, "PATCH /files/..%2fwhole\ntus-resumable: 1.0.0\nupload-offset: 0\n\nff"),
    ]  # fmt: skip
    return ["\n====\n".join(talk).encode() for talk in talks]


async def _ask(
    app: Any, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> Any:
    from urllib.parse import unquote

    sent: list[dict[str, Any]] = []
    asked = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return asked.pop(0) if asked else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": unquote(path), "raw_path": path.encode("utf-8", "replace"),
        "query_string": b"", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8443),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


def _parsed(text: str) -> tuple[str, str, list[tuple[bytes, bytes]], bytes]:
    head, _, body = text.partition("\n\n")
    lines = head.strip("\n").split("\n")
    method, _, path = lines[0].partition(" ")
    pairs = [line.partition(":") for line in lines[1:] if ":" in line]
    headers = [
        (k.strip().lower().encode("latin-1", "replace"), v.strip().encode("latin-1", "replace"))
        for k, _, v in pairs
    ]
    try:
        data = bytes.fromhex(body.strip())
    except ValueError:
        data = body.encode("utf-8", "replace")
    return method.upper()[:10] or "GET", path[:300] or "/", headers, data


def _intake(folder: Path) -> Run:
    root = folder / "intake"
    units = registered({"etle_01": list(ring("unit").publics().values())})
    intake = Intake(
        root, ring("centre"), _SECRET[0], units, now=lambda: NOW, least_free=0, largest=1 << 20
    )
    app = FastAPI()
    app.include_router(intake.router())
    genuine = _item(folder)
    loop = asyncio.new_event_loop()
    before = {p for p in folder.iterdir()}

    def run(data: bytes) -> str:
        told, last = [], "none"
        for text in data.decode("utf-8", "replace").split("\n====\n")[:6]:
            method, path, headers, body = _parsed(text)
            path = path.replace("%ID%", last)
            sent = loop.run_until_complete(_ask(app, method, path, headers, body))
            status = sent[0]["status"] if sent else 0
            told.append(f"{method[:7]} {status}")
            if status == 500:
                raise Wrong(f"{method} {path}: 500")
            for name, value in sent[0]["headers"] if sent else ():
                if name == b"location":
                    last = value.decode("latin-1").rstrip("/").rpartition("/")[2]
        _checked(intake, genuine, folder, before)
        return " ".join(told)

    return run


def _checked(intake: Intake, genuine: Item, folder: Path, before: set[Path]) -> None:
    """Only what a unit signed has come in, and nothing lies outside."""
    arrived = [p for unit in intake.store.iterdir() for p in unit.iterdir()]
    if any((p.parent.name, p.name) != (genuine.unit, genuine.id) for p in arrived):
        raise Wrong(f"took in {arrived}")
    if {p for p in folder.iterdir()} != before:
        raise Wrong("something lies outside of the intake")
    for place in (intake.store, intake.receipts, intake.uploads, intake.whole):
        for path in sorted(place.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


TARGETS = (Target("tus requests", _intake, _requests, 0.7),)
