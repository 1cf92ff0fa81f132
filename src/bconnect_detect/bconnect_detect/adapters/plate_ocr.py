"""Reads one line of a plate: PP-OCRv6's recognition model through ONNX Runtime.

Only the weights of the package rapidocr are used, none of its code or dependencies.
"""

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bconnect_detect.adapters.plate_session import open_session
from bconnect_detect.adapters.weights import packaged
from bconnect_detect.core.detector import ModelInfo, Weights
from bconnect_detect.core.plate_grammar import SYMBOLS, Line
from bconnect_site.errors import ConfigError

FILE = "PP-OCRv6_rec_small.onnx"
PIN = "rapidocr==3.10.0"
SHA256 = "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"
LICENCE = "Apache-2.0 (PaddleOCR PP-OCRv6, converted by RapidOCR)"
HEIGHT = 48  # pixels the model takes
WIDEST, NARROWEST = 640, 48  # pixels
DOTS = ".,:;'`\"*·•°-_~^"  # bolts, rivets and dirt
FAINT = 0.25  # chance of a symbol that another one or nothing outweighs
_SPACE, _WRITING = 1, 3  # what a moment of the line is; 0: nothing, 2: a dot


def ocr_weights() -> Weights:
    """The model of the package. Raises ConfigError: not installed, or another one."""
    return packaged("plates.ocr", "rapidocr", PIN, FILE, SHA256, LICENCE)


class PlateOcr:
    """A loaded, warm model. Not thread-safe."""

    def __init__(self, weights: Weights, threads: int = 1) -> None:
        """Raises ConfigError: not a line recogniser with its characters in its metadata."""
        self._session = open_session(weights, threads)
        self._input = self._session.get_inputs()[0].name
        characters = self._session.get_modelmeta().custom_metadata_map.get("character", "")
        table = ["", *characters.split("\n")]  # index 0 is CTC's blank, the last one the space
        if not set(SYMBOLS) <= set(table):
            raise ConfigError(f"plates.ocr: {weights.path.name} does not know A to Z and 0 to 9")
        self._upper = np.array([table.index(s) for s in SYMBOLS])
        self._lower = np.array([table.index(s.lower()) for s in SYMBOLS])
        self._letters = np.array([s.isalpha() for s in SYMBOLS])
        self._dots = np.array([i for i, s in enumerate(table) if s and s in DOTS])
        self.info = ModelInfo(
            weights.path.name, weights.sha256, weights.licence,
            f"onnxruntime {onnxruntime.__version__} {self._session.get_providers()[0]}",
        )  # fmt: skip
        self.read(np.zeros((HEIGHT, 4 * HEIGHT, 3), np.uint8))

    def read(self, image: NDArray[np.uint8], stretch: float = 1.0) -> Line:
        """The line in a BGR picture of it; ``stretch``: how much wider it is shown."""
        height, width = image.shape[:2]
        wide = int(np.clip(round(HEIGHT * width / height * stretch), NARROWEST, WIDEST))
        way = cv2.INTER_CUBIC if height < HEIGHT else cv2.INTER_AREA
        scaled = cv2.resize(image, (wide, HEIGHT), interpolation=way).astype(np.float32)
        planes = (scaled / 127.5 - 1.0).transpose(2, 0, 1)[None]
        output = self._session.run(None, {self._input: np.ascontiguousarray(planes)})[0]
        return self._line(np.asarray(output, np.float64)[0])

    def _line(self, steps: NDArray[np.float64]) -> Line:
        """Greedy CTC over (time, symbols), small letters as large ones."""
        symbols = steps[:, self._upper] + np.where(self._letters, steps[:, self._lower], 0.0)
        blank, space = steps[:, 0], steps[:, -1]
        dots = steps[:, self._dots].sum(axis=1)
        other = np.clip(1.0 - blank - space - dots - symbols.sum(axis=1), 0.0, None)
        writing = np.maximum(symbols.max(axis=1), other)
        kinds = np.stack((blank, space, dots, writing), axis=1).argmax(axis=1)
        spots, gaps, faint = _spots(kinds, symbols)
        share = symbols[spots] / np.clip(symbols[spots].sum(1) + other[spots], 1e-9, None)[:, None]
        at = (np.array(spots) + 0.5) / max(len(steps), 1)
        text = "".join(SYMBOLS[i] for i in symbols[spots].argmax(axis=1))
        return Line(text, share, at, frozenset(gaps), faint)


def _spots(
    kinds: NDArray[np.intp], symbols: NDArray[np.float64]
) -> tuple[list[int], set[int], bool]:
    """Times at which each symbol is surest, positions behind a space, and whether one is faint."""
    best, surest = symbols.argmax(axis=1), symbols.max(axis=1)
    spots: list[int] = []
    gaps: set[int] = set()
    faint = space_seen = False
    last = -1
    for time, kind in enumerate(kinds):
        if kind != _WRITING:
            near = bool(spots) and time - spots[-1] <= 1
            after = time + 1 < len(kinds) and kinds[time + 1] == _WRITING
            faint |= bool(surest[time] > FAINT and not near and not after)
            space_seen |= bool(kind == _SPACE)
            last = -1
        elif last == best[time]:
            if surest[time] > surest[spots[-1]]:
                spots[-1] = time
        else:
            if space_seen and spots:
                gaps.add(len(spots))
            spots.append(time)
            last, space_seen = int(best[time]), False
    return spots, gaps, faint
