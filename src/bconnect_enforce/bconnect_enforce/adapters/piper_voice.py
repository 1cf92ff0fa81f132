"""Natural speech offline by Piper, from a voice file the operator names.

Piper is GPL-3.0-or-later. No package carries an Indonesian voice, so B-Connect ships none;
the voice's own licence is the operator's to read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bconnect_enforce.core.sound import Sound
from bconnect_enforce.core.studio import NoSound
from bconnect_site.errors import ConfigError

if TYPE_CHECKING:
    from piper import PiperVoice as Model

_PAUSE = 0.25  # s between two sentences
_SLOWER = 1.15  # times the voice's own pace: a horn over traffic needs it


class PiperVoice:
    """`path` is the voice's .onnx; its .onnx.json lies beside it. Loaded when first needed.

    Raises ConfigError: no such file, not a voice, Piper not installed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._model: Model | None = None
        settings = path.with_name(path.name + ".json")
        for file in (path, settings):
            if not file.is_file():
                raise ConfigError(f"voice: {file}: is not there; needs a Piper voice and its .json")
        try:
            self.language = str(json.loads(settings.read_text())["espeak"]["voice"])
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigError(f"voice: {settings}: is not the .json of a Piper voice") from None
        try:
            import piper  # noqa: F401
        except ImportError:
            raise ConfigError(
                f"voice: found piper:{path}, but Piper is not installed; "
                "run: .venv/bin/python -m pip install piper-tts==1.8.0"
            ) from None

    @property
    def name(self) -> str:
        """What decides the sound beside the text; part of the cache's key."""
        size = self._path.stat().st_size
        return f"piper/{self._path.name}/{size}/{_SLOWER}"

    def say(self, text: str) -> Sound:
        """The text as sound. Raises NoSound."""
        from piper import SynthesisConfig

        try:
            if self._model is None:
                self._model = self._load()
            parts = list(self._model.synthesize(text, SynthesisConfig(length_scale=_SLOWER)))
        except Exception as error:  # onnxruntime's errors have no common base
            reason = " ".join(str(error).split())[:120]
            raise NoSound(f'Piper cannot say "{text}" ({reason})') from error
        if not parts:
            raise NoSound(f'Piper made no sound of "{text}"')
        rate = parts[0].sample_rate
        pause = np.zeros(int(_PAUSE * rate), np.int16)
        pieces = [piece for part in parts for piece in (part.audio_int16_array, pause)][:-1]
        return Sound(np.concatenate(pieces), rate)

    def _load(self) -> Model:
        from piper import PiperVoice as Loaded

        return Loaded.load(self._path)
