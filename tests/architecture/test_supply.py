"""What we install is locked by hash, and a file that is another is refused in a sentence."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)(?:;(.*))?")
NOT_INSTALLED = {"apt-runtime.txt", "apt-test.txt", "audit.txt", "constraints.txt"}


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hashes, audited = tool("hashes"), tool("audited")
LOCKS = sorted((ROOT / "requirements").glob("lock*.txt"))


def locked() -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for lock in LOCKS:
        found.update(hashes.read(lock.read_text(encoding="utf-8")))
    return found


def report(*told: tuple[str, str, str]) -> dict[str, object]:
    """As pip writes it."""
    return {
        "install": [
            {
                "metadata": {"name": name, "version": version},
                "download_info": {"archive_info": {"hashes": {"sha256": digest}}},
            }
            for name, version, digest in told
        ]
    }


def test_every_pin_is_locked() -> None:
    known, missing = locked(), []
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        if file.name in NOT_INSTALLED or file in LOCKS:
            continue
        for line in file.read_text(encoding="utf-8").splitlines():
            pin = PIN.match(line)
            if pin and "<" not in (pin[3] or "") and (hashes.plain(pin[1]), pin[2]) not in known:
                missing.append(f"{file.name}: {pin[1]}=={pin[2]}")
    assert not missing, f"run tools/supply.sh lock: {missing}"


def test_every_locked_package_has_hashes_and_no_registry_is_named() -> None:
    known = locked()
    assert len(known) > 200
    assert all(known.values())
    for lock in LOCKS:
        assert "://" not in lock.read_text(encoding="utf-8")


def test_the_file_that_is_meant_passes() -> None:
    (digest, *_) = sorted(locked()["pyyaml", "6.0.3"])
    assert hashes.check(report(("PyYAML", "6.0.3", digest)), locked()) == ([], [])


@pytest.mark.parametrize("digest", ["0" * 64, ""], ids=["another", "none told"])
def test_another_file_is_refused_in_one_sentence(digest: str) -> None:
    (wrong,), unknown = hashes.check(report(("PyYAML", "6.0.3", digest)), locked())
    assert wrong[0] == "pyyaml" and not unknown
    assert "BCONNECT_HASHES=off" in wrong[1] and "\n" not in wrong[1]


def test_what_the_lock_does_not_name_is_counted_not_refused() -> None:
    wrong, unknown = hashes.check(report(("PyYAML", "5.1", "0" * 64)), locked())
    assert not wrong and unknown == ["pyyaml==5.1"]


def test_what_older_pips_write_is_read_too() -> None:
    told = report(("PyYAML", "6.0.3", ""))
    told["install"][0]["download_info"] = {"archive_info": {"hash": "sha256=" + "0" * 64}}  # type: ignore[index]
    assert hashes.installed(told) == [("pyyaml", "6.0.3", "0" * 64)]


def test_an_audit_that_could_look_nothing_up_is_no_clean_bill() -> None:
    silent = {"dependencies": [{"name": "a", "skip_reason": "not found"}] * 9}
    lines, code = audited.told(silent)
    assert code == 2 and "0 of 9 packages" in lines[0]
    assert audited.told({})[1] == 2


def test_an_audit_names_what_is_weak() -> None:
    weak = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
    plain = {"dependencies": [{"name": "a", "version": "1.0", "vulns": [weak]}]}
    lines, code = audited.told(plain)
    assert code == 1 and lines[0] == "a==1.0: PYSEC-1; mended in 2.0"
    assert audited.told({"dependencies": [{"name": "a", "version": "1", "vulns": []}]})[1] == 0


def test_a_report_on_disk_is_refused_with_the_packages_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report(("PyYAML", "6.0.3", "0" * 64))))
    assert hashes.main(str(path), *map(str, LOCKS)) == 1
    told = capsys.readouterr()
    assert told.out == "pyyaml\n" and told.err.startswith("setup: pyyaml==6.0.3: ")
