"""A Piper voice the operator names: any file Piper can read. Ours whistles each phoneme."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bconnect_enforce.adapters.piper_voice import PiperVoice
from bconnect_enforce.building import make_studio
from bconnect_enforce.core.studio import NoSound
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import ViolationType
from bconnect_site.phrases import Phrase, Phrases

pytest.importorskip("piper")
RATE = 22050
SYMBOLS = "_^$ .,abcdefghijklmnopqrstuvwxyzæəɑɔɛɡɪŋɲɾʃʊʒʔˈˌː"  # noqa: RUF001


def whistle(folder: Path, samples: int = 1500) -> Path:
    """A voice of a few hundred bytes: `samples` of a tone for each phoneme."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    constants = {
        "axis": np.array(1, np.int64),
        "last": np.array([2], np.int64),
        "wide": np.array([1, 1, samples], np.int64),
        "flat": np.array([1, -1], np.int64),
        "out": np.array([1, 1, 1, -1], np.int64),
        "step": np.array(0.004, np.float32),
        "loud": np.array(0.5, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["input"], ["ids"], to=kind.FLOAT),
        helper.make_node("Unsqueeze", ["ids", "last"], ["column"]),
        helper.make_node("Tile", ["column", "wide"], ["long"]),
        helper.make_node("Reshape", ["long", "flat"], ["row"]),
        helper.make_node("Mul", ["row", "step"], ["pitch"]),
        helper.make_node("CumSum", ["pitch", "axis"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["tone"]),
        helper.make_node("Mul", ["tone", "loud"], ["quiet"]),
        helper.make_node("Reshape", ["quiet", "out"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", kind.INT64, [1, None]),
        helper.make_tensor_value_info("input_lengths", kind.INT64, [1]),
        helper.make_tensor_value_info("scales", kind.FLOAT, [3]),
    ]
    outputs = [helper.make_tensor_value_info("output", kind.FLOAT, None)]
    given = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "whistle", inputs, outputs, given)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    path = folder / "peluit.onnx"
    path.write_bytes(model.SerializeToString())
    settings = {
        "audio": {"sample_rate": RATE},
        "espeak": {"voice": "id"},
        "num_symbols": len(SYMBOLS),
        "num_speakers": 1,
        "inference": {},
        "phoneme_id_map": {symbol: [i] for i, symbol in enumerate(SYMBOLS)},
    }
    path.with_name("peluit.onnx.json").write_text(json.dumps(settings))
    return path


def test_a_voice_file_speaks_indonesian_phonemes(tmp_path):
    voice = PiperVoice(whistle(tmp_path))
    assert voice.language == "id"
    sound = voice.say("Dilarang parkir. Terima kasih.")
    assert sound.rate == RATE
    assert sound.duration > 1.0
    assert sound.rms > 0.1
    assert voice.say("Halo.").duration < sound.duration


def studio(folder: Path, voice: str):
    phrases = Phrases(
        "id", {"a": Phrase("a", "Halo.", "Hello.", "information", ViolationType.UNKNOWN)}
    )
    return make_studio(phrases, voice, 1.0, folder / "cache", 0, False)


def test_its_sounds_are_cached_and_it_is_not_loaded_again(tmp_path, monkeypatch):
    path = whistle(tmp_path)
    first = studio(tmp_path, f"piper:{path}").sound("a").samples
    monkeypatch.setattr(PiperVoice, "say", None)
    assert np.array_equal(studio(tmp_path, f"piper:{path}").sound("a").samples, first)


def test_where_it_fails_espeak_speaks_and_nothing_is_cached(tmp_path):
    path = whistle(tmp_path)
    path.write_bytes(b"no model at all")
    with pytest.raises(NoSound, match=r'Piper cannot say "Halo\."'):
        PiperVoice(path).say("Halo.")
    assert studio(tmp_path, f"piper:{path}").sound("a").rms > 0.05
    assert not list((tmp_path / "cache").glob("*.wav"))


def test_mistakes_are_one_sentence(tmp_path, monkeypatch):
    path = whistle(tmp_path)
    settings = path.with_name("peluit.onnx.json")
    settings.write_text("{}")
    with pytest.raises(ConfigError, match=r"peluit.onnx.json: is not the .json of a Piper voice"):
        PiperVoice(path)
    settings.unlink()
    with pytest.raises(ConfigError, match=r"peluit.onnx.json: is not there; needs a Piper voice"):
        PiperVoice(path)
    with pytest.raises(ConfigError, match=r"lain.onnx: is not there"):
        PiperVoice(tmp_path / "lain.onnx")
    path = whistle(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "piper", None)
    with pytest.raises(ConfigError, match=r"but Piper is not installed; run: .*piper-tts==1.8.0"):
        PiperVoice(path)
