"""What the centre has goes from the vehicle, by its signed receipt; the chain still verifies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from spool_house import NOW, UNIT, House, Unit

from bconnect_detect import verify
from bconnect_detect.adapters.evidence_store import EvidenceStore
from bconnect_detect.core.evidence import CaseSettings, new_case
from bconnect_detect.core.manifest import Facts
from bconnect_detect.core.types import Finding, RoadUser
from bconnect_detect.core.verdict import State, worst
from bconnect_detect.sealing import Sealer
from bconnect_site import letter
from bconnect_site.disk import flush
from bconnect_site.keys import Keyring
from bconnect_site.kinds import RoadUserKind, ViolationType
from bconnect_spool.core.item import Receipt, to_text
from bconnect_spool.keeping import HOUR, Keeper, Keeping

IDS = ("aa-1", "bb-2", "cc-3")
STAYS = {"manifest.json", "manifest.sig", "erased.json"}


class Car:
    """A unit with three sealed violations, and its keeper."""

    def __init__(self, unit: Unit, house: House) -> None:
        self.unit, self.house = unit, house
        self.store = unit.root / "evidence"
        sealer = Sealer(EvidenceStore(self.store, unit.keys), Facts("0.1.0", "ab" * 32), {})
        self.folders = {id_: self._seal(sealer, id_, n) for n, id_ in enumerate(IDS)}

    def _seal(self, sealer: Sealer, id_: str, number: int) -> Path:
        user = RoadUser(RoadUserKind.CAR, 1, 0.9, (10.0, 10.0, 50.0, 50.0))
        finding = Finding(
            id_, ViolationType.WRONG_WAY, UNIT, "depan", "z", NOW + number, NOW, user, 640, 360
        )
        directory = sealer.directory(finding)
        sealer.seal(new_case(finding, directory + ".partial", 1, 0, CaseSettings()), NOW)
        return self.store / directory

    def spool(self) -> None:
        for id_, folder in self.folders.items():
            self.unit.packer.pack(id_, folder, NOW)

    def send(self) -> None:
        while self.unit.courier.step() is not None:
            pass

    def keeper(self, when: str, hours: float = 24.0) -> Keeper:
        centre = next(iter(self.house.keys.publics().values()))
        keeping = Keeping(when, hours)
        return Keeper(self.store, self.unit.box, self.unit.keys, UNIT, centre, keeping)

    def verdict(self) -> State:
        return worst(verify.check(self.store, self.unit.keys.publics(), ""))

    def left(self, id_: str) -> set[str]:
        return {path.name for path in self.folders[id_].iterdir()}


@pytest.fixture
def car(unit: Unit, house: House) -> Iterator[Car]:
    yield Car(unit, house)


def test_a_receipt_lets_it_go_after_its_hours(car: Car) -> None:
    keeper, later = car.keeper("received"), NOW + 24 * HOUR
    car.spool()
    assert list(keeper.sweep(later + HOUR)) == [], "nothing has been received"
    car.send()
    assert list(keeper.sweep(later - 1)) == [], "it is kept some hours"
    assert len(list(keeper.sweep(later))) == 3
    assert all(car.left(id_) == STAYS for id_ in IDS)
    assert car.verdict() == State.WHOLE, "the chain still verifies"
    told = letter.read((car.folders["aa-1"] / "erased.json").read_bytes(), "erased.json")
    assert "the command centre has it: receipt" in told["why"] and told["rule"] == "centre.erase"
    assert list(keeper.sweep(later + HOUR)) == []


def test_never_is_never(car: Car) -> None:
    car.spool()
    car.send()
    assert list(car.keeper("never", 0.0).sweep(NOW + 999 * HOUR)) == []
    assert "violation.json" in car.left("aa-1")


def test_a_receipt_signed_by_a_stranger_erases_nothing(car: Car, tmp_path: Path) -> None:
    car.spool()
    stranger = Keyring.open(tmp_path / "stranger")
    for unit in (UNIT, "etle_02"):
        receipt = Receipt(unit, "aa-1", "ab" * 32, NOW, stranger.key_id).to_bytes()
        signer = stranger if unit == UNIT else car.house.keys
        done = car.unit.root / "spool" / "done" / "aa-1.json"
        done.write_bytes(to_text(receipt, signer.sign(receipt)))
        assert list(car.keeper("received", 0.0).sweep(NOW + 999 * HOUR)) == []
    done.write_bytes(b"{}")
    assert list(car.keeper("received", 0.0).sweep(NOW + 999 * HOUR)) == []


def test_what_waits_encrypted_may_go_and_still_arrives_whole(car: Car) -> None:
    car.spool()
    at = max(car.unit.box.packed_at(id_) or 0 for id_ in IDS)
    assert list(car.keeper("packed", 1.0).sweep(at)) == []
    assert len(list(car.keeper("packed", 1.0).sweep(at + HOUR))) == 3
    assert car.left("bb-2") == STAYS and car.verdict() == State.WHOLE
    assert len(car.unit.box) == 3, "what waits goes with its receipt only"
    car.send()
    arrived = {path.parent.name: path for path in car.house.root.rglob("violation.json")}
    assert set(arrived) == set(IDS)
    assert json.loads(arrived["bb-2"].read_text())["violation"]["id"] == "bb-2"


def test_an_erasure_that_was_cut_off_is_finished(car: Car, monkeypatch: pytest.MonkeyPatch) -> None:
    car.spool()
    car.send()
    keeper, later = car.keeper("received", 0.0), NOW + HOUR

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bconnect_site.erasing.flush", full)
    said = list(keeper.sweep(later))
    assert len(said) == 3 and all("cannot be erased now" in sentence for sentence in said)
    monkeypatch.setattr("bconnect_site.erasing.flush", flush)
    first = (car.folders["aa-1"] / "erased.json").read_bytes()
    assert len(list(keeper.sweep(later + HOUR))) == 3
    assert car.left("aa-1") == STAYS and car.verdict() == State.WHOLE
    assert (car.folders["aa-1"] / "erased.json").read_bytes() == first


def test_the_node_erases_and_does_not_spool_it_again(
    ros: Any, car: Car, house: House, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    from bconnect_site.keys import public_pem
    from bconnect_spool import spool_node

    (tmp_path / "centre.pub").write_bytes(public_pem(*house.keys.publics().values()))
    root = car.unit.root
    parameters = {
        "unit": UNIT,
        "evidence_dir": str(car.store),
        "spool_dir": str(root / "spool_of_node"),
        "keys_dir": str(root / "keys"),
        "url": f"http://127.0.0.1:{house.port}",
        "centre_key": str(tmp_path / "centre.pub"),
        "recipient": house.recipient,
        "erase": "received",
        "erase_hours": 0.0,
    }
    node = ros.add(spool_node.Spool, namespace=f"/{UNIT}", parameter_overrides=parameters)
    wait_for(lambda: len(house.taken) == 3 and len(node._box) == 0, timeout=30.0)
    node._look_through(node._closing, [node._store])
    node._erase(node._closing)
    assert all(car.left(id_) == STAYS for id_ in IDS)
    for receipt in (root / "spool_of_node" / "done").iterdir():
        receipt.unlink()
    node._look_through(node._closing, [node._store])
    assert len(node._box) == 0, "an erased folder is not spooled again"
