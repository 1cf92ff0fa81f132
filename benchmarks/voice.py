"""What the voice costs and how well it is understood: the mouth's own share of the way to sound.

    ./bconnect python benchmarks/voice.py [--understood]

Prints, for RTP, HTTP and file, the milliseconds from an order in hand (address and phrase ready
in memory, as in a running speaker) to the first sample handed over; what making all sounds costs;
and with `--understood` (needs `pip install pystoi==0.4.1`, minutes) ESTOI, the objective
intelligibility, of all phrases through a horn's band in traffic noise.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from bconnect_enforce.adapters.espeak import EspeakVoice
from bconnect_enforce.building import make_mouth, make_studio
from bconnect_enforce.core.address import address
from bconnect_enforce.core.records import Announcement
from bconnect_enforce.core.sound import Sound, prepare
from bconnect_site.kinds import Colour, RoadUserKind
from bconnect_site.phrases import load_phrases

RUNS = 60
ORDER = Announcement(
    "a", "tiang", "illegal_parking_reprimand", "f", 1, 0, 0,
    road_user=RoadUserKind.CAR, colour=Colour.WHITE, place="lajur_kiri",
)  # fmt: skip
BAND = (400.0, 5000.0)  # Hz that a horn passes
NOISE = (0.05, 0.15, 0.40)  # RMS of the traffic, full scale 1: quiet, ordinary, loud


class Horn(BaseHTTPRequestHandler):
    """Takes everything."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_POST(self) -> None:
        """A sound."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_OPTIONS = do_POST


def delays(adapter: str, where: str, folder: Path) -> list[float]:
    """ms from an order to its first sample, for each run."""
    phrases = load_phrases()
    mouth = make_mouth(adapter, "", where, folder, time.monotonic_ns, {})
    studio = make_studio(phrases, "id", 0.8, folder / "cache", mouth.mouth.rate, False)
    began = time.monotonic()
    for _ in studio.prepare_all():
        pass
    made = time.monotonic() - began
    count = len(studio.lines) + len(studio.pieces)
    print(f"  {adapter}: {count} sounds made in {made:.1f} s ({1000 * made / count:.0f} ms each)")
    mouth.check(always=True)
    found = []
    for _ in range(RUNS):
        stop, begin = threading.Event(), time.monotonic()

        def first(stop: threading.Event = stop, begin: float = begin) -> None:
            found.append(1000 * (time.monotonic() - begin))
            stop.set()

        sound = studio.sound(ORDER.phrase, address(ORDER, phrases.vocabulary))
        mouth.play(sound, f"x/{ORDER.phrase}", first, stop)
    return found


def understood() -> None:
    """ESTOI of the plain voice and of what is sent, at the same peak."""
    from pystoi import stoi

    def band(wave: np.ndarray, rate: int) -> np.ndarray:
        hertz = np.fft.rfftfreq(len(wave), 1 / rate)
        inside = (hertz > BAND[0]) & (hertz < BAND[1])
        return np.fft.irfft(np.fft.rfft(wave) * inside, len(wave))

    def traffic(count: int, rate: int) -> np.ndarray:
        hertz = np.fft.rfftfreq(count, 1 / rate)
        shape = np.sqrt(60 / np.maximum(hertz, 60)) / (1 + (hertz / 1800) ** 2) ** 0.75
        turn = np.random.default_rng(1).random(len(hertz))
        wave = np.fft.irfft(shape * np.exp(2j * np.pi * turn), count)
        return wave / np.sqrt(np.mean(wave**2))

    scores: dict[str, list[list[float]]] = {"plain": [], "sent": []}
    for phrase in load_phrases().by_name.values():
        raw = EspeakVoice("id").say(phrase.text)
        loud = np.flatnonzero(np.abs(raw.samples.astype(int)) > 200)
        clean = raw.samples[loud[0] : loud[-1] + 1].astype(float)
        sent = prepare(raw, lead=0.0)
        plain = clean * (sent.peak * 32768 / np.abs(clean).max())
        for name, wave in (("plain", plain), ("sent", sent.samples.astype(float)[: len(clean)])):
            through = band(wave, raw.rate)
            row = [
                stoi(clean, through + level * 32768 * traffic(len(wave), raw.rate), raw.rate, True)
                for level in NOISE
            ]
            scores[name].append(row)
    for name, rows in scores.items():
        row = ", ".join(f"{value:.2f}" for value in np.mean(rows, axis=0))
        print(f"  ESTOI {name}: {row} in quiet, ordinary, loud traffic")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--understood", action="store_true", help="measure ESTOI too")
    args = parser.parse_args()
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind(("127.0.0.1", 0))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Horn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as scratch:
        for adapter, where in (
            ("rtp", f"rtp://127.0.0.1:{ear.getsockname()[1]}?codec=L16&rate=16000"),
            ("http", f"http://127.0.0.1:{server.server_address[1]}/play"),
            ("file", ""),
        ):
            row = delays(adapter, where, Path(scratch))
            print(
                f"  {adapter}: order to first sample {np.median(row):.1f} ms median, "
                f"{np.percentile(row, 95):.1f} ms p95, {max(row):.1f} ms at most ({RUNS} runs)"
            )
    raw = EspeakVoice("id").say(load_phrases()[ORDER.phrase].text)
    peak = Sound((raw.samples * (0.89 * 32767 / abs(raw.samples.astype(int)).max())).astype(
        np.int16), raw.rate)  # fmt: skip
    print(
        f"  level at the same peak: plain {20 * np.log10(peak.rms):.1f} dBFS, "
        f"sent {20 * np.log10(prepare(raw).rms):.1f} dBFS"
    )
    if args.understood:
        understood()
    server.shutdown()


if __name__ == "__main__":
    main()
