"""What units send by the spool: real parcels over the real intake into the ledger."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))

from case_maker import Maker
from review_house import status

from bconnect_center.adapters.folders import Folders
from bconnect_center.adapters.tables import feed
from bconnect_center.web import arriving
from bconnect_center.web.app import create_app
from bconnect_enforce.adapters.ledger.tables import citations
from bconnect_site.keys import Keyring
from bconnect_spool.adapters import crypt
from bconnect_spool.adapters.box import Box
from bconnect_spool.adapters.tus_client import LinkError, TusClient
from bconnect_spool.core.item import Item
from bconnect_spool.courier import Courier, Packer

UNIT = "etle_01"
SECOND = 1_000_000_000


class Vehicle:
    """A unit with sealed folders and a spool."""

    def __init__(self, root: Path, url: str, recipient: str, centre_key: Any, name: str) -> None:
        self.maker = Maker(root / "evidence", site=UNIT)
        self.name, self.box = name, Box(root / "spool", 1 << 30)
        self.packer = Packer(name, self.box, self.maker.ring, recipient)
        self.client = TusClient(f"{url}/intake", lambda size: None, self.box.addresses())
        self.courier = Courier(self.box, self.client, centre_key)
        self.url, self.recipient, self.centre_key = f"{url}/intake", recipient, centre_key

    def pack(
        self, stamp: int, change: Callable[[Path], None] = lambda folder: None, **kw: Any
    ) -> str:
        violation = self.maker.seal(stamp, **kw)
        folder = (self.maker.root / violation.manifest).parent
        change(folder)
        assert self.packer.pack(violation.id, folder, stamp)
        return violation.id


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    Maker(tmp_path / "unit" / "evidence", site=UNIT)  # makes its keys
    path = tmp_path / "center.yaml"
    path.write_text(
        "title: Pusat Kendali\nroot: state\nlanguage: en\nunits: {etle_01: unit/keys}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def open_door(centre: Any, house: Any, wait_for: Callable[..., Any]) -> Iterator[Any]:
    """A second server of the centre, with the intake; (url, recipient, key of receipts)."""
    app = create_app(house)
    recipient = arriving.mount(app, house)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    server.config.timeout_graceful_shutdown = 1
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    keys = Keyring.open(house.loaded.root / "keys")
    yield f"http://127.0.0.1:{port}", recipient, next(iter(keys.publics().values()))
    server.should_exit = True
    thread.join(10.0)


@pytest.fixture
def unit(tmp_path: Path, open_door: Any) -> Iterator[Vehicle]:
    made = Vehicle(tmp_path / "unit", *open_door, UNIT)
    yield made
    made.client.close()


def send(unit: Vehicle) -> None:
    """Until nothing waits any more."""
    while unit.courier.step() is not None:
        pass


def _numbers(house: Any) -> list[str]:
    with house.ledger.reading() as c:
        return list(c.scalars(select(citations.c.number).order_by(citations.c.line)))


def acts(house: Any, what: str) -> list[str]:
    return [act.detail for _, act in house.audit.newest() if act.what == what]


def test_what_arrives_waits_for_an_officer(unit: Vehicle, centre: Any, house: Any) -> None:
    id_ = unit.pack(centre.clock() - 3600 * SECOND)
    send(unit)
    assert len(unit.box) == 0
    (number,) = _numbers(house)
    case = house.ledger.case(number)
    assert case.violation.id == id_ and status(house, number) == "pending_review"
    assert case.measures[0].policy == "spool.arrival" and "etle 01" in case.last.reason
    client = centre.client("validator")
    assert number in client.get("/review").text
    folders = Folders(house.loaded)
    assert folders.handed_over(folders.find(case.violation))  # so it is the centre's to decide
    page = client.get(f"/review/{number}")
    assert "whole and signed" in page.text
    with house.database.reading() as c:
        row = c.execute(feed.select()).one()
    assert (row.id, row.site) == (f"violation:{id_}", UNIT)
    assert "KT 1234 AB" not in json.dumps(row.told)


def test_the_same_item_twice_is_one_case(
    unit: Vehicle, centre: Any, house: Any, tmp_path: Path
) -> None:
    id_ = unit.pack(centre.clock() - 3600 * SECOND)
    send(unit)
    # the receipt was lost, and so was the unit's memory of having sent it
    again = Vehicle.__new__(Vehicle)
    again.maker, again.name, again.box = unit.maker, UNIT, Box(tmp_path / "other", 1 << 30)
    again.packer = Packer(UNIT, again.box, unit.maker.ring, unit.recipient)
    again.client = TusClient(unit.url, lambda size: None, again.box.addresses())
    again.courier = Courier(again.box, again.client, unit.centre_key)
    folder = next((unit.maker.root / UNIT).rglob(id_))
    again.packer.pack(id_, folder, 1)
    with pytest.raises(LinkError):  # the receipt is of the first parcel, encrypted differently
        send(again)
    assert len(_numbers(house)) == 1


def test_a_touched_folder_is_set_aside_and_noted(unit: Vehicle, centre: Any, house: Any) -> None:
    def touch(folder: Path) -> None:
        scene = folder / "scene.jpg"
        scene.write_bytes(scene.read_bytes() + b"x")

    unit.pack(centre.clock() - 3600 * SECOND, touch)
    send(unit)
    assert _numbers(house) == []
    assert "scene.jpg was touched" in acts(house, "arrival not believed")[0]


def test_of_another_site_it_is_not_taken(
    unit: Vehicle, centre: Any, house: Any, tmp_path: Path
) -> None:
    other = Maker(tmp_path / "unit" / "evidence", site="beruang_madu")
    violation = other.seal(centre.clock() - 3600 * SECOND)
    unit.packer.pack(violation.id, (other.root / violation.manifest).parent, 1)
    send(unit)
    assert _numbers(house) == []
    assert "sent by unit etle_01" in acts(house, "arrival not believed")[0]


def test_an_unknown_unit_is_turned_away(unit: Vehicle, centre: Any, house: Any) -> None:
    stranger = Packer("etle_99", unit.box, unit.maker.ring, unit.recipient)
    violation = unit.maker.seal(centre.clock())
    stranger.pack(violation.id, (unit.maker.root / violation.manifest).parent, 1)
    with pytest.raises(LinkError, match="not registered here"):
        send(unit)
    assert _numbers(house) == []


def _raw(unit: Vehicle, data: bytes, **changes: Any) -> None:
    """An item of any bytes, signed as it should be."""
    values: dict[str, Any] = {
        "unit": UNIT, "id": "a-1", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data),
        "stamp": 1, "key_id": unit.maker.ring.key_id,
    }  # fmt: skip
    item = Item(**(values | changes))
    file = unit.box.folder / "raw.part"
    file.write_bytes(data)
    unit.box.put(item, unit.maker.ring.sign(item.to_bytes()), file)


def test_garbage_is_no_case(unit: Vehicle, house: Any) -> None:
    _raw(unit, b"garbage" * 1000)
    with pytest.raises(LinkError):
        send(unit)
    assert _numbers(house) == []
    assert not (house.loaded.root / "intake" / "store" / UNIT / "a-1").exists()


def test_a_path_that_leads_out(unit: Vehicle, house: Any, tmp_path: Path) -> None:
    plain, hidden = tmp_path / "p.tar", tmp_path / "p.age"
    with tarfile.open(plain, "w") as parcel:
        info = tarfile.TarInfo("../../../evil.txt")
        info.size = 4
        parcel.addfile(info, io.BytesIO(b"evil"))
    crypt.encrypt(plain, hidden, crypt.recipient(unit.recipient))
    _raw(unit, hidden.read_bytes())
    with pytest.raises(LinkError):
        send(unit)
    assert list(house.loaded.root.rglob("evil.txt")) == []
    assert _numbers(house) == []


def test_a_huge_file_is_refused_before_it_is_sent(unit: Vehicle, house: Any) -> None:
    item = Item(UNIT, "a-2", "ab" * 32, 1 << 39, 1, unit.maker.ring.key_id)
    signature = unit.maker.ring.sign(item.to_bytes())
    metadata = {
        "header": item.to_bytes().decode(), "signature": base64.b64encode(signature).decode(),
    }  # fmt: skip
    told = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in metadata.items())
    import httpx

    answer = httpx.post(
        f"{unit.url}/files",
        headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(1 << 39), "Upload-Metadata": told},
    )
    assert answer.status_code in (400, 413, 507)
    assert _numbers(house) == []


def test_a_key_that_came_late(unit: Vehicle, centre: Any, house: Any, tmp_path: Path) -> None:
    other = Maker(tmp_path / "old" / "evidence", site=UNIT)
    violation = other.seal(centre.clock() - 3600 * SECOND)
    unit.packer.pack(violation.id, (other.root / violation.manifest).parent, 1)
    send(unit)
    assert _numbers(house) == []
    public = next((tmp_path / "old" / "keys").glob("*.pub"))
    (tmp_path / "unit" / "keys" / public.name).write_bytes(public.read_bytes())
    arriving.open_intake(house)
    assert len(_numbers(house)) == 1


def test_the_ledger_is_away(unit: Vehicle, centre: Any, house: Any, monkeypatch: Any) -> None:
    from bconnect_enforce.adapters.ledger import Ledger, LedgerBusy

    unit.pack(centre.clock() - 3600 * SECOND)
    with monkeypatch.context() as patched:

        def away(*_: Any) -> None:
            raise LedgerBusy("the ledger: locked")

        patched.setattr(Ledger, "store_violation", away)
        with pytest.raises(LinkError):
            send(unit)
    assert len(unit.box) == 1
    send(unit)
    assert len(_numbers(house)) == 1 and len(unit.box) == 0
