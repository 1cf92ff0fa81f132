"""The wire between a site and the centre: who may join, what comes late, what is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bconnect_center.adapters.papers import issue
from bconnect_spool.adapters import zenoh_link
from bconnect_spool.adapters.zenoh_link import CentreEnd, LinkDown, Papers, SiteEnd
from bconnect_spool.core import wire

NOW = 1_795_000_000 * 10**9


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Papers]:
    folder = tmp_path_factory.mktemp("papers")

    def made(name: str) -> Papers:
        hosts = ("localhost", "127.0.0.1") if name == "pusat" else ()
        if not (folder / f"{name}.pem").exists():
            issue(folder, name, NOW, hosts)
        return Papers(*(str(folder / f) for f in ("ca.pem", f"{name}.pem", f"{name}.key")))

    made("pusat")
    return made


@contextmanager
def centre(port: int, papers: Any, sites: tuple[str, ...] = ("satu", "dua")) -> Iterator[CentreEnd]:
    end = CentreEnd(f"tls/127.0.0.1:{port}", sites, papers("pusat"))
    try:
        yield end
    finally:
        end.close()


@contextmanager
def site(port: int, name: str, with_papers: Papers | None) -> Iterator[SiteEnd]:
    end = SiteEnd(f"tls/localhost:{port}", name, with_papers)
    try:
        yield end
    finally:
        end.close()


@pytest.fixture
def port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nothing(what: str, data: bytes, answer: Callable[[bytes], None]) -> None:
    answer(wire.NOT_NOW + b"not here")


def test_what_was_kept_comes_first_and_a_centre_that_comes_back_hears_it_again(
    papers: Any, port: int, wait_for: Callable[..., Any]
) -> None:
    kept = [("violations", b"1"), ("violations", b"2")]
    with centre(port, papers) as first, site(port, "satu", papers("satu")) as ours:
        heard: list[bytes] = []
        wired = first.site("satu")
        wired.hear("violations", heard.append)
        wired.begin()
        ours.serve(lambda: kept, nothing)
        wait_for(lambda: heard == [b"1", b"2"])
        ours.say("violations", b"3", may_drop=False)
        ours.say("tracks", b"nobody asked", may_drop=True)
        wait_for(lambda: heard == [b"1", b"2", b"3"])
        first.close()
        wait_for(lambda: not ours.joined())
        with centre(port, papers) as second:
            again: list[bytes] = []
            wired = second.site("satu")
            wired.hear("violations", again.append)
            wired.begin()
            wait_for(lambda: ours.joined() and again == [b"1", b"2"], 30.0)
            ours.say("violations", b"4", may_drop=False)
            wait_for(lambda: again[-1] == b"4")


def test_a_site_speaks_for_itself_only_and_hears_no_other(
    papers: Any, port: int, wait_for: Callable[..., Any]
) -> None:
    with (
        centre(port, papers) as end,
        site(port, "satu", papers("satu")) as ours,
        site(port, "dua", papers("dua")) as others,
    ):
        heard: dict[str, list[bytes]] = {"satu": [], "dua": []}
        for name, list_ in heard.items():
            wired = end.site(name)
            wired.hear("findings", list_.append)
            wired.begin()
        spied: list[Any] = []
        others._session.declare_subscriber("bconnect/**", spied.append)
        forged = SiteEnd(f"tls/localhost:{port}", "dua", papers("satu"))
        forged.say("findings", b"forged", may_drop=False)
        wait_for(lambda: ours.say("findings", b"ours", may_drop=False) or heard["satu"], every=0.05)
        wait_for(lambda: others.say("findings", b"x", may_drop=False) or heard["dua"], every=0.05)
        wait_for(lambda: spied)
        assert b"forged" not in heard["dua"]
        assert {str(sample.key_expr) for sample in spied} == {"bconnect/dua/from/findings"}
        forged.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zenoh_link, "CONNECT", 1.0)


@pytest.mark.parametrize("who", ["nobody", "a stranger"])
@pytest.mark.usefixtures("hasty")
def test_without_our_certificate_nobody_joins(
    papers: Any, port: int, who: str, tmp_path: Path
) -> None:
    with centre(port, papers):
        theirs = None
        if who == "a stranger":
            pem, key = issue(tmp_path, "satu", NOW)
            theirs = replace(papers("satu"), certificate=str(pem), key=str(key))
        with pytest.raises(LinkDown, match=f"tls/localhost:{port}: "):
            SiteEnd(f"tls/localhost:{port}", "satu", theirs)


@pytest.mark.usefixtures("hasty")
def test_a_centre_that_is_not_ours_is_not_told_anything(
    papers: Any, port: int, tmp_path: Path
) -> None:
    pem, key = issue(tmp_path, "pusat", NOW, ("localhost", "127.0.0.1"))
    theirs = Papers(str(tmp_path / "ca.pem"), str(pem), str(key))
    with centre(port, lambda _: theirs), pytest.raises(LinkDown):
        SiteEnd(f"tls/localhost:{port}", "satu", papers("satu"))


def test_the_centre_asks_and_pictures_are_told_of_while_somebody_looks(
    papers: Any, port: int, wait_for: Callable[..., Any]
) -> None:
    def answer(what: str, data: bytes, reply: Callable[[bytes], None]) -> None:
        reply(wire.DONE + data[::-1] if what == "update_tow_job" else wire.NOT_NOW + b"not ready")

    watched: list[tuple[str, bool]] = []
    with centre(port, papers) as end, site(port, "satu", papers("satu")) as ours:
        wired = end.site("satu")
        with pytest.raises(LinkDown, match="the site does not answer"):
            wired.ask("update_tow_job", b"")
        ours.watch(["utara", "selatan"], lambda camera, yes: watched.append((camera, yes)))
        ours.serve(lambda: [], answer)

        def asked() -> bytes:
            with suppress(LinkDown):  # until the site's offer has come through
                return wired.ask("update_tow_job", b"abc")
            return b""

        assert wait_for(asked, every=0.05) == b"cba"
        with pytest.raises(LinkDown, match="not ready"):
            wired.ask("announcements", b"abc")
        seen: list[tuple[int, bytes]] = []
        stop = wired.watch("utara", lambda stamp, jpeg: seen.append((stamp, jpeg)))
        wait_for(lambda: watched == [("utara", True)])
        wait_for(lambda: ours.show("utara", 7, b"jpeg") or seen, every=0.05)
        assert seen[0] == (7, b"jpeg")
        stop()
        wait_for(lambda: watched == [("utara", True), ("utara", False)])


def test_what_is_kept_is_bounded() -> None:
    kept = wire.Kept({"violations": 2, "camera_status": 1}, most=3)
    for number in range(5):
        kept.keep("violations", bytes([number]))
        kept.keep("findings", b"not kept")
    assert kept.all() == [("violations", b"\x03"), ("violations", b"\x04")]
    for number in range(100):
        kept.keep(f"camera_{number}/camera_status", b"x")
        kept.keep(f"camera_{number}/camera_status", b"y")
    assert [data for _, data in kept.all()] == [b"y"] * 3


def test_a_picture_keeps_its_stamp_and_rubbish_is_refused() -> None:
    assert wire.unpack_picture(wire.pack_picture(-5, b"x")) == (-5, b"x")
    for bad in (b"", b"1234567", b"12345678"):
        with pytest.raises(ValueError, match="a picture of"):
            wire.unpack_picture(bad)
