"""Whatever stands in a file, the answer is a site or sentences that name the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bconnect_site.errors import ConfigError
from bconnect_site.loader import freeze, load_frozen, load_site
from bconnect_site.plan import Plan, plan
from bconnect_site.yamlfile import read_yaml

CONFIG = Path(__file__).parents[2] / "config"
# Shrinking a whole site takes minutes and tells no more than the example as drawn.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(["red_light", "stop_line", "${X}", "16:00", "mon-sat", "utara", "sign S-12"]),
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=6,
)


def places(plain: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of nested values."""
    keys = plain.keys() if isinstance(plain, dict) else range(len(plain))
    for key in keys:
        yield plain, key
        if isinstance(plain[key], dict | list):
            yield from places(plain[key])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fuzz") / "config" / "corridors"
    path.mkdir(parents=True)
    for name in ("law", "fleet.yaml", "phrases.yaml"):
        os.symlink(CONFIG / name, path.parent / name)
    return path


@settings(max_examples=120, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_spoilt_sites_load_or_are_refused_in_sentences(
    folder: Path, site_text: str, data: st.DataObject
) -> None:
    path = folder / "x.yaml"
    path.write_text(site_text, encoding="utf-8")
    plain: dict[str, Any] = json.loads(json.dumps(read_yaml(path, "x")[0], default=str))
    for _ in range(data.draw(st.integers(1, 3))):
        spots = list(places(plain))
        container, key = spots[data.draw(st.integers(0, 10_000)) % len(spots)]
        act = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if act == "replace":
            container[key] = data.draw(anything)
        elif act == "remove":
            del container[key]
        elif isinstance(container, dict):
            container[data.draw(st.text(min_size=1, max_size=8))] = data.draw(anything)
        else:
            container.append(data.draw(anything))
    path.write_text(
        json.dumps(plain, ensure_ascii=data.draw(st.booleans())), encoding="utf-8"
    )  # JSON is YAML
    try:
        loaded = load_site(path)
    except ConfigError as error:
        lines = str(error).splitlines()
        assert lines and all(
            line.startswith(str(folder.parent)) or line.startswith("config/") for line in lines
        )
        assert all(line.isprintable() for line in lines), lines
        return
    frozen = load_frozen(freeze(loaded, folder.parent / "frozen.yaml"))
    assert frozen == loaded
    made = plan(loaded, site_file="/s/site.yaml", state_dir="/s")
    assert Plan.from_json(made.to_json()) == made
    assert {n.parameters["camera"] for n in made.nodes if n.name == "camera"} == set(
        loaded.site.cameras
    )


@settings(max_examples=200, deadline=None, phases=PHASES)
@given(raw=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_a_mapping_or_a_sentence(folder: Path, raw: bytes) -> None:
    path = folder / "bytes.yaml"
    path.write_bytes(raw)
    try:
        plain, _, _ = read_yaml(path, "bytes.yaml")
    except ConfigError as error:
        assert str(error).startswith("bytes.yaml: ")
    else:
        assert isinstance(plain, dict)
