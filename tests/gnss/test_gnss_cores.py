"""Bytes to believed fixes: sentences of one moment, noise, jumps, time that runs backwards."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from math import isnan, sqrt

import pytest
from gnss_scenes import (
    HOME,
    SECOND,
    START,
    T0,
    checked,
    epoch,
    gga,
    gsa,
    moment,
    off,
    rmc,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_gnss.adapters.nmea import piece_of
from bconnect_gnss.core.gate import Gate
from bconnect_gnss.core.gpsd import GpsdTalk
from bconnect_gnss.core.lines import Lines
from bconnect_gnss.core.report import Report, metres_between
from bconnect_gnss.core.timing import Timing
from bconnect_gnss.listening import Heard, Listening

LATENCY = 150_000_000  # ns


def play(made: Listening, *moments: tuple[float, bytes]) -> list[Heard]:
    """What is heard of bytes that arrive so many seconds after T0, with the usual delay."""
    return [
        heard
        for seconds, data in moments
        for heard in made.put(data, T0 + round(seconds * SECOND) + LATENCY)
    ]


def recheck(line: bytes) -> bytes:
    return checked(line[1 : line.index(b"*")].decode())


def standing(seconds: int, place: tuple[float, float] = HOME, first: int = 0):
    return [(float(t), epoch(moment(t), place)) for t in range(first, first + seconds)]


class TestNmea:
    def test_the_sentences_of_one_moment_are_one_report(self) -> None:
        heard = play(Listening("nmea"), *standing(8))
        assert [h.report.utc for h in heard] == [T0 + t * SECOND for t in range(8)]
        last = heard[-1].report
        assert (last.latitude, last.longitude) == pytest.approx(HOME, abs=1e-7)
        assert (last.north_stddev, last.east_stddev) == (2.0, 3.0) and last.measured
        assert last.altitude == 72.0 and last.velocity == (0.0, 0.0)

    def test_once_learned_a_report_does_not_wait_for_the_next_moment(self) -> None:
        made = Listening("nmea")
        play(made, *standing(3))
        assert [h.report.utc for h in play(made, *standing(1, first=3))] == [T0 + 3 * SECOND]

    def test_without_gst_hdop_tells_how_sure_it_is(self) -> None:
        data = [(t, rmc(moment(t)) + gga(moment(t), hdop=2.0)) for t in range(3)]
        last = play(Listening("nmea"), *data)[-1].report
        assert last.east_stddev == pytest.approx(2.0 * 5.0 / sqrt(2)) and not last.measured

    def test_rmc_alone_takes_gsa_for_its_hdop(self) -> None:
        data = [(t, rmc(moment(t)) + gsa(hdop=1.5)) for t in range(3)]
        last = play(Listening("nmea"), *data)[-1].report
        assert last.fixed and last.east_stddev == pytest.approx(1.5 * 5.0 / sqrt(2))
        lone = play(Listening("nmea"), *[(t, rmc(moment(t))) for t in range(3)])[-1].report
        assert lone.fixed and isnan(lone.east_stddev)

    def test_midnight_goes_on_where_only_gga_speaks(self) -> None:
        before = moment(0).replace(hour=23, minute=59, second=58)
        data = rmc(before) + b"".join(gga(before + timedelta(seconds=t)) for t in range(1, 5))
        found = [h.report.utc for h in Listening("nmea").put(data, T0)]
        assert [b - a for a, b in itertools.pairwise(found)] == [SECOND] * 4

    @pytest.mark.parametrize(
        "data",
        [
            rmc(START, ok=False) + gga(START, quality=0),
            rmc(START) + gga(START, quality=6),  # estimated
            rmc(START) + gga(START, quality=8),  # simulated
            gsa(mode=1) + rmc(START) + gga(START),
            checked("GPRMC,,V,,,,,,,,,,N") + checked("GPGGA,,,,,,0,00,99.99,,,,,,"),
        ],
    )
    def test_what_the_receiver_does_not_believe_is_no_fix(self, data: bytes) -> None:
        heard = next(Listening("nmea").put(data + epoch(moment(1)), T0))
        assert heard.refused == "no fix"

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"$",
            b"hello",
            b"$GPRMC,1,2,3",
            rmc(START).strip()[:-2] + b"00",  # wrong checksum
            rmc(START).strip().partition(b"*")[0],  # none
            b"$GPRMC," + b"9" * 300 + b"*00",
            bytes(range(256)),
        ],
    )
    def test_noise_is_no_sentence(self, line: bytes) -> None:
        with pytest.raises(ValueError):
            piece_of(line)

    def test_two_constellations_that_say_the_same_are_one_report(self) -> None:
        galileo = [(t, data + data.replace(b"$GN", b"$GA")) for t, data in standing(8)]
        fixed = [(t, b"".join(map(recheck, data.splitlines()))) for t, data in galileo]
        heard = play(Listening("nmea"), *fixed)
        assert len(heard) in (7, 8) and not any(h.refused for h in heard[4:])

    def test_a_sentence_begins_at_its_last_dollar(self) -> None:
        said = piece_of(b"$GNRMC,2026$" + rmc(START).strip())
        assert said is not None and said.valid

    def test_other_sentences_do_not_matter(self) -> None:
        assert piece_of(checked("GPVTG,77.52,T,,M,0.004,N,0.008,K,A").strip()) is None
        assert piece_of(checked("PUBX,00,1").strip()) is None

    def test_noise_between_sentences_is_counted_and_costs_nothing(self) -> None:
        made = Listening("nmea")
        noisy = [(t, b"\xff\x00\xfe$GPR\n" + data + b"~~~\n") for t, data in standing(8)]
        assert len([h for h in play(made, *noisy) if not h.refused]) == 4
        assert made.noise == 16


class TestHeadings:
    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("GPHDT,123.456,T", [123.456]),
            ("GNTHS,77.52,A", [77.52]),
            ("GNTHS,77.52,E", []),  # estimated
            ("GPHDT,,T", []),
            ("GPHDT,400.0,T", []),
        ],
    )
    def test_two_antennas_by_nmea(self, line: str, told: list[float]) -> None:
        listening = Listening("nmea")
        data = recheck(f"${line}*00\r\n".encode())
        assert list(listening.put(data, T0)) == []
        assert listening.headings() == told and listening.headings() == []
        assert listening.noise == 0

    def test_a_wrong_checksum_is_noise(self) -> None:
        listening = Listening("nmea")
        list(listening.put(b"$GPHDT,123.456,T*00\r\n", T0))
        assert listening.headings() == [] and listening.noise == 1

    def test_two_antennas_by_gpsd(self) -> None:
        listening = Listening("gpsd")
        data = b'{"class":"ATT","heading":14.0}\n{"class":"ATT"}\n{"class":"ATT","heading":"x"}\n'
        list(listening.put(data, T0))
        assert listening.headings() == [14.0]


class TestGpsd:
    def tpv(self, seconds: float = 0.0, **keys: object) -> bytes:
        at = f"{moment(seconds):%Y-%m-%dT%H:%M:%S}.000Z"
        plain = {"class": "TPV", "mode": 3, "time": at, "lat": HOME[0], "lon": HOME[1]}
        return json.dumps({**plain, "epx": 3.0, "epy": 4.0, "speed": 0.1, **keys}).encode()

    def test_a_position(self) -> None:
        (made,) = GpsdTalk().put(self.tpv(1.0, track=90.0, eps=94.0, altHAE=70.0), T0)
        assert made.fixed and made.utc == T0 + SECOND and made.altitude == 70.0
        spread = (made.east_stddev, made.north_stddev, made.speed_stddev)
        assert spread == pytest.approx((3.0 / 1.96, 4.0 / 1.96, 0.2 / 1.96)) and not made.measured
        assert made.velocity == pytest.approx((0.1, 0.0))

    @pytest.mark.parametrize(
        "keys", [{"mode": 1}, {"mode": "3"}, {"status": 8}, {"status": 5}, {"mode": None}]
    )
    def test_no_fix(self, keys: dict[str, object]) -> None:
        (made,) = GpsdTalk().put(self.tpv(**keys), T0)
        assert not made.fixed

    def test_numbers_that_are_none_are_unknown(self) -> None:
        (made,) = GpsdTalk().put(self.tpv(lat="1", lon=True, epx=None, speed=[1], time=5), T0)
        assert isnan(made.latitude) and isnan(made.longitude) and made.utc == 0
        assert isnan(made.east_stddev) and isnan(made.speed)

    def test_sky_errors_and_devices(self) -> None:
        talk = GpsdTalk()
        assert talk.put(b'{"class":"SKY","hdop":2.0}', T0) == []
        (made,) = talk.put(self.tpv(epx=None), T0)
        assert made.east_stddev == pytest.approx(2.0 * 5.0 / sqrt(2)) and not made.measured
        (made,) = talk.put(self.tpv(eps=94.8), T0)  # what a real one says of a standing receiver
        assert made.speed_stddev == pytest.approx(0.4)
        assert talk.put(b'{"class":"GST","lat":2.0,"lon":3.0,"alt":5.0}', T0) == []
        (made,) = talk.put(self.tpv(), T0 + SECOND)
        assert (made.north_stddev, made.east_stddev) == (2.0, 3.0) and made.measured
        (made,) = talk.put(self.tpv(), T0 + 9 * SECOND)
        assert not made.measured
        assert talk.put(b'{"class":"DEVICES","devices":[]}', T0) == [] and talk.receivers == 0
        assert talk.put(b'{"class":"ERROR","message":"no"}', T0) == [] and talk.complaint == "no"

    @pytest.mark.parametrize("line", [b"{", b"[1]", b"7", b"\xff", b"[" * 100_000, b"NaN"])
    def test_noise_is_no_json(self, line: bytes) -> None:
        with pytest.raises(ValueError):
            GpsdTalk().put(line, T0)


class TestGate:
    def believe(self) -> Listening:
        made = Listening("nmea")
        heard = play(made, *standing(6))
        assert [h.refused for h in heard] == ["not confirmed"] * 4 + ["", ""]
        return made

    def test_a_fix_5_km_off_is_refused_and_home_is_believed_at_once(self) -> None:
        made = self.believe()
        (jump,) = play(made, (6.0, epoch(moment(6), off(HOME, north=5000.0))))
        (home,) = play(made, (7.0, epoch(moment(7))))
        assert jump.refused == "jump" and home.refused == ""

    def test_several_fixes_that_agree_there_are_believed(self) -> None:
        made = self.believe()
        heard = play(made, *standing(6, off(HOME, north=5000.0), first=6))
        assert [h.refused for h in heard] == ["jump"] * 4 + ["", ""]

    def test_fixes_that_jump_about_are_never_believed(self) -> None:
        made = self.believe()
        data = [
            (float(t), epoch(moment(t), off(HOME, north=5000.0 * (1 + t % 3))))
            for t in range(6, 60)
        ]
        assert all(h.refused for h in play(made, *data))

    def test_a_vehicle_at_speed_is_no_jump(self) -> None:
        made = self.believe()
        data = [
            (float(t), epoch(moment(t), off(HOME, east=33.0 * (t - 5)), speed=33.0))
            for t in range(6, 30)
        ]
        assert not any(h.refused for h in play(made, *data))

    def test_an_impossible_speed_is_refused(self) -> None:
        made = self.believe()
        (fast,) = play(made, (6.0, epoch(moment(6), speed=120.0)))
        assert fast.refused == "impossible speed"

    def test_two_fixes_with_one_stamp_are_one(self) -> None:
        made = self.believe()
        heard = play(made, (6.0, epoch(moment(6)) + epoch(moment(6))))
        assert [h.refused for h in heard] == [""]
        gate, last = Gate(), heard[0].report
        said = [gate.refuse(last, T0 + t * SECOND) for t in (0, 1, 2, 3, 4, 4)]
        assert said == ["not confirmed"] * 4 + ["", "repeated"]

    def test_stamps_backwards_are_refused_until_several_agree(self) -> None:
        made = self.believe()
        data = [(3.0 + t, epoch(moment(3.0 + t))) for t in (0, 1)]
        assert [h.refused for h in play(made, *data)] == ["backwards", "backwards"]
        assert [h.refused for h in play(made, (6.0, epoch(moment(6))))] == [""]

    def test_after_a_long_silence_it_must_be_confirmed_anew(self) -> None:
        made = self.believe()
        assert [h.refused for h in play(made, *standing(2, first=60))] == ["jump", "jump"]

    @pytest.mark.parametrize("place", [(0.0, 0.0), (91.0, 0.0), (float("nan"), 1.0), (1.0, 181.0)])
    def test_no_place_on_earth(self, place: tuple[float, float]) -> None:
        report = Report(T0, fixed=True, latitude=place[0], longitude=place[1])
        assert Gate().refuse(report, T0) == "no place"

    def test_metres(self) -> None:
        here, there = (Report(0, latitude=p[0], longitude=p[1]) for p in (HOME, off(HOME, 30, 40)))
        assert metres_between(here, there) == pytest.approx(50.0, rel=1e-3)
        east, west = Report(0, latitude=0, longitude=179.9999), Report(0, 0, True, 0, -179.9999)
        assert metres_between(east, west) == pytest.approx(22.2, rel=0.01)


class TestTiming:
    def test_the_receivers_moment_where_the_clocks_agree(self) -> None:
        timing = Timing()
        assert timing.stamp(Report(T0 + LATENCY, T0)) == T0 and timing.agrees
        assert timing.offset == pytest.approx(0.15) and timing.doubt(Report(0, speed=20.0)) == 0.0

    @pytest.mark.parametrize("off_by", [-3600.0, -1.0, 1.5, 86400.0])
    def test_a_clock_that_is_off_is_told_and_the_arrival_counts(self, off_by: float) -> None:
        timing, arrived = Timing(), T0 + LATENCY + round(off_by * SECOND)
        assert timing.stamp(Report(arrived, T0)) == arrived and not timing.agrees
        assert timing.offset == pytest.approx(off_by + 0.15)
        assert timing.doubt(Report(0, speed=20.0)) == 20.0

    def test_a_clock_that_is_set_begins_anew(self) -> None:
        timing = Timing()
        timing.stamp(Report(T0 - 3600 * SECOND, T0))
        timing.stamp(Report(T0 + SECOND + LATENCY, T0 + SECOND))
        assert timing.offset == pytest.approx(0.15) and timing.agrees
        timing.stamp(Report(T0, 0))
        assert not timing.agrees

    def test_of_the_clock_nothing_is_known_before_gnss_told(self) -> None:
        look = Timing().look(T0)
        assert isnan(look.offset) and isnan(look.uncertainty) and isnan(look.age)
        assert look.source == ""

    @pytest.mark.parametrize("off_by", [-3600.0, 0.0, 2.0])
    @pytest.mark.parametrize("delay", [0.0, 0.15, 0.9])
    def test_how_far_the_clock_is_off_lies_in_what_is_told(
        self, off_by: float, delay: float
    ) -> None:
        timing = Timing()
        for n in range(5):
            late = delay if n == 3 else 0.95
            moment = T0 + n * SECOND
            timing.stamp(Report(moment + round((off_by + late) * SECOND), moment))
        look = timing.look(T0 + 4 * SECOND + round((off_by + 1.95) * SECOND))
        assert abs(look.offset - off_by) <= look.uncertainty == pytest.approx(0.6)
        assert look.age == pytest.approx(1.0) and look.source == "gnss messages"

    def test_a_pulse_is_exact_while_it_is_fresh(self) -> None:
        timing = Timing()
        timing.stamp(Report(T0 + LATENCY, T0))
        timing.pulse(T0 + LATENCY, 0.0123)
        look = timing.look(T0 + 2 * SECOND)
        assert (look.offset, look.uncertainty, look.source) == (0.0123, 1e-3, "gnss pps")
        assert timing.look(T0 + 20 * SECOND).source == "gnss messages"

    def test_gpsd_tells_of_pulses(self) -> None:
        listening = Listening("gpsd")
        pulse = (
            b'{"class":"PPS","device":"/dev/pps0","real_sec":1795515802,"real_nsec":0,'
            b'"clock_sec":1795515804,"clock_nsec":500000,"precision":-20}\n'
        )
        broken = b'{"class":"PPS","real_sec":"x"}\n{"class":"PPS"}\n'
        assert list(listening.put(pulse + broken, T0)) == []
        assert listening.timing.look(T0).offset == pytest.approx(2.0005)


def test_a_line_that_never_ends_is_given_up_and_the_next_one_is_read() -> None:
    lines = Lines(longest=100)
    assert lines.put(b"x" * 250) == [] and lines.put(b"y" * 250) == []
    assert lines.overlong == 1 and len(lines._rest) <= 100
    assert lines.put(b"z\nab\r\n\r\nc") == [b"ab"] and lines.put(b"d\n") == [b"cd"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=20), st.sampled_from(["nmea", "gpsd"]))
def test_any_bytes_are_survived(chunks: list[bytes], scheme: str) -> None:
    made = Listening(scheme)
    assert all(h.refused for chunk in chunks for h in made.put(chunk, T0))


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789.,-AVNSEWM", max_size=90), st.sampled_from(["RMC", "GGA", "GST", "GSA"]))
def test_any_sentence_with_a_right_checksum_is_survived(body: str, kind: str) -> None:
    made = Listening("nmea")
    data = checked(f"GN{kind},{body}") + epoch(moment(1)) + epoch(moment(2))
    assert all(h.refused for h in made.put(data, T0))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_flipped_bits_never_move_a_believed_fix(data: st.DataObject) -> None:
    made = Listening("nmea")
    play(made, *standing(6))
    spoiled = bytearray(epoch(moment(6)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(spoiled) - 1))
        spoiled[at] ^= 1 << data.draw(st.integers(0, 7))
    for heard in play(made, (6.0, bytes(spoiled)), *standing(2, first=7)):
        if not heard.refused:
            here = Report(0, latitude=HOME[0], longitude=HOME[1])
            assert metres_between(here, heard.report) < 200.0


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["mode", "time", "lat", "lon", "epx", "epy", "speed", "track", "status"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=30),
            st.lists(st.integers(), max_size=2),
        ),
    )
)
def test_any_position_of_gpsd_is_survived(said: dict[str, object]) -> None:
    line = json.dumps({"class": "TPV", **said}).encode()
    assert all(h.refused for h in Listening("gpsd").put(line + b"\n", T0))
