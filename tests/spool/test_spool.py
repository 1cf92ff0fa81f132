"""The spool: nothing is lost, each arrives once, nobody is believed without a signature."""

from __future__ import annotations

import base64
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spool_house import NOW, UNIT, House, Line, Unit

from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring
from bconnect_spool.adapters import box as box_module
from bconnect_spool.adapters import crypt, parcel
from bconnect_spool.adapters.box import Box, SpoolError, SpoolFull
from bconnect_spool.adapters.tus_client import LinkError, Refused
from bconnect_spool.core.item import Item, Malformed, Receipt
from bconnect_spool.core.pace import SECOND, Allowance, Backoff, next_of
from bconnect_spool.intake import Intake


def deliver(unit: Unit, attempts: int = 200) -> int:
    """Steps until nothing waits; how many attempts broke."""
    broken = 0
    for _ in range(attempts):
        try:
            if unit.courier.step() is None:
                return broken
        except LinkError as error:
            assert not isinstance(error, Refused), error
            broken += 1
    raise AssertionError(f"still {len(unit.box)} waiting after {attempts} attempts")


def same(one: Path, other: Path) -> bool:
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
    return all((one / f).read_bytes() == (other / f).read_bytes() for f in files)


def test_an_item_arrives_and_is_erased_after_its_receipt(unit: Unit, house: House) -> None:
    folder = unit.seal("a-1")
    assert len(unit.box) == 1
    assert deliver(unit) == 0
    assert same(folder, house.intake.store / UNIT / "a-1")
    assert house.taken == {f"{UNIT}/a-1": 1}
    assert len(unit.box) == 0 and not list((unit.root / "spool").glob("*.age"))
    kept = json.loads((unit.root / "spool" / "done" / "a-1.json").read_text())
    receipt = Receipt.from_bytes(kept["signed"].encode())
    assert (receipt.unit, receipt.id, receipt.received) == (UNIT, "a-1", NOW)
    assert not list(house.intake.uploads.glob("*")) or all(
        p.is_dir() for p in house.intake.uploads.glob("*")
    )


def test_a_unit_cannot_read_what_it_has_spooled(unit: Unit) -> None:
    unit.seal("a-1")
    (file,) = (unit.root / "spool").glob("*.age")
    data = file.read_bytes()
    assert data.startswith(b"age-encryption.org/v1") and b"manifest" not in data
    secret, _ = crypt.new_identity()
    assert not crypt.decrypt(file, unit.root / "plain", crypt.identity(secret))


def test_cut_at_every_chunk_boundary_and_in_between(unit: Unit, house: House, line: Line) -> None:
    folder = unit.seal("a-1", size=30_000)
    (file,) = (unit.root / "spool").glob("*.age")
    size = file.stat().st_size
    cuts = sorted({n * 4096 + d for n in range(size // 4096 + 2) for d in (-1, 0, 1, 2000)} - {-1})
    broken = 0
    for at in cuts:
        line.cut_after = at
        try:
            unit.courier.step()
        except LinkError:
            broken += 1
    line.cut_after = None
    deliver(unit)
    assert line.cuts > 5 and broken > 5
    assert house.taken == {f"{UNIT}/a-1": 1}
    assert same(folder, house.intake.store / UNIT / "a-1")


def test_an_upload_goes_on_where_it_broke(unit: Unit, line: Line, monkeypatch: Any) -> None:
    unit.seal("a-1", size=200_000)
    line.cut_after = 120_000
    with pytest.raises(LinkError, match="cannot be reached"):
        unit.courier.step()
    offsets: list[int] = []
    patch = unit.client._patch

    def noted(id_: str, address: str, offset: int, piece: bytes) -> int:
        offsets.append(offset)
        return patch(id_, address, offset, piece)

    monkeypatch.setattr(unit.client, "_patch", noted)
    deliver(unit)
    assert offsets[0] > 60_000, "what was there is not sent again"


def test_a_restarted_unit_goes_on_too(unit: Unit, house: House, line: Line, tmp_path: Path) -> None:
    unit.seal("a-1", size=200_000)
    line.cut_after = 120_000
    with pytest.raises(LinkError):
        unit.courier.step()
    again = Unit(unit.root, house, line.port, chunk=4096)
    assert len(again.box) == 1 and dict(again.box.addresses())
    deliver(again)
    assert house.taken == {f"{UNIT}/a-1": 1}


def test_a_restarted_centre_loses_nothing_and_takes_nothing_twice(unit: Unit, house: House) -> None:
    unit.seal("a-1")
    # The unit never heard that it arrived: the receipt was lost on the way.
    kept = unit.box.get("a-1")
    assert kept is not None
    signature = base64.b64encode(kept.signature)
    header = {
        "filename": b"a-1.age",
        "filetype": b"application/octet-stream",
        "header": kept.item.to_bytes(),
        "signature": signature,
    }
    unit.client.upload("a-1", kept.file, kept.item.size, header)
    house.intake.receipt(UNIT, "a-1")
    house.intake = house.new_intake()
    deliver(unit)
    assert house.taken == {f"{UNIT}/a-1": 1}


def test_any_order_any_number_of_units(house: House, tmp_path: Path) -> None:
    units = []
    for n in range(3):
        unit = Unit(tmp_path / f"unit{n}", house, house.port, name=f"etle_0{n}")
        house.register(unit.name, unit.keys)
        for m in range(5):
            unit.seal(f"v-{m}", size=2_000, priority=m, stamp=10 - m)
        units.append(unit)
    for unit in units:
        first = unit.courier.step()
        assert first is not None and first.id == "v-4", "the most important goes first"
    for unit in units:
        deliver(unit)
    assert house.taken == {f"etle_0{n}/v-{m}": 1 for n in range(3) for m in range(5)}


def test_a_full_disk_at_the_centre_is_said_and_waited_for(unit: Unit, house: House) -> None:
    unit.seal("a-1")
    house.fail = True
    with pytest.raises(LinkError, match=r"\(507\): the centre's disk: No space left"):
        unit.courier.step()
    assert len(unit.box) == 1
    house.fail = False
    deliver(unit)
    assert house.taken == {f"{UNIT}/a-1": 1}
    house.intake.least_free = 1 << 60
    unit.seal("a-2")
    with pytest.raises(LinkError, match="the centre's disk is full"):
        unit.courier.step()
    assert len(unit.box) == 1


def test_what_arrived_damaged_is_sent_again(
    unit: Unit, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = unit.seal("a-1")
    whole = Intake._is_whole

    def damaged(self: Intake, path: str, metadata: dict[str, Any]) -> None:
        data = bytearray(Path(path).read_bytes())
        data[len(data) // 2] ^= 1
        Path(path).write_bytes(bytes(data))
        whole(self, path, metadata)

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "_is_whole", damaged)
        with pytest.raises(LinkError, match="arrived damaged, it is sent again"):
            unit.courier.step()
    deliver(unit)
    assert same(folder, house.intake.store / UNIT / "a-1")


def test_two_units_with_one_name_are_told(unit: Unit, house: House, tmp_path: Path) -> None:
    other = Unit(tmp_path / "other", house, house.port)
    other.seal("a-1")
    with pytest.raises(Refused, match="two units must not share one name"):
        other.courier.step()
    unknown = Unit(tmp_path / "unknown", house, house.port, name="etle_99")
    unknown.seal("a-1")
    with pytest.raises(Refused, match="unit: found etle_99, it is not registered here"):
        unknown.courier.step()
    assert len(other.box) == len(unknown.box) == 1 and not house.taken


def test_a_receipt_signed_by_a_stranger_erases_nothing(
    unit: Unit, house: House, tmp_path: Path
) -> None:
    unit.seal("a-1")
    ours = house.keys
    house.intake.keys = Keyring.open(tmp_path / "stranger")
    with pytest.raises(Refused, match="signed by a stranger; nothing is erased"):
        unit.courier.step()
    assert len(unit.box) == 1
    house.intake.keys = ours
    (house.intake.receipts / f"{UNIT}.a-1.json").unlink()
    kept = unit.box.get("a-1")
    assert kept is not None
    other = Receipt(UNIT, "a-1", "0" * 64, NOW, ours.key_id)
    told = {
        "signed": other.to_bytes().decode(),
        "signature": base64.b64encode(ours.sign(other.to_bytes())).decode(),
    }
    (house.intake.receipts / f"{UNIT}.a-1.json").write_text(json.dumps(told))
    with pytest.raises(Refused, match="its receipt is another item's"):
        unit.courier.step()
    assert len(unit.box) == 1


def test_the_spool_is_bounded_and_says_so(house: House, tmp_path: Path) -> None:
    unit = Unit(tmp_path / "small", house, house.port, most_bytes=70_000)
    house.register(UNIT, unit.keys)
    unit.seal("a-1")
    unit.seal("a-2")
    with pytest.raises(SpoolFull, match="what comes waits in the evidence store"):
        unit.seal("a-3")
    deliver(unit)
    assert unit.packer.pack("a-3", unit.root / "evidence" / "a-3", 3), "there is room again"


def test_packed_twice_it_waits_once(unit: Unit) -> None:
    folder = unit.seal("a-1")
    assert not unit.packer.pack("a-1", folder, 1)
    deliver(unit)
    assert not unit.packer.pack("a-1", folder, 1), "receipted: it is not sent again"


@pytest.mark.parametrize("step", range(12))
def test_killed_at_any_step_of_packing_it_is_there_or_packed_again(
    unit: Unit, monkeypatch: Any, step: int
) -> None:
    """Every call that changes the disk is one where the power may fail."""
    calls = 0

    class Power(BaseException):
        pass

    def failing(real: Any) -> Any:
        def call(*args: Any, **keys: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > step:
                raise Power
            return real(*args, **keys)

        return call

    with monkeypatch.context() as patch:
        for name in ("replace", "fsync"):
            patch.setattr(box_module.os, name, failing(getattr(box_module.os, name)))
        with suppress(Power):
            unit.seal("a-1")
    box = Box(unit.root / "spool", 1 << 30)
    assert not box.broken and len(box) in (0, 1)
    if len(box) == 0:
        assert not list((unit.root / "spool").glob("*.age"))


def test_a_damaged_spool_is_said_and_its_evidence_spooled_again(unit: Unit) -> None:
    folder = unit.seal("a-1")
    unit.seal("a-2")
    (unit.root / "spool" / "a-1.age").write_bytes(b"short")
    (unit.root / "spool" / "a-2.json").write_text("{")
    box = Box(unit.root / "spool", 1 << 30)
    assert len(box) == 0 and len(box.broken) == 2
    assert "found 5 bytes" in box.broken[0] and "it is" not in box.broken[0].split(";")[0]
    unit.packer._box = box
    assert unit.packer.pack("a-1", folder, 1)


def test_a_spool_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="not a directory"):
        Box(tmp_path / "file" / "spool", 1)
    with pytest.raises(ConfigError, match="needs an age public key"):
        crypt.recipient("age1nonsense")
    with pytest.raises(ConfigError, match="holds no age secret key") as error:
        crypt.identity("AGE-SECRET-KEY-1XYZ")
    assert "XYZ" not in str(error.value)


def test_ten_thousand_wait_and_the_next_is_found(tmp_path: Path) -> None:
    keys = Keyring.open(tmp_path / "keys")
    folder = tmp_path / "spool"
    folder.mkdir()
    for n in range(10_000):
        item = Item(UNIT, f"v-{n}", "a" * 64, 3, n, keys.key_id, priority=n % 10)
        (folder / f"v-{n}.age").write_bytes(b"abc")
        told = {"signed": item.to_bytes().decode(), "signature": ""}
        (folder / f"v-{n}.json").write_text(json.dumps(told))
    box = Box(folder, 1 << 30)
    assert len(box) == 10_000 and box.size == 30_000
    first = next_of(box.items())
    assert first is not None and (first.priority, first.stamp) == (9, 9)


# -- what a stranger may send --------------------------------------------------------------


def begin(house: House, header: bytes, signature: bytes, length: int) -> Any:
    import httpx

    told = (
        f"header {base64.b64encode(header).decode()},"
        f"signature {base64.b64encode(base64.b64encode(signature)).decode()}"
    )
    return httpx.post(
        f"http://127.0.0.1:{house.port}/files",
        headers={
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(length),
            "Upload-Metadata": told,
        },
    )


def test_only_what_a_registered_unit_signed_may_begin(unit: Unit, house: House) -> None:
    unit.seal("a-1")
    kept = unit.box.get("a-1")
    assert kept is not None
    header, size = kept.item.to_bytes(), kept.item.size
    assert begin(house, header, kept.signature, size).status_code == 201
    assert begin(house, header, kept.signature, size + 1).status_code == 400
    assert begin(house, header, b"\0" * 64, size).status_code == 403
    longer = header.replace(b'"id":"a-1"', b'"id":"a-2"')
    assert begin(house, longer, kept.signature, size).status_code == 403
    assert begin(house, b"{}", kept.signature, size).status_code == 403
    assert begin(house, b"\xff\xfe", b"x", 1).status_code == 403
    up = header.replace(b'"id":"a-1"', b'"id":"../../a"')
    assert begin(house, up, unit.keys.sign(up), size).status_code == 403


@pytest.mark.parametrize("name", ["../up", "/abs", "a/../../b"])
def test_a_parcel_with_a_way_out_is_none(tmp_path: Path, name: str) -> None:
    import io
    import tarfile

    with tarfile.open(tmp_path / "bad.tar", "w") as bad:
        info = tarfile.TarInfo(name)
        info.size = 1
        bad.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(parcel.BadParcel):
        parcel.unpack(tmp_path / "bad.tar", tmp_path / "room" / "out")
    assert [p for p in tmp_path.rglob("*") if p.name in ("up", "b")] == []


def test_a_parcel_with_a_link_or_garbage_is_none(tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(tmp_path / "link.tar", "w") as bad:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        bad.addfile(info)
    with pytest.raises(parcel.BadParcel, match="link: is no plain file"):
        parcel.unpack(tmp_path / "link.tar", tmp_path / "out1")
    (tmp_path / "noise.tar").write_bytes(random.Random(1).randbytes(5000))
    with pytest.raises(parcel.BadParcel):
        parcel.unpack(tmp_path / "noise.tar", tmp_path / "out2")


# -- cores ---------------------------------------------------------------------------------

items = st.builds(
    Item,
    unit=st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True),
    id=st.from_regex(r"[a-z0-9][a-z0-9-]{0,12}", fullmatch=True),
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    size=st.integers(1, 1 << 40),
    stamp=st.integers(0, 1 << 62),
    key_id=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    priority=st.integers(0, 9),
)


@given(items)
def test_a_header_comes_back(item: Item) -> None:
    assert Item.from_bytes(item.to_bytes()) == item


@given(st.binary(max_size=300) | items.map(lambda i: i.to_bytes()), st.data())
def test_no_bytes_crash_a_header(data: bytes, draw: st.DataObject) -> None:
    if data:
        at = draw.draw(st.integers(0, len(data) - 1))
        data = data[:at] + draw.draw(st.binary(max_size=3)) + data[at + 1 :]
    for kind in (Item, Receipt):
        try:
            made = kind.from_bytes(data)
        except Malformed as error:
            assert "\n" not in str(error)
        else:
            assert made.to_bytes() == data


@given(st.floats(1.0, 1e6), st.lists(st.integers(1, 300_000), min_size=1, max_size=60))
def test_the_cap_holds_over_any_stretch(rate: float, sizes: list[int]) -> None:
    allowance, now, sent = Allowance(rate), 0, 0
    for size in sizes:
        while (left := allowance.wait(size, now)) > 0.0:
            now += int(left * SECOND) + 1
        sent += size
        assert sent <= rate * (now / SECOND + 1.0) + max(sizes) + 1.0


def test_without_a_cap_nothing_waits_and_pauses_grow() -> None:
    assert Allowance().wait(1 << 30, 0) == 0.0
    backoff = Backoff(1.0, 8.0)
    assert [backoff.failed() for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, 8.0]
    backoff.worked()
    assert backoff.failed() == 1.0
