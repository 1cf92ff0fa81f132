"""A confirmed case as the police receive it: words, pictures, digests, always the same bytes."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from dataclasses import replace
from datetime import date
from io import BytesIO
from zoneinfo import ZoneInfo

import pypdfium2
import pytest
from PIL import Image, ImageDraw

from bconnect_enforce.adapters.referral_package import Tampered, pack, put
from bconnect_enforce.adapters.referral_pdf import UnreadablePicture, latin
from bconnect_enforce.core import citation
from bconnect_enforce.core.case import Case
from bconnect_enforce.core.records import EvidenceFile
from bconnect_enforce.core.referral import Setting, choose, refer
from bconnect_site.kinds import (
    CitationStatus,
    Colour,
    EvidenceKind,
    PlateColour,
    PlateState,
    SignalAspect,
    ViolationType,
)
from bconnect_site.law import load_catalogue

WITA = ZoneInfo("Asia/Makassar")
S = 1_000_000_000


def picture(text: str, size=(1280, 720)) -> bytes:
    image = Image.new("RGB", size, (70, 80, 90))
    draw = ImageDraw.Draw(image)
    for x in range(0, size[0], 80):
        draw.line((x, 0, x + 60, size[1]), fill=(110, 120, 130), width=3)
    draw.rectangle((size[0] * 0.4, size[1] * 0.45, size[0] * 0.6, size[1] * 0.75), fill=(230,) * 3)
    draw.text((20, 20), text, fill="white", font_size=max(12, size[1] // 16))
    out = BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def store(tmp_path):
    """A sealed folder as the evidence node leaves it, with copies for outside."""

    class Store:
        root = tmp_path / "evidence"
        manifest = "demo/2026-11-23/abc/manifest.json"
        folder = root / "demo/2026-11-23/abc"
        keys = tmp_path / "keys"

        def fill(self, violation, release=True):
            self.keys.mkdir(exist_ok=True)
            (self.keys / "0123456789abcdef.pub").write_text("PUBLIC KEY\n")
            files = [
                self.put(EvidenceKind.SCENE, "scene.jpg", picture("asli")),
                self.put(EvidenceKind.ANNOTATED, "annotated.jpg", picture("asli, gambar")),
                self.put(EvidenceKind.PLATE, "plate.jpg", picture("KT 1234 AB", (180, 60))),
                self.put(EvidenceKind.CLIP, "clip.mp4", b"film" * 1000),
                self.put(EvidenceKind.FACTS, "facts.json", b"{}\n"),
            ]
            if release:
                for name in ("scene.jpg", "annotated.jpg"):
                    blurred = picture(f"disamarkan: {name}")
                    files.append(self.put(EvidenceKind.RELEASE, f"release/{name}", blurred))
            data = b'{"format": "bconnect-evidence/2"}\n'
            for name in ("manifest.json", "manifest.sig", "violation.json"):
                (self.folder / name).write_bytes(data)
            return replace(
                violation,
                evidence=tuple(files),
                manifest=self.manifest,
                manifest_sha256=hashlib.sha256(data).hexdigest(),
                key_id="0123456789abcdef",
            )

        def put(self, kind, name, data):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            return EvidenceFile(kind, str(path.relative_to(self.root)), digest, S)

    return Store()


def case_of(violation, measure, status=CitationStatus.CONFIRMED, reason="sesuai gambar"):
    number = "BC-demo-2026-000001"
    first = citation.opened(violation, measure, number, citation.GENESIS, violation.offence.stamp
                            + 60 * S, "salt")  # fmt: skip
    if status is CitationStatus.PENDING_REVIEW:
        return Case((first,), violation, (measure,))
    decision = citation.Decision(number, status, "Ipda Sari Wulandari", reason)
    second = citation.decided(first, decision, first.hash, first.stamp + 3600 * S, "salt2")
    return Case((first, second), violation, (measure,))


@pytest.fixture
def setting():
    catalogue = load_catalogue("uu22_2009")
    article = catalogue.explain("UU 22/2009 Art. 287(5)", date(2026, 11, 23))
    return Setting("Beruang Madu - Balikpapan Baru", WITA, article, "UU 22/2009", "UU 1/2026")


@pytest.fixture
def speeding(violation):
    seen = violation(1, type=ViolationType.SPEEDING, article="UU 22/2009 Art. 287(5)",
                     colour=Colour.WHITE, place="lajur_kiri")  # fmt: skip
    return replace(
        seen,
        measured=21.4,
        measured_low=20.6,
        measured_high=22.2,
        limit=50 / 3.6,
        plate_state=PlateState.READ,
        plate="KT 1234 AB",
        plate_colour=PlateColour.WHITE,
        signal=SignalAspect.GREEN,
        explanation="mean speed 77.0 km/h over 38 m, limit 50 km/h",
        missing=("context_after: the ring had rolled over",),
    )


def pages(package) -> tuple[list[str], list[Image.Image]]:
    """What a reader sees: the text and the picture of every page."""
    document = pypdfium2.PdfDocument(package.files[f"{package.number}.pdf"])
    try:
        texts = [page.get_textpage().get_text_range() for page in document]
        return texts, [page.render(scale=1.5).to_pil() for page in document]
    finally:
        document.close()


def test_the_pages_say_everything(store, speeding, measure, setting):
    violation = store.fill(speeding)
    case = case_of(violation, measure(1))
    package = pack(refer(case, setting), violation, store.root, store.keys, False)
    texts, images = pages(package)
    text = " ".join(" ".join(texts).split())
    for words in (
        "Berkas usulan tilang untuk validasi kepolisian",
        "bukan surat tilang",
        "BC-demo-2026-000001",
        "Melebihi batas kecepatan",
        "23 November 2026 pukul 16.30.00 WITA",
        "Beruang Madu - Balikpapan Baru, kamera simpang utara, lajur kiri",
        "Mobil, warna putih",
        "KT 1234 AB (dasar putih), dibaca mesin",
        "UU 22/2009 Pasal 287(5)",
        "[belum pasti]",
        "denda Rp500.000",
        "77,0 km/jam (selang 95 %: 74,2 km/jam sampai 79,9 km/jam)",
        "50,0 km/jam",
        "hijau",
        "Ipda Sari Wulandari",
        "dibenarkan",
        "23 November 2026 pukul 17.31.00 WITA",
        violation.manifest_sha256,
        case.last.hash,
        "context_after: the ring had rolled over",
        "Halaman 1 dari",
    ):
        assert words in text, words
    # the pictures are there, in ink: the white car of the drawing in the middle of the page
    assert len(images) >= 2
    inked = [sum(1 for p in i.convert("L").resize((80, 113)).getdata() if p < 140) for i in images]
    assert max(inked[1:]) > 800


def test_blurred_copies_are_shown_and_originals_stay(store, speeding, measure, setting):
    violation = store.fill(speeding)
    case = case_of(violation, measure(1))
    package = pack(refer(case, setting), violation, store.root, store.keys, False)
    assert not package.originals
    text = " ".join(" ".join(pages(package)[0]).split())
    assert "release/scene.jpg (wajah dan pelat pihak lain disamarkan)" in text
    assert "abc/scene.jpg (gambar asli)" not in text
    assert "abc/plate.jpg (gambar asli)" in text
    with zipfile.ZipFile(BytesIO(package.files["BC-demo-2026-000001.zip"])) as archive:
        assert archive.testzip() is None
        names = {n.removeprefix("BC-demo-2026-000001/") for n in archive.namelist()}
    assert names == {
        "BC-demo-2026-000001.pdf",
        "BC-demo-2026-000001.json",
        "0123456789abcdef.pub",
        *(f"evidence/abc/{n}" for n in (
            "manifest.json", "manifest.sig", "violation.json", "facts.json",
            "release/scene.jpg", "release/annotated.jpg",
        )),
    }  # fmt: skip
    plain = json.loads(package.files["BC-demo-2026-000001.json"])
    assert plain["format"] == "bconnect-referral/1"
    assert {f["path"].rpartition("/")[2] for f in plain["evidence"]["left_out"]} == {
        "scene.jpg", "annotated.jpg", "plate.jpg", "clip.mp4",
    }  # fmt: skip
    assert plain["law"]["unsure"] is True
    assert plain["violation"]["measured_low"] == 20.6
    assert plain["history"][-1]["reviewer"] == "Ipda Sari Wulandari"


@pytest.mark.parametrize("release", [True, False])
def test_the_whole_sealed_folder_where_asked_or_where_no_copies_are(
    store, speeding, measure, setting, release
):
    violation = store.fill(speeding, release=release)
    case = case_of(violation, measure(1))
    package = pack(refer(case, setting), violation, store.root, store.keys, release)
    assert package.originals
    with zipfile.ZipFile(BytesIO(package.files["BC-demo-2026-000001.zip"])) as archive:
        for path in store.folder.rglob("*"):
            if path.is_file():
                inside = f"BC-demo-2026-000001/evidence/abc/{path.relative_to(store.folder)}"
                assert archive.read(inside) == path.read_bytes()


def test_the_same_case_gives_the_same_bytes(store, speeding, measure, setting, tmp_path):
    violation = store.fill(speeding)
    case = case_of(violation, measure(1))
    first, second = (
        pack(refer(case, setting), violation, store.root, store.keys, False) for _ in range(2)
    )
    assert first == second
    for _ in range(2):
        written = put(first, tmp_path / "out")
    assert [p.name for p in written] == [f"BC-demo-2026-000001.{e}" for e in ("pdf", "json", "zip")]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {p.name for p in written}
    assert hashlib.sha256(written[2].read_bytes()).hexdigest() == first.sha256


@pytest.mark.parametrize(
    "name", ["scene.jpg", "release/scene.jpg", "plate.jpg", "manifest.json", "clip.mp4"]
)
def test_a_flipped_byte_is_named_and_nothing_goes_out(store, speeding, measure, setting, name):
    violation = store.fill(speeding)
    path = store.folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    case = case_of(violation, measure(1))
    with pytest.raises(Tampered, match=f"abc/{name}: was touched"):
        pack(refer(case, setting), violation, store.root, store.keys, True)


def test_a_lost_file_is_named(store, speeding, measure, setting):
    violation = store.fill(speeding)
    (store.folder / "release/scene.jpg").unlink()
    case = case_of(violation, measure(1))
    with pytest.raises(Tampered, match=r"release/scene.jpg: is missing"):
        pack(refer(case, setting), violation, store.root, store.keys, False)
    (store.folder / "manifest.json").unlink()
    with pytest.raises(Tampered, match=r"manifest.json: is not in the evidence store"):
        pack(refer(case, setting), violation, store.root, store.keys, False)


def test_a_picture_that_is_none(store, speeding, measure, setting):
    violation = store.fill(speeding)
    letter = store.put(EvidenceKind.VEHICLE, "vehicle.jpg", b"a letter")
    violation = replace(violation, evidence=(*violation.evidence, letter))
    case = case_of(violation, measure(1))
    with pytest.raises(UnreadablePicture, match=r"vehicle.jpg: is no picture"):
        pack(refer(case, setting), violation, store.root, store.keys, False)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (CitationStatus.PENDING_REVIEW, "pending review"),
        (CitationStatus.REJECTED, "rejected"),
        (CitationStatus.WITHDRAWN, "withdrawn"),
    ],
)
def test_only_what_an_officer_confirmed(speeding, measure, setting, status, word):
    with pytest.raises(citation.Refused, match=f"is {word}; only what an officer confirmed"):
        refer(case_of(speeding, measure(1), status), setting)
    erased = replace(case_of(speeding, measure(1)), erased=5)
    with pytest.raises(citation.Refused, match="was erased on schedule"):
        refer(erased, setting)


def test_what_is_unknown_is_not_invented(violation, measure):
    bare = replace(violation(1), measured=math.nan, latitude=math.nan, plate_state=PlateState(2))
    found = refer(case_of(bare, measure(1)), Setting("Demo", WITA))
    rows = {label: text for _, section in found.sections for label, text in section}
    assert rows["Nomor polisi"] == "tidak terbaca"
    assert "Koordinat" not in rows
    assert "Parkir selama" not in rows
    assert "Ancaman" not in rows
    assert found.plain["violation"]["measured"] is None
    assert found.plain["violation"]["plate"] == ""


def test_pictures_come_with_their_copies(store, speeding):
    shown = choose(store.fill(speeding).evidence)
    assert [(p.path.removeprefix("demo/2026-11-23/abc/"), p.blurred) for p in shown] == [
        ("release/scene.jpg", True),
        ("release/annotated.jpg", True),
        ("plate.jpg", False),
    ]


def test_letters_the_font_lacks():
    assert latin("Ipda Đặng, Sari é") == "Ipda ??ng, Sari é"


def test_long_texts_break_into_pages(store, speeding, measure, setting):
    long = replace(store.fill(speeding), missing=tuple(f"kalimat {n} " * 12 for n in range(40)))
    case = case_of(long, measure(1), reason="panjang " * 60)
    texts, _ = pages(pack(refer(case, setting), long, store.root, store.keys, False))
    assert len(texts) >= 4
    assert all(f"Halaman {n} dari {len(texts)}" in text for n, text in enumerate(texts, 1))
