"""``bconnect optimise-model``: int8 weights for OpenVINO, calibrated on a site's own pictures.

Pictures of the cameras that the model will watch, by day and by night, decide what int8 keeps.
Afterwards both models look at pictures that did not take part, and what int8 loses is told: weights
that lose boxes are written only with ``--anyway``.
"""

import argparse
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.adapters.weights import fingerprint, resolve
from bconnect_detect.core.detector import Detections, Weights
from bconnect_detect.core.geometry import iou_matrix
from bconnect_site.errors import ConfigError

Image = NDArray[np.uint8]
PICTURES = (".jpg", ".jpeg", ".png")
VIDEOS = (".mp4", ".avi", ".mkv", ".ts", ".mov")
FEWEST = 40  # pictures
HELD_BACK = 4  # every so manieth picture judges instead of calibrating
SURE, SAME = 0.5, 0.5  # confidence of boxes that count, IoU of the same box
KEPT = 0.97  # share of sure boxes that int8 must keep, and that must not be its own


@dataclass(frozen=True, slots=True)
class Loss:
    """What int8 makes of the pictures held back, beside the weights as they were."""

    recall: float  # of their sure boxes; NaN: there were none
    precision: float  # of its own sure boxes
    boxes: int
    before: float  # ms an image
    after: float

    @property
    def bearable(self) -> bool:
        """Whether next to nothing is lost."""
        return self.recall >= KEPT and self.precision >= KEPT


def main(argv: Sequence[str] | None = None) -> int:
    """Makes the weights and tells what they lose. Raises ConfigError."""
    parser = argparse.ArgumentParser(prog="bconnect optimise-model", description=__doc__)
    parser.add_argument("frames", type=Path, nargs="+", help="pictures, videos, folders of them")
    parser.add_argument("--model", default="default", help="weights (.onnx), or default")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--image-size", type=int, default=640)
    parser.add_argument("--most", type=int, default=300, help="pictures at most")
    parser.add_argument("--anyway", action="store_true", help="even if boxes are lost")
    options = parser.parse_args(argv)
    weights = resolve(options.model, os.environ)
    images = list(pictures(options.frames, options.most))
    loss = optimise(weights, images, options.out, options.image_size, options.anyway)
    print(
        f"{options.out}: int8, {loss.before:.0f} -> {loss.after:.0f} ms an image; of {loss.boxes} "
        f"sure boxes {100 * loss.recall:.1f} % kept, {100 * loss.precision:.1f} % of its own right"
        f"\ndetector: {{adapter: openvino, model: {options.out}}}"
    )
    return 0


def optimise(
    weights: Weights, images: Sequence[Image], out: Path, image_size: int, anyway: bool = False
) -> Loss:
    """An OpenVINO folder of int8 weights. Raises ConfigError: too few pictures, libraries that
    are missing, a folder that is there already, or boxes that are lost."""
    if len(images) < FEWEST:
        raise ConfigError(
            f"optimise-model: found {len(images)} pictures; needs {FEWEST}, better 200, from the "
            "site's own cameras by day and by night"
        )
    if out.exists():
        raise ConfigError(f"--out: {out}: is there already; name a folder to make")
    calibrate = [image for index, image in enumerate(images) if index % HELD_BACK]
    _quantise(weights, calibrate, out, image_size)
    loss = compare(weights, out, list(images[::HELD_BACK]), image_size)
    if not loss.bearable and not anyway:
        shutil.rmtree(out)
        raise ConfigError(
            f"optimise-model: int8 keeps {100 * loss.recall:.1f} % of {loss.boxes} sure boxes and "
            f"{100 * loss.precision:.1f} % of its own are right; needs {100 * KEPT:g} % of both: "
            "more pictures may help, --anyway writes it nevertheless"
        )
    return loss


def _quantise(weights: Weights, images: Sequence[Image], out: Path, image_size: int) -> None:
    try:
        import nncf
        import openvino
        import yaml
    except ImportError as error:
        raise ConfigError(
            f"optimise-model: needs OpenVINO and NNCF ({error}); run pip install -r "
            "requirements/openvino.txt"
        ) from None
    from bconnect_detect.adapters.openvino_detector import read, told
    from bconnect_detect.adapters.yolo import YoloHead, input_size, names_of

    model = read(openvino.Core(), weights.path)
    meta = told(model, weights.path)
    shape: Any = [d.get_length() if d.is_static else None for d in model.input(0).partial_shape]
    head = YoloHead(names_of(meta), input_size(shape, image_size), 0.25)
    made = nncf.quantize(
        model,
        nncf.Dataset(list(images), head.blob),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(images),
        # The end of the head works with pixels and scores at once: int8 would round both.
        ignored_scope=nncf.IgnoredScope(
            patterns=[r".*/model\.\d+/(dfl|Sigmoid|Sub|Add|Div|Mul|Concat).*"], validate=False
        ),
    )
    out.mkdir(parents=True)
    openvino.save_model(made, str(out / "model.xml"), compress_to_fp16=False)
    meta |= {"bconnect": f"int8 of sha256 {weights.sha256}, {len(images)} pictures"}
    (out / "metadata.yaml").write_text(yaml.safe_dump(meta), encoding="utf-8")


def compare(weights: Weights, out: Path, images: Sequence[Image], image_size: int) -> Loss:
    """Both models on the same pictures, in turn."""
    from bconnect_detect.build import build_detector

    made = Weights(out, fingerprint(out), weights.licence)
    options: Any = {"device": "cpu", "confidence": 0.25, "image_size": image_size, "threads": 0}
    models = [build_detector("openvino", w, **options) for w in (weights, made)]
    spent: list[list[float]] = [[], []]
    kept = right = wanted = given = 0
    for image in images:
        found = []
        for model, times in zip(models, spent, strict=True):
            began = time.perf_counter()
            found.append(model.detect(image))
            times.append(1000 * (time.perf_counter() - began))
        before, after = found
        kept += _matched(before, after)
        right += _matched(after, before)
        wanted, given = wanted + _sure(before), given + _sure(after)
    before_ms, after_ms = (statistics.median(times) for times in spent)
    nan = float("nan")
    return Loss(
        kept / wanted if wanted else nan,
        right / given if given else nan,
        wanted,
        before_ms,
        after_ms,
    )


def _sure(found: Detections) -> int:
    return int((found.confidence >= SURE).sum())


def _matched(one: Detections, other: Detections) -> int:
    """Sure boxes of one that the other has too, be they less sure there."""
    sure = one.select(one.confidence >= SURE)
    if not len(sure) or not len(other):
        return 0
    same = iou_matrix(sure.boxes, other.boxes) >= SAME
    return int((same & (sure.kind[:, None] == other.kind[None, :])).any(axis=1).sum())


def pictures(paths: Sequence[Path], most: int) -> Iterator[Image]:
    """BGR images of files and folders, of videos one a second. Raises ConfigError."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ConfigError(f"optimise-model: {path}: there is no such file or folder")
        files += sorted(path.rglob("*")) if path.is_dir() else [path]
    count = 0
    for file in files:
        for image in _images(file):
            if count >= most:
                return
            count += 1
            yield image


def _images(file: Path) -> Iterator[Image]:
    if file.suffix.lower() in PICTURES:
        import cv2

        if (image := cv2.imread(str(file))) is not None:
            yield np.asarray(image, np.uint8)
    elif file.suffix.lower() in VIDEOS:
        import av

        with av.open(str(file)) as container:
            due = 0.0
            for picture in container.decode(video=0):
                if (picture.time or 0.0) >= due:
                    due = (picture.time or 0.0) + 1.0
                    yield picture.to_ndarray(format="bgr24")


if __name__ == "__main__":
    sys.exit(main())
