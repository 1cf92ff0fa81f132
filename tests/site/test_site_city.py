"""A city's plan: what fits where, in which domain, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bconnect_site import domains
from bconnect_site.city import find_city, load_city
from bconnect_site.city_plan import Host, Load, plan_city
from bconnect_site.errors import ConfigError

GB = 1e9
BOX = Host("box", 16.0, 32 * GB, 0.045, 0.2, 32768, ())


def load(site: str, cameras: int = 10, rate: float = 5.0, processes: int = 6) -> Load:
    return Load(site, cameras, cameras * rate, processes)


def loads(*sites: Load) -> dict[str, Load]:
    return {site.site: site for site in sites}


# -- cores: as docs/capacity.md says ----------------------------------------------------------


@pytest.mark.parametrize(
    ("cores", "detection", "cameras"),
    [(2, 0.097, 2), (8, 0.097, 11), (16, 0.097, 22), (2, 0.045, 5), (8, 0.045, 20),
     (16, 0.045, 40)],
)  # fmt: skip
def test_a_host_carries_what_the_page_says_and_no_camera_more(
    cores: float, detection: float, cameras: int
) -> None:
    def wrong(count: int) -> list[str]:
        host = replace(BOX, cores=cores, detection=detection, sites=("a",))
        return plan_city([host], loads(load("a", count)), {}).wrong

    assert wrong(cameras) == []
    (sentence,) = wrong(cameras + 1)
    assert f"may use {cores * 0.8:.1f} of {cores}" in sentence


def test_too_little_memory_is_said() -> None:
    host = replace(BOX, memory=0.9 * GB, sites=("a",))
    assert plan_city([host], loads(load("a")), {}).wrong == ["box: needs 0.9 GB of memory, has 0.9"]
    assert plan_city([replace(host, memory=1.0 * GB)], loads(load("a")), {}).wrong == []


def test_who_was_placed_stays_and_who_seeks_is_only_proposed() -> None:
    hosts = [replace(BOX, name="large", sites=("a",)), replace(BOX, name="small", cores=6.0)]
    plan = plan_city(hosts, loads(load("a"), load("b"), load("c", 20)), {})
    where = {row.site: (row.host, row.proposed) for row in plan.rows}
    assert where == {"a": ("large", False), "b": ("large", True), "c": ("large", True)}
    assert [row.site for row in plan.of("large")] == ["a"], "what is proposed is not started"
    assert plan.hosts["large"].cores == pytest.approx(load("a").cores(0.045))


def test_who_fits_nowhere_is_named() -> None:
    plan = plan_city([BOX], loads(load("a", 41)), {})
    assert plan.wrong == ["no host: a: no host has room for it"]


def test_cost_grows_in_a_straight_line() -> None:
    hosts = [replace(BOX, name=f"h{i}", sites=(f"s{i}",)) for i in range(500)]
    plan = plan_city(hosts, {f"s{i}": load(f"s{i}") for i in range(500)}, {})
    assert plan.wrong == []
    ours = [row for row in plan.rows if row.host == "h7"]
    assert [row.site for row in ours] == ["s7"]


# -- domains ------------------------------------------------------------------------------------


def wish(site: str, host: str = "h", participants: int = 14, domain: int | None = None) -> (
    domains.Wish
):  # fmt: skip
    return domains.Wish(site, host, participants, domain)


def test_no_two_sites_share_a_domain_while_there_are_enough() -> None:
    given, refused = domains.assign(wish(f"s{i}", f"h{i % 7}") for i in range(101))
    assert sorted(given.values()) == list(range(1, 102))
    assert refused == {}


def test_more_sites_than_domains_share_none_on_a_host() -> None:
    given, refused = domains.assign(wish(f"s{i}", f"h{i // 10}") for i in range(500))
    assert refused == {}
    for host in range(50):
        here = [given[f"s{i}"] for i in range(10 * host, 10 * host + 10)]
        assert len(set(here)) == 10


def test_a_site_more_moves_few_others() -> None:
    before, _ = domains.assign(wish(f"s{i}") for i in range(40))
    after, _ = domains.assign(wish(f"s{i}") for i in range(41))
    assert sum(before[site] != after[site] for site in before) <= 4
    assert domains.assign([wish("b"), wish("a")])[0] == domains.assign([wish("a"), wish("b")])[0]


def test_pinned_domains_come_first_and_collide_with_a_sentence() -> None:
    free = domains.assign([wish("a")])[0]["a"]
    given, refused = domains.assign([wish("a"), wish("z", domain=free)])
    assert given["z"] == free and given["a"] != free and refused == {}
    given, refused = domains.assign([wish("a", domain=5), wish("b", domain=5)])
    assert given == {"a": 5}
    assert refused == {"b": "domain 5 belongs to a on this host"}
    assert domains.assign([wish("a", "h", domain=5), wish("b", "i", domain=5)])[1] == {}


def test_ports_stay_below_what_the_kernel_hands_out() -> None:
    assert domains.highest_port(0, 1) == 7411
    assert domains.highest_port(101, 53) == 32765
    assert domains.fault(101, 53) is None
    assert domains.fault(101, 55) == (
        "domain 101 takes ports up to 32769; the kernel hands out those from 32768 itself"
    )
    assert domains.fault(100, 55) is None
    assert domains.fault(30, 14, ephemeral=14937) is not None
    assert domains.fault(20, 120) is None
    assert domains.fault(20, 121) == "121 processes do not fit into one domain's 250 ports"
    assert domains.fault(0, 1) == "found 0; allowed: 1 to 101"
    assert domains.fault(102, 1) == "found 102; allowed: 1 to 101"


def test_a_host_with_low_ports_gets_low_domains_or_none() -> None:
    low = [domains.Wish(f"s{i}", "h", 14, None, 10000) for i in range(12)]
    given, refused = domains.assign(low)
    assert sorted(given.values()) == list(range(1, 11))
    assert len(refused) == 2
    assert all("the kernel hands out those from 10000" in why for why in refused.values())


def test_the_range_is_the_nodes_own() -> None:
    from bconnect_node.environment import HIGHEST_DOMAIN

    assert domains.LAST == HIGHEST_DOMAIN


# -- the file -----------------------------------------------------------------------------------

CITY = """\
city: kota
title: Kota
hosts:
  satu: {cores: 16, memory: 32.0, sites: [x, dua]}
sites:
  dua: {cameras: 4, rate: 5.0}
"""


@pytest.fixture
def city(house: Path, write: Callable[..., Path]) -> Callable[[str], ConfigError | None]:
    write()

    def mistake(text: str) -> ConfigError | None:
        path = house / "config" / "city.yaml"
        path.write_text(text)
        try:
            load_city(path)
        except ConfigError as error:
            return error
        return None

    return mistake


def test_what_a_sites_file_says_counts(house: Path, city: Callable[..., object]) -> None:
    assert city(CITY) is None
    loaded = load_city(find_city(None))
    assert loaded.loads["x"].cameras == 2 and loaded.loads["x"].exists
    assert loaded.loads["x"].looks == 20.0
    assert loaded.loads["dua"].looks == 20.0 and not loaded.loads["dua"].exists


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[x, dua]", "[x, tiga]",
         'hosts.satu.sites[1]: there is no file of a site called "tiga"; write it, or say under '
         "sites.tiga how many cameras it will have"),
        ("[x, dua]}", "[x]}\n  tua: {cores: 4, memory: 8.0, sites: [x]}",
         "hosts.tua.sites[0]: x is on satu too; a site runs once"),
        ("  dua: {", "  x: {cameras: 3}\n  dua: {",
         "sites.x: cameras and rate are for sites without a file; "
         "config/corridors/x.yaml is"),
        ("cores: 16", "cores: 0", "hosts.satu.cores: must be more than 0.0, found 0"),
        ("cores: 16", "core: 16", 'hosts.satu.core: is not a key here; did you mean "cores"?'),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(
    city: Callable[[str], ConfigError | None], old: str, new: str, sentence: str
) -> None:
    error = city(CITY.replace(old, new))
    assert error is not None
    assert f"config/city.yaml: {sentence}" in error.sentences


def test_no_file_and_no_such_host(house: Path, city: Callable[..., object]) -> None:
    with pytest.raises(ConfigError, match=r"config/city\.yaml: there is no such file"):
        find_city(None)
    city(CITY)
    with pytest.raises(ConfigError, match='none is called "stau"; did you mean "satu"'):
        load_city(find_city(None)).host("stau")


def test_the_shipped_city_fits_and_is_37_cameras_10_and_6_vehicles() -> None:
    shipped = load_city(Path(__file__).parents[2] / "config" / "city.yaml")
    plan = shipped.plan()
    assert plan.wrong == []
    cameras = {row.site: row.cameras for row in plan.rows}
    assert cameras.pop("polresta") == 10
    vehicles = [site for site in cameras if site.startswith("etle_")]
    assert len(vehicles) == 6
    assert sum(n for site, n in cameras.items() if site not in vehicles) == 37
