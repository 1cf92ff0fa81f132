"""The demo's site where a video is missing, and as asked on the command line."""

from __future__ import annotations

from itertools import product

import pytest

from bconnect_bringup.demo import changed
from bconnect_bringup.prepare import load


@pytest.mark.parametrize(
    ("without", "keep", "light"),
    product([set(), {"plaza"}, {"jalan"}], [False, True], [False, True]),
)
def test_site_holds_together_with_what_can_be_had(
    without: set[str], keep: bool, light: bool
) -> None:
    site = changed(load("demo"), without, keep=keep, light=light).site
    assert set(site.cameras) == {"plaza", "jalan"} - without
    assert all(camera.loop == keep for camera in site.cameras.values())
    assert set(site.signals) == (set() if "jalan" in without else {"barat"})
    assert all(set(s.hears) == set(site.cameras) for s in site.speakers.values())
    assert site.detector.adapter == ("onnxruntime" if light else "ultralytics")
