"""Real video: the van and the car that stand in Debian's vtest.avi, and nobody else."""

from pathlib import Path

import pytest
from detect_scenes import Context, SignalBook, place, zone

from bconnect_detect.adapters.bytetrack import ByteTrack
from bconnect_detect.adapters.weights import resolve
from bconnect_detect.build import build_detector
from bconnect_detect.core.detector import tidy
from bconnect_detect.core.rules.illegal_parking import IllegalParking

CLIP = Path(__file__).parents[2] / "var" / "footage" / "vtest.avi"
EVERYWHERE = [[0.01, 0.01], [0.99, 0.01], [0.99, 0.99], [0.01, 0.99]]


@pytest.mark.skipif(not CLIP.is_file(), reason="var/footage/vtest.avi is not there (opencv-doc)")
def test_two_vehicles_stand_and_pedestrians_walk():
    av = pytest.importorskip("av")
    options = {"device": "cpu", "confidence": 0.25, "image_size": 640, "threads": 1}
    model = build_detector("onnxruntime", resolve("default", {}), **options)
    tracker = ByteTrack(5.0)
    made = zone(kind="no_parking", region=EVERYWHERE, dwell=5.0, basis="sign S-12")
    rule, found, people = IllegalParking(place(made)), [], set()
    with av.open(str(CLIP)) as container:
        for picture in container.decode(video=0):
            stamp = round(float(picture.time) * 1e9)
            if stamp > 7_000_000_000:
                break
            if round(stamp / 1e8) % 2:
                continue
            image = picture.to_ndarray(format="bgr24")
            size = picture.width, picture.height
            tracks = tracker.update(tidy(model.detect(image)).to_tracks(stamp, "c", size))
            people |= {u.track_id for u in tracks if u.kind == 1}
            found += rule.check(tracks, Context(SignalBook({})))
    assert len(people) >= 4
    boxes = sorted(finding.road_user.box[0] for finding in found)
    assert boxes == [pytest.approx(650, abs=15), pytest.approx(733, abs=15)]
    assert all(5.0 < finding.measured < 5.5 for finding in found)
