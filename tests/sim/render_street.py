"""A small street for tests of pictures: one road of two lanes along x, a junction at x = 20..30."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bconnect_sim.core.world import (
    CameraView,
    Corridor,
    Moment,
    Move,
    Picture,
    Place,
    Pole,
    SignalHead,
    VehicleState,
    Weather,
)

NET = """<net version="1.20" lefthand="true">
 <edge id="in" from="west" to="cross">
  <lane id="in_0" index="0" endOffset="4.0" width="3.50" shape="-60.00,5.25 16.00,5.25"/>
  <lane id="in_1" index="1" endOffset="4.0" width="3.50" shape="-60.00,1.75 16.00,1.75"/>
 </edge>
 <edge id="out" from="cross" to="east">
  <lane id="out_0" index="0" width="3.50" shape="30.00,5.25 120.00,5.25"/>
 </edge>
 <edge id="back" from="cross" to="west">
  <lane id="back_0" index="0" width="3.50" shape="20.00,-1.75 -60.00,-1.75"/>
 </edge>
 <edge id=":cross_0" function="internal">
  <lane id=":cross_0_0" index="0" shape="20.00,5.25 30.00,5.25"/>
 </edge>
 <junction id="cross" type="traffic_light" shape="20,7 30,7 30,-7 20,-7"/>
 <junction id="west" type="dead_end" shape="-60,0 -60,7 -60,-7"/>
</net>
"""
PLACES = (
    Place("henti", "stop_line", line=((16.0, 0.0), (16.0, 7.0)), signal="barat"),
    Place("simpang", "junction", region=((21.0, -7.0), (30.0, -7.0), (30.0, 7.0), (21.0, 7.0))),
    Place("marka", "lane_marking", line=((0.0, 3.5), (14.0, 3.5))),
    Place("arah", "direction", direction=((-40.0, 1.75), (-30.0, 1.75)),
          region=((-40.0, 0.0), (-30.0, 0.0), (-30.0, 3.5), (-40.0, 3.5))),
    Place("bahu", "no_parking", region=((-20.0, 5.0), (0.0, 5.0), (0.0, 7.0), (-20.0, 7.0))),
)  # fmt: skip
VIEW = CameraView("barat", (-8.0, 9.5, 6.0), (14.0, 4.0, 0.5), 45.0)
FAR = CameraView("timur", (60.0, -8.0, 6.0), (30.0, 2.0, 0.5), 45.0)
HEAD = SignalHead("barat", "cross", ("in",), (16.8, 8.2, 3.2), 180.0)
DAY = Weather()
SMALL = Picture(width=640, height=360, noise=0.0)


@dataclass(frozen=True)
class Described:
    picture: Picture = SMALL
    weather: Weather = DAY
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True)
class Stage:
    folder: Path
    scenario: Described = field(default_factory=Described)
    corridor: Corridor = field(default_factory=lambda: street())


def street(poles: Sequence[Pole] = (), cameras: Sequence[CameraView] = (VIEW, FAR)) -> Corridor:
    return Corridor(
        "uji", "Uji", "uji.net.xml", {}, PLACES, tuple(cameras), (HEAD,), poles=tuple(poles)
    )


def write_net(folder: Path) -> Path:
    (folder / "uji.net.xml").write_text(NET)
    return folder


def car(x: float, y: float, heading: float = 0.0, **more: object) -> VehicleState:
    fields = {"id": "mobil", "model": "mpv", "plate": "KT 1234 AB", "paint": 0.0} | more
    return VehicleState(
        kind="car", x=x, y=y, heading=heading, speed=0.0, length=4.26, width=2.13, height=1.96,
        **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def bike(x: float, y: float, riders: int = 1, helmets: int = 1, **more: object) -> VehicleState:
    fields = {"id": "motor", "heading": 0.0, "paint": 0.1} | more
    return VehicleState(
        kind="motorcycle", model="scooter", x=x, y=y, speed=0.0, length=1.95, width=0.86,
        height=1.36, riders=riders, helmets=helmets, **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def moment(*vehicles: VehicleState, time: float = 5.0, aspect: str = "red") -> Moment:
    return Moment(time, vehicles, {"barat": aspect})
