"""What fuzzing broke, each mended: the input that did it, and the near miss that still works."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from fuzzing import bags, seals, wires
from fuzzing.messages import _users
from fuzzing.mutate import Supply
from fuzzing.weights import TINY

from bconnect_detect import verify
from bconnect_detect.adapters.onnx_detector import OnnxDetector
from bconnect_detect.adapters.sealed_folder import StoreError, load_zip
from bconnect_detect.convert import tracks_from_msg
from bconnect_detect.core import chain
from bconnect_detect.core.detector import Weights
from bconnect_detect.core.plate_grammar import Doubt, Grammar, Parsed, line_of
from bconnect_detect.core.plate_vote import vote
from bconnect_enforce.adapters import wav
from bconnect_enforce.core.sound import Sound, prepare
from bconnect_gnss.convert import fix_to_msg, velocity_to_msg
from bconnect_gnss.listening import Listening
from bconnect_replay.adapters.bag import BagError, BagReader
from bconnect_site.errors import ConfigError
from bconnect_site.orders import SignedOrder
from bconnect_site.plates import load_plates
from bconnect_site.trusted import read_trusted
from bconnect_spool.adapters import crypt, parcel
from bconnect_spool.core.item import Malformed, Receipt


@pytest.mark.parametrize("field", ["track", "speed", "epx", "eps", "lat"])
@pytest.mark.parametrize("number", ["1e999", "-1e999", "1e300", "123456789012345678901234567890"])
def test_a_receivers_number_of_no_world_ends_no_listening(field: str, number: str) -> None:
    (line,) = [s for s in wires.gpsd(Path()) if s.startswith(b'{"class": "TPV"') and b"22.0" in s]
    told = json.loads(line)
    told[field] = "X"
    listening = Listening("gpsd")
    spoiled = json.dumps(told).replace('"X"', number).encode() + b"\n"
    (heard,) = listening.put(spoiled, wires.NOW)
    fix_to_msg(heard, "gnss")
    velocity_to_msg(heard, "gnss")
    assert len(list(listening.put(line, wires.NOW + wires.SECOND))) == 1  # it still listens


def test_an_order_with_a_number_of_400_digits_is_no_order() -> None:
    text = seals.orders(Path())[0].decode()
    huge = text.replace('"priority":3', '"priority":1' + "0" * 400)
    assert huge != text and SignedOrder.from_json(text)
    with pytest.raises(ValueError, match="is no order"):
        SignedOrder.from_json(huge)


def test_a_key_of_another_kind_is_no_trusted_key(tmp_path: Path) -> None:
    path = tmp_path / "trusted.json"
    plain = json.loads(seals_trusted(tmp_path))
    path.write_text(json.dumps(plain))
    path.chmod(0o600)
    assert read_trusted(path)
    lines = plain["keys"][0]["pem"].splitlines()
    lines[1] = lines[1].replace("MCowBQYDK2Vw", "MCowBQYDK1Vw")  # an algorithm nobody knows
    plain["keys"][0]["pem"] = "\n".join(lines)
    path.write_text(json.dumps(plain))
    with pytest.raises(ConfigError, match="is no list of trusted keys"):
        read_trusted(path)


def seals_trusted(folder: Path) -> bytes:
    from fuzzing.files import _trusted_seed

    return _trusted_seed(folder)[0]


def test_a_chains_end_at_infinity_is_a_sentence() -> None:
    plain = chain.to_plain(chain.Chain(chain.Link(1, "ab", "s/d/x")), "s")
    assert chain.from_plain(plain, "s").head
    plain["head"] = plain["head"] | {"sequence": float("inf")}
    with pytest.raises(ValueError, match="not an end of a chain"):
        chain.from_plain(plain, "s")


def test_a_zip_with_a_file_of_no_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    data = seals._zipped(seals._sealed())
    path.write_bytes(data)
    assert [v.state.name for v in verify.check(path, seals.ring("ladder").publics())] == ["WHOLE"]
    at = data.index(b"PK\x01\x02")
    length = struct.unpack_from("<H", data, at + 28)[0]
    whole = data[: at + 28] + b"\0\0" + data[at + 30 : at + 46] + data[at + 46 + length :]
    path.write_bytes(whole)
    with pytest.raises(StoreError, match="is no zip that can be read"):
        load_zip(path)


@pytest.mark.parametrize("names", [("a", "a/b"), ("x" * 300,)], ids=["below a file", "too long"])
def test_a_parcel_of_names_that_no_disk_holds_is_a_bad_parcel(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    (tmp_path / "p.tar").write_bytes(stream.getvalue())
    with pytest.raises(parcel.BadParcel, match="a name that is none here"):
        parcel.unpack(tmp_path / "p.tar", tmp_path / "out")


def test_a_parcel_cut_off_in_the_middle_is_not_taken_for_a_fault_of_the_disk(
    tmp_path: Path,
) -> None:
    secret, public = crypt.new_identity()
    (tmp_path / "plain").write_bytes(b"x" * 5000)
    crypt.encrypt(tmp_path / "plain", tmp_path / "age", crypt.recipient(public))
    data = (tmp_path / "age").read_bytes()
    mine = crypt.identity(secret)
    assert crypt.decrypt(tmp_path / "age", tmp_path / "out", mine)
    for spoiled in (data[:-100], data[:-100] + bytes(100)):
        (tmp_path / "age").write_bytes(spoiled)
        assert not crypt.decrypt(tmp_path / "age", tmp_path / "out", mine)
        assert not (tmp_path / "out").exists()
    with pytest.raises(OSError):
        crypt.decrypt(tmp_path / "nowhere", tmp_path / "out", mine)


def test_a_recording_of_a_click_is_spoken_and_one_of_no_rate_refused() -> None:
    click = Sound(np.array([0, 20000, -20000, 0] * 20, np.int16), 16000)
    assert prepare(click, 16000).duration > 0.0
    data = bytearray(wav.encode(click))
    assert wav.decode(bytes(data)).rate == 16000
    struct.pack_into("<I", data, 24, 1)  # samples per second
    with pytest.raises(wav.WavError, match="1 samples per second, allowed: 4000"):
        wav.decode(bytes(data))


@pytest.mark.parametrize(
    ("field", "number", "why"),
    [
        ("x_min", float("nan"), "a box"),
        ("y_max", float("inf"), "a box"),
        ("confidence", float("nan"), "no probability"),
        ("confidence", -0.1, "no probability"),
        ("confidence", 1.5, "no probability"),
    ],
)
def test_road_users_of_no_place_or_no_chance_reach_no_rule(
    field: str, number: float, why: str
) -> None:
    message = _users(Supply(b"\x01" * 400), 3, False)
    assert len(tracks_from_msg(message, "utara")) == len(message.kind) > 0
    getattr(message, field)[0] = number
    with pytest.raises(ValueError, match=why):
        tracks_from_msg(message, "utara")


def test_chances_that_are_none_are_a_doubt_and_never_win_a_vote() -> None:
    grammar = Grammar(load_plates())
    line = line_of("KT 1234 AB", 0.97)
    good = grammar.parse(line)
    assert isinstance(good, Parsed) and vote([good] * 3, grammar, 3).plate
    for odd in (float("nan"), -0.5, 7.0):
        line = line_of("KT 1234 AB", 0.97)
        line.chances[3] = odd
        assert isinstance(grammar.parse(line), Doubt)
    nothing = Parsed("KT", "1234", "AB", (float("nan"),) * 8)
    assert vote([nothing] * 5, grammar, 5).plate is None


def test_a_whole_bag_with_a_spoiled_summary_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    file, about = bags._write(tmp_path / "bag")
    data = bytearray(file.read_bytes())
    struct.pack_into("<Q", data, len(data) - 37 + 9, 1 << 60)  # where the summary begins
    file.write_bytes(bytes(data))
    about.unlink()
    with BagReader(tmp_path / "bag") as bag:
        assert sum(1 for _ in bag.raw()) == 8
        assert any("was spoiled: 8 messages are whole" in w for w in bag.warnings)


def test_no_damaged_message_of_a_bag_is_handed_to_the_middleware(tmp_path: Path) -> None:
    bags._write(tmp_path / "bag")
    with BagReader(tmp_path / "bag") as bag:
        data = next(d for t, d, _ in bag.raw() if t == "/s/signals")
        assert bag.current("/s/signals", data) == data
        with pytest.raises(BagError, match="damaged"):
            bag.current("/s/signals", b"\x00\x00\x80\xff")  # ends a process that reads it as CDR


def test_a_model_that_is_broken_inside_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "w.onnx"
    weights = Weights(path, "0" * 64, "x")
    image = np.zeros((36, 64, 3), np.uint8)
    path.write_bytes(TINY.read_bytes())
    assert len(OnnxDetector(weights, image_size=32, threads=1).detect(image).boxes) == 1
    path.write_bytes(TINY.read_bytes().replace(b"names", b"n\xffmes"))
    with pytest.raises(ConfigError, match="is not an ONNX model this adapter can load"):
        OnnxDetector(weights, image_size=32, threads=1)


def test_a_model_that_finds_with_no_probability_finds_nobody(tmp_path: Path) -> None:
    path = tmp_path / "w.onnx"
    sure, odd = struct.pack("<f", 0.9), struct.pack("<f", 3e9)
    data = TINY.read_bytes()
    assert data.count(sure) == 1
    path.write_bytes(data.replace(sure, odd))
    made = OnnxDetector(Weights(path, "0" * 64, "x"), image_size=32, threads=1)
    assert not len(made.detect(np.zeros((36, 64, 3), np.uint8)).boxes)


def test_a_receipt_with_a_key_more_is_none() -> None:
    receipt = Receipt("etle_01", "a1", "ab" * 32, seals.NOW, "cd" * 8).to_bytes()
    assert Receipt.from_bytes(receipt).id == "a1"
    more = json.dumps(json.loads(receipt) | {"zzz": 1}, sort_keys=True, separators=(",", ":"))
    with pytest.raises(Malformed, match="'zzz': is no key of it"):
        Receipt.from_bytes(more.encode())
