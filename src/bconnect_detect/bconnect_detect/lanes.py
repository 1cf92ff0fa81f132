"""How many copies of a model look at pictures side by side, found by trying where it is asked for.

Two lanes of one thread look at two pictures at once: while one prepares or sorts boxes, the other
infers, and no thread waits for another within a layer. One lane of two threads is done sooner with
each. Batches were tried: on processors four pictures at once cost more than four one by one.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bconnect_detect import choosing
from bconnect_detect.core.detector import Detector

SECONDS = 1.5  # each arrangement looks, in three turns
WON = 1.1  # times the pictures of one lane, from which several are worth their memory

Make = Callable[[int], list[Detector]]


def lanes(count: int, cores: int, make: Make, memory: Path, key: str) -> list[Detector]:
    """Models, one a lane. ``make`` loads so many; ``count`` 0: as many as look at most pictures.

    ``memory``, ``key``: the file of earlier finds and what this one holds for.
    """
    if count:
        return make(count)
    known = choosing.remembered(memory, key)
    if known is not None and known.get("lanes", "").isdigit():
        made = make(max(1, int(known["lanes"])))
        return _told(made, f"{known.get('why', '')} (measured earlier)")
    one = make(1)
    if cores < 2:
        return one
    many = make(cores)
    image = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
    rates = [0.0, 0.0]
    for _ in range(3):  # in turn, so that a busy neighbour hits both
        for n, models in enumerate((one, many)):
            rates[n] += throughput(models, image, SECONDS / 3) / 3
    made = many if rates[1] > WON * rates[0] else one
    why = f"{len(made)} lane(s): 1 looks at {rates[0]:.1f}, {cores} at {rates[1]:.1f} pictures/s"
    choosing.remember(memory, key, {"lanes": str(len(made)), "why": why})
    return _told(made, why)


def throughput(models: Sequence[Detector], image: NDArray[np.uint8], seconds: float) -> float:
    """Pictures a second of models side by side."""
    counts = [0] * len(models)
    began = time.perf_counter()

    def look(n: int) -> None:
        while time.perf_counter() - began < seconds:
            models[n].detect(image)
            counts[n] += 1

    threads = [threading.Thread(target=look, args=(n,)) for n in range(1, len(models))]
    for thread in threads:
        thread.start()
    look(0)
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def _told(models: list[Detector], why: str) -> list[Detector]:
    info = models[0].info
    models[0].info = replace(info, backend=f"{info.backend}; {why}")
    return models
