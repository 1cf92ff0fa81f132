"""`bconnect doctor SITE`: what would keep a site from working, or its word from being believed."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from bconnect_bringup.console import table
from bconnect_bringup.prepare import load
from bconnect_bringup.state import state_root
from bconnect_node import environment, selftest, shm
from bconnect_node.security import dds_security, has_dds_security
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring
from bconnect_site.ledger import database_url
from bconnect_site.loader import LoadedSite, check_environment
from bconnect_site.state import StateLayout

OK, WARN, BAD = "ok", "look", "bad"
LOW_DISK, NO_DISK = 10 << 30, 1 << 30  # bytes
LEAST_SHM = 256 << 20  # bytes; a process maps 16 MB, a camera's frames more
OLD_CALIBRATION = 365  # days
CLOCK_ERROR = 0.1  # s
PATIENCE = 15.0  # s for all cameras together


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing looked at: `level` ok, look or bad; `sentence` says what to do."""

    level: str
    about: str
    sentence: str


def doctor(name: str, *, state: str | None, now: int, as_json: bool = False) -> int:
    """Looks at everything, prints it, and returns 1 where something is bad. Raises ConfigError."""
    loaded = load(name)
    layout = StateLayout.of(state_root(state), loaded.site.site)
    signs = list(examine(loaded, layout, os.environ, now))
    if as_json:
        import json

        print(json.dumps([{"level": s.level, "about": s.about, "sentence": s.sentence}
                          for s in signs], ensure_ascii=False, indent=1))  # fmt: skip
    else:
        print(table(("", "ABOUT", ""), [(s.level, s.about, s.sentence) for s in signs]))
    return int(any(sign.level == BAD for sign in signs))


def examine(
    loaded: LoadedSite, layout: StateLayout, env: Mapping[str, str], now: int
) -> Iterator[Sign]:
    """Every sign, bad or good; what one look raises does not hide the others."""
    looks: tuple[Callable[[], Iterator[Sign]], ...] = (
        lambda: _environment(loaded, env),
        _clock,
        lambda: _disk(layout),
        lambda: _keys(layout),
        lambda: _ledger(loaded, layout, env),
        lambda: _weights(loaded, env),
        _middleware,
        lambda: _calibrations(loaded, now),
        lambda: _cameras(loaded, env),
    )
    for look in looks:
        try:
            yield from look()
        except (ConfigError, OSError) as error:
            yield Sign(BAD, "doctor", str(error))


def _environment(loaded: LoadedSite, env: Mapping[str, str]) -> Iterator[Sign]:
    try:
        check_environment(loaded, env)
    except ConfigError as error:
        for sentence in error.sentences:
            yield Sign(BAD, "environment", sentence)
        return
    yield Sign(OK, "environment", "every ${NAME} of the site file has a value")


def _clock() -> Iterator[Sign]:
    from bconnect_detect.adapters.clock import state

    clock = state()
    if not clock.synchronised:
        yield Sign(
            WARN, "clock", f"not synchronised ({clock.source}): every manifest will say so; "
            "start chrony or systemd-timesyncd"
        )  # fmt: skip
    elif clock.max_error is not None and clock.max_error > CLOCK_ERROR:
        yield Sign(WARN, "clock", f"may be {clock.max_error:.2f} s off; check the time server")
    else:
        shown = "unknown" if clock.max_error is None else f"{clock.max_error * 1000:.0f} ms"
        yield Sign(OK, "clock", f"synchronised, largest error {shown}")


def _disk(layout: StateLayout) -> Iterator[Sign]:
    folder = next(path for path in (layout.root, *layout.root.parents) if path.exists())
    if not os.access(folder, os.W_OK):
        yield Sign(BAD, "disk", f"{folder}: cannot be written; change its owner or use --state")
        return
    free = shutil.disk_usage(folder).free
    level = OK if free > LOW_DISK else WARN if free > NO_DISK else BAD
    more = "" if level == OK else "; free space, or `bconnect retain` what may go"
    yield Sign(level, "disk", f"{folder}: {free / 2**30:.1f} GiB free{more}")


def _keys(layout: StateLayout) -> Iterator[Sign]:
    for about, folder in (("sealing key", layout.keys_dir), ("order keys", layout.orders_dir)):
        if not folder.exists():
            yield Sign(OK, about, f"none yet; the first `bconnect up` makes it in {folder}")
            continue
        rings = [folder] if about == "sealing key" else sorted(
            path for path in folder.iterdir() if path.is_dir()
        )  # fmt: skip
        for ring in rings:
            try:
                yield Sign(OK, about, f"{ring.name}: {Keyring.open(ring).key_id}")
            except ConfigError as error:
                yield Sign(BAD, about, str(error))


def _ledger(loaded: LoadedSite, layout: StateLayout, env: Mapping[str, str]) -> Iterator[Sign]:
    from bconnect_enforce.adapters.ledger import HEAD, LedgerError, revision_of
    from bconnect_site.environment import hide_password

    try:
        url = expand_env(database_url(loaded.site.ledger, layout), env, "ledger.database")
        found = revision_of(url)
    except (LedgerError, ConfigError) as error:
        fresh = "no ledger there" in str(error)
        yield Sign(OK if fresh else BAD, "ledger", "none yet" if fresh else str(error))
        return
    if found not in (HEAD, None):
        yield Sign(
            WARN, "ledger", f"schema {found}, this software brings {HEAD}; the next start upgrades "
            "it, `bconnect ledger upgrade` does it now"
        )  # fmt: skip
        return
    yield Sign(OK, "ledger", hide_password(url))


def _weights(loaded: LoadedSite, env: Mapping[str, str]) -> Iterator[Sign]:
    from bconnect_detect.adapters.weights import resolve

    try:
        weights = resolve(loaded.site.detector.model, env)
    except ConfigError as error:
        yield Sign(BAD, "weights", str(error))
        return
    yield Sign(OK, "weights", str(weights.path))


def _middleware() -> Iterator[Sign]:
    environment.apply()
    free = shm.free_bytes()
    if free < LEAST_SHM:
        yield Sign(
            WARN, "shared memory", f"{free >> 20} MiB free in {shm.FOLDER}, wanted "
            f"{LEAST_SHM >> 20}; containers need --shm-size"
        )  # fmt: skip
    else:
        yield Sign(OK, "shared memory", f"{free >> 20} MiB free")
    sentence = selftest.check()
    yield Sign(BAD if sentence else OK, "discovery",
               sentence or "full-size images reach another process")  # fmt: skip
    secure = has_dds_security()
    yield Sign(WARN if secure is False else OK, "DDS security", dds_security())


def _calibrations(loaded: LoadedSite, now: int) -> Iterator[Sign]:
    wrong: list[str] = []
    held = loaded.calibrations(wrong)
    yield from (Sign(BAD, "calibration", sentence) for sentence in wrong)
    today = datetime.fromtimestamp(now // 1_000_000_000, timezone.utc).date()
    for name, calibration in held.items():
        days = (today - calibration.file.date).days
        old = days > OLD_CALIBRATION
        more = "; check its residuals again" if old else ""
        yield Sign(WARN if old else OK, f"calibration {name}", f"{days} days old{more}")
    without = [
        name
        for name, camera in loaded.site.cameras.items()
        if not camera.calibration and {"speeding", "racing"} & set(camera.rules)
    ]
    for name in without:
        yield Sign(WARN, f"calibration {name}", "none: its speed rules are off")


def _cameras(loaded: LoadedSite, env: Mapping[str, str]) -> Iterator[Sign]:
    """All at once, each with a first picture or a sentence."""
    found: dict[str, Sign] = {}
    stop = threading.Event()

    def look(name: str, source: str) -> None:
        found[name] = _camera(name, source, env, stop)

    known = {
        name: camera.source
        for name, camera in loaded.site.cameras.items()
        if _expands(camera.source, env)  # what is not set was said already
    }
    threads = [threading.Thread(target=look, args=pair, daemon=True) for pair in known.items()]
    for thread in threads:
        thread.start()
    until = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    stop.set()
    for name in known:
        yield found.get(name) or Sign(
            BAD,
            f"camera {name}",
            f"no picture within {PATIENCE:g} s; is it on, is the way to it up?",
        )


def _expands(source: str, env: Mapping[str, str]) -> bool:
    try:
        expand_env(source, env, "")
    except ConfigError:
        return False
    return True


def _camera(name: str, source: str, env: Mapping[str, str], stop: threading.Event) -> Sign:
    from bconnect_camera import sources
    from bconnect_camera.core.address import parse
    from bconnect_camera.core.types import Packet, SourceError

    about = f"camera {name}"
    try:
        address = parse(expand_env(source, env, f"cameras.{name}.source"))
        opened = sources.make(
            address, clock=lambda: 0, steady=time.monotonic, wait=stop.wait, loop=False,
            hardware=False, account=sources.account_of(source),
        )  # fmt: skip
        try:
            words = opened.open()
            for item in opened.read():
                if not isinstance(item, Packet):
                    return Sign(OK, about, f"{address.shown}: {words}")
                if stop.is_set():
                    break
        finally:
            opened.close()
    except (SourceError, ConfigError, OSError) as error:
        return Sign(BAD, about, str(error))
    return Sign(BAD, about, f"{address.shown}: gives no picture")
