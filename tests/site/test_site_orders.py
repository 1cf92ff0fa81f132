"""Signed orders: what is refused, and that a counter is never given twice."""

from __future__ import annotations

import json
import random
import string
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bconnect_site import orders
from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring, public_pem
from bconnect_site.orders import (
    ANNOUNCE,
    FIELDS,
    LONGEST,
    SECOND,
    Refused,
    SignedOrder,
    TrustedKey,
    Used,
    canonical,
    check,
    sign_order,
)
from bconnect_site.signer import AHEAD, COUNTER, Signer
from bconnect_site.trusted import public_of, read_trusted, write_trusted

NOW = 1_800_000_000 * SECOND


def fields_of(kind: str, **given: Any) -> dict[str, Any]:
    made = {n: "x" if t is str else 1 for n, t in FIELDS[kind].items()}
    return {**made, "site": "demo", **given}


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring.open(tmp_path_factory.mktemp("keys") / "ladder")


@pytest.fixture(scope="module")
def trusted(ring: Keyring) -> dict[str, TrustedKey]:
    public = ring.publics()[ring.key_id]
    return {ring.key_id: TrustedKey("ladder", public, frozenset(FIELDS))}


@pytest.fixture
def order(ring: Keyring) -> SignedOrder:
    return sign_order(ring, ANNOUNCE, fields_of(ANNOUNCE), 7, NOW + 8 * SECOND)


@pytest.mark.parametrize("kind", FIELDS)
def test_a_genuine_order_is_followed(ring, trusted, kind):
    made = sign_order(ring, kind, fields_of(kind), 7, NOW + 8 * SECOND)
    assert check(made, trusted, NOW).name == "ladder"
    assert check(SignedOrder.from_json(made.to_json()), trusted, NOW).name == "ladder"
    assert check(made, trusted, NOW + 8 * SECOND).name == "ladder"


@pytest.mark.parametrize("kind", FIELDS)
def test_every_field_is_signed(ring, trusted, kind):
    made = sign_order(ring, kind, fields_of(kind), 7, NOW + 8 * SECOND)
    for name, value in made.fields.items():
        other = value + 1 if isinstance(value, int) else value + "!"
        with pytest.raises(Refused, match="is not as ladder signed it"):
            check(replace(made, fields={**made.fields, name: other}), trusted, NOW)
    for other in (replace(made, counter=8), replace(made, expires=made.expires + 1)):
        with pytest.raises(Refused, match="is not as ladder signed it"):
            check(other, trusted, NOW)


def test_one_kind_is_not_taken_for_another(ring, trusted):
    made = sign_order(ring, orders.STICKER, fields_of(orders.STICKER), 7, NOW + SECOND)
    with pytest.raises(Refused) as refused:
        check(replace(made, kind=orders.TOW_ORDER), trusted, NOW)
    assert refused.value.reason == "bad signature"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key_id": ""}, "unsigned"),
        ({"signature": b""}, "unsigned"),
        ({"key_id": "0123456789abcdef"}, "unknown key"),
        ({"signature": bytes(64)}, "bad signature"),
        ({"signature": b"x"}, "bad signature"),
        ({"signature": bytes(10_000)}, "bad signature"),
        ({"counter": 1 << 64}, "bad signature"),
        ({"fields": {}}, "bad signature"),
    ],
)
def test_what_is_refused(order, trusted, change, reason):
    with pytest.raises(Refused) as refused:
        check(replace(order, **change), trusted, NOW)
    assert refused.value.reason == reason
    assert "\n" not in str(refused.value)


def test_right_time_and_right(ring, order, trusted):
    with pytest.raises(Refused, match="came too late"):
        check(order, trusted, order.expires + 1)
    with pytest.raises(Refused, match="came too late"):
        check(sign_order(ring, ANNOUNCE, fields_of(ANNOUNCE), 7, 0), trusted, NOW)
    longest = sign_order(ring, ANNOUNCE, fields_of(ANNOUNCE), 7, NOW + LONGEST[ANNOUNCE])
    assert check(longest, trusted, NOW)
    with pytest.raises(Refused, match="for longer than 120 s"):
        check(longest, trusted, NOW - 1)
    mute = {ring.key_id: replace(trusted[ring.key_id], rights=frozenset({"measure"}))}
    with pytest.raises(Refused, match="by ladder, which may order: measure"):
        check(order, mute, NOW)


def test_a_stranger_under_a_trusted_key_id(tmp_path, ring, trusted):
    class Stranger:
        key_id = ring.key_id
        sign = staticmethod(Ed25519PrivateKey.generate().sign)

    made = sign_order(Stranger(), ANNOUNCE, fields_of(ANNOUNCE), 7, NOW + SECOND)
    with pytest.raises(Refused, match="is not as ladder signed it"):
        check(made, trusted, NOW)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"speaker": 3}, "speaker: must be a text"),
        ({"priority": "3"}, "priority: must be a whole number"),
        ({"priority": True}, "priority: must be a whole number"),
        ({"priority": 1.0}, "priority: must be a whole number"),
        ({"stamp": -1}, "stamp: found -1, allowed 0 to"),
        ({"stamp": 1 << 64}, "stamp: found 1.84467e"),
        ({"place": "a\ud800"}, "place: holds half a character"),
        ({"volume": 3}, "announce: needs exactly the fields site, id, speaker"),
    ],
)
def test_what_cannot_be_signed(ring, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        sign_order(ring, ANNOUNCE, fields_of(ANNOUNCE, **change), 1, NOW)
    with pytest.raises(ValueError, match="kind: found 'shout', allowed: announce"):
        sign_order(ring, "shout", {}, 1, NOW)


def test_the_signed_text_is_as_stated(ring):
    data = canonical(orders.STICKER, fields_of(orders.STICKER, detail="jalan é\n"), "k", 3, 9)
    assert data == (
        b'{"counter":3,"expires":9,"fields":{"detail":"jalan \\u00e9\\n","id":"x","officer":"x",'
        b'"site":"demo","status":1},"format":"bconnect-order/1","key_id":"k","kind":"sticker"}'
    )


def test_different_orders_never_have_the_same_text():
    """Injective: what was signed reads back as exactly what was meant, whatever the texts are."""
    chance, alphabet = random.Random(5), [*string.printable, '"', "\\", "\x00", "é", "😀", "\ufeff"]
    for _ in range(2000):
        made = {
            n: "".join(chance.choices(alphabet, k=chance.randrange(6)))
            if t is str
            else chance.randrange(1 << chance.randrange(1, 65))
            for n, t in FIELDS[ANNOUNCE].items()
        }
        back = json.loads(canonical(ANNOUNCE, made, "k", 1, 2))
        assert back["fields"] == made


def test_garbage_is_no_order(ring, order):
    chance, text = random.Random(9), order.to_json()
    for wrong in ("", "[]", "null", "{}", "[" * 100_000, '{"format":"bconnect-order/1"}', b"\xff"):
        with pytest.raises(ValueError, match="is no order"):
            SignedOrder.from_json(wrong)
    for _ in range(2000):
        letters = [*text]
        for _ in range(chance.randrange(1, 4)):
            letters[chance.randrange(len(letters))] = chr(chance.randrange(32, 300))
        try:
            SignedOrder.from_json("".join(letters))
        except ValueError as error:
            assert "is no order" in str(error)


# --- replays


def test_a_counter_is_followed_once_and_memory_is_bounded(order):
    used = Used(most=3)
    assert order not in used
    for counter in (7, 3, 9, 8):
        used.add(order.key_id, order.kind, counter)
    assert order in used
    assert replace(order, counter=2) in used  # below all that is remembered
    assert replace(order, counter=10) not in used
    assert replace(order, kind=orders.MEASURE) not in used
    again = Used(most=3)
    for line in used.lines():
        key, kind, counter = line.split()
        again.add(key, kind, int(counter))
    for counter in range(12):
        assert (replace(order, counter=counter) in used) == (
            replace(order, counter=counter) in again
        )
    for counter in range(100, 5000):
        used.add(order.key_id, order.kind, counter)
    assert len(used.lines()) <= 4


def test_the_next_number_is_larger_whatever_the_clock_does(tmp_path):
    signer = Signer(tmp_path / "ladder")
    other = Signer(tmp_path / "ladder")  # another process with the same key
    chance, now, seen = random.Random(2), NOW, []
    for n in range(500):
        now += chance.choice([0, 1, SECOND, -3600 * SECOND, 3600 * SECOND, AHEAD])
        if n % 50 == 49:
            signer = Signer(tmp_path / "ladder")  # killed and started again
        seen.append((signer.next(now), other.next(now)))
    mine, others = zip(*seen, strict=True)
    assert list(mine) == sorted(set(mine))
    assert list(others) == sorted(set(others))
    assert not set(mine) & set(others)


def test_a_full_disk_silences_nobody(tmp_path, monkeypatch):
    signer = Signer(tmp_path / "ladder")
    first = signer.next(NOW)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bconnect_site.disk.replace", full)
    numbers = [signer.next(NOW + AHEAD + n // 2) for n in range(10)]
    assert [first, *numbers] == sorted({first, *numbers})
    assert (
        signer.fault == f"{tmp_path}/ladder/{COUNTER}: cannot be written: No space left on device"
    )
    monkeypatch.undo()
    assert signer.next(NOW + AHEAD) > numbers[-1]
    assert signer.fault == ""
    assert Signer(tmp_path / "ladder").next(NOW) > numbers[-1]


def test_a_counter_that_is_garbage_begins_with_the_clock(tmp_path):
    Signer(tmp_path / "ladder").next(5)
    (tmp_path / "ladder" / COUNTER).write_bytes(b"\xff\x00")
    assert Signer(tmp_path / "ladder").next(NOW) >= NOW
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "ladder").iterdir()}
    assert modes["signing.key"] == 0o600


# --- who is trusted


def test_the_list_reads_back(tmp_path, ring, trusted):
    path = tmp_path / "trusted.json"
    write_trusted(path, trusted.values())
    found = read_trusted(path)
    assert {i: (k.name, k.rights) for i, k in found.items()} == {
        i: (k.name, k.rights) for i, k in trusted.items()
    }
    assert public_of(ring.folder / f"{ring.key_id}.pub") == found[ring.key_id].public
    twice = [*trusted.values(), replace(trusted[ring.key_id], name="pusat")]
    with pytest.raises(ConfigError, match=r"trusted\.pusat\.key: is the key of ladder"):
        write_trusted(path, twice)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "bconnect-trusted/1", "keys": [{"name": "x", "pem": "", "rights": []}]}',
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "trusted.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is no list of trusted keys"):
        read_trusted(path)


def test_a_list_others_may_write_is_refused(tmp_path, ring, trusted):
    path = tmp_path / "trusted.json"
    with pytest.raises(
        ConfigError, match=r"trusted\.json: no such file or directory; `bconnect up`"
    ):
        read_trusted(path)
    write_trusted(path, trusted.values())
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="others may write it"):
        read_trusted(path)
    pem = public_pem(trusted[ring.key_id].public).decode()
    path.write_text(path.read_text().replace(json.dumps(pem), '"x"'))
    with pytest.raises(ConfigError, match="is no list of trusted keys"):
        read_trusted(path)


def test_the_site_file_knows_every_right():
    from typing import get_args

    from bconnect_site.trust import Right

    assert set(get_args(Right)) == {*FIELDS, orders.VIOLATION} == set(orders.RIGHTS)
    assert set(FIELDS) == set(LONGEST)
