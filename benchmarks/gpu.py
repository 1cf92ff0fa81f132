"""What a GPU does: frames per second by batch, and how many cameras that is.

    python benchmarks/gpu.py [--model yolo11s.pt] [--batches 1 4 8 16 32] [--size 640] [--write]

Exports the weights to TensorRT (fp16) once for each batch, feeds it decoded pictures and tells
frames per second, then plays 220 cameras at 5 Hz into it for half a minute and tells how
many pictures were in time. Where there is no NVIDIA GPU it says so in a sentence and ends well.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from results_page import put

HEADING = "## GPU"
CAMERAS, HERTZ, SECONDS = 220, 5.0, 30.0
ROUNDS = 50


def main() -> int:
    """The sweep; 0 also where there is nothing to sweep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="yolo11s.pt", help="weights ultralytics can export")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    if why := missing():
        print(f"gpu: skipped: {why}")
        return 0
    rates = {batch: rate(options, batch) for batch in options.batches}
    for batch, fps in rates.items():
        print(f"  batch {batch}: {fps:.0f} frames/s", file=sys.stderr)
    best = max(rates, key=lambda batch: rates[batch])
    text = report(rates, best, in_time(options, best), options)
    print(text)
    if options.write:
        put(text, HEADING)
    return 0


def missing() -> str:
    """Why there is nothing to measure here; empty: there is."""
    try:
        import torch
    except ImportError:
        return "torch is not installed; run the set-up without LIGHT=1 on a machine with a GPU"
    if not torch.cuda.is_available():
        return "this machine has no NVIDIA GPU that torch sees; run it on one that has"
    try:
        import tensorrt  # noqa: F401
    except ImportError:
        return "TensorRT is not installed; run pip install tensorrt on this machine"
    return ""


def engine(options: argparse.Namespace, batch: int) -> Any:
    """The weights as a TensorRT engine of one batch size, loaded and warm."""
    from ultralytics import YOLO

    made = Path(options.model).with_name(
        f"{Path(options.model).stem}-b{batch}-{options.size}.engine"
    )
    if not made.exists():
        told = {"format": "engine", "half": True, "batch": batch, "imgsz": options.size}
        Path(YOLO(options.model).export(**told)).rename(made)
    return YOLO(str(made), task="detect")


def pictures(batch: int) -> list[Any]:
    """Made up: an engine takes the same time whatever it sees."""
    import numpy as np

    dice = np.random.default_rng(0)
    return [dice.integers(0, 255, (360, 640, 3), np.uint8) for _ in range(batch)]


def rate(options: argparse.Namespace, batch: int) -> float:
    """Frames per second, pictures to boxes."""
    model, images = engine(options, batch), pictures(batch)
    for _ in range(5):
        model.predict(images, imgsz=options.size, verbose=False)
    began = time.perf_counter()
    for _ in range(ROUNDS):
        model.predict(images, imgsz=options.size, verbose=False)
    return ROUNDS * batch / (time.perf_counter() - began)


def in_time(options: argparse.Namespace, batch: int) -> float:
    """Share of the pictures of a city that were looked at before the camera's next one."""
    model, images = engine(options, batch), pictures(batch)
    model.predict(images, imgsz=options.size, verbose=False)
    due = [n / (CAMERAS * HERTZ) for n in range(int(CAMERAS * HERTZ * SECONDS))]
    good, at, began = 0, 0, time.perf_counter()
    while at + batch <= len(due):
        wait = due[at + batch - 1] - (time.perf_counter() - began)
        if wait > 0:
            time.sleep(wait)
        model.predict(images, imgsz=options.size, verbose=False)
        done = time.perf_counter() - began
        good += sum(done - moment <= 1.0 / HERTZ for moment in due[at : at + batch])
        at += batch
    return good / max(1, at)


def report(rates: dict[int, float], best: int, share: float, options: argparse.Namespace) -> str:
    """The section of docs/benchmarks.md."""
    import torch

    lines = [
        HEADING,
        "",
        f"{date.today()}, {torch.cuda.get_device_name(0)}, {os.cpu_count()} cores; "
        f"{options.model} at {options.size}, TensorRT fp16. `python benchmarks/gpu.py --write`.",
        "",
        f"| batch | frames/s | cameras at {HERTZ:g} Hz |",
        "|---|---|---|",
    ]
    lines += [f"| {b} | {fps:.0f} | {fps / HERTZ:.0f} |" for b, fps in rates.items()]
    lines += ["", f"{CAMERAS} cameras at {HERTZ:g} Hz, batch {best}: {100 * share:.1f} % in time."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
