"""bconnect intake, as a user calls it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from spool_house import UNIT

from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring
from bconnect_spool import serve
from bconnect_spool.adapters.box import Box
from bconnect_spool.adapters.tus_client import LinkError, TusClient
from bconnect_spool.courier import Courier, Packer


@pytest.fixture
def config(tmp_path: Path) -> Path:
    Keyring.open(tmp_path / "unit_keys")
    file = tmp_path / "intake.yaml"
    file.write_text(yaml.safe_dump({"root": "centre", "units": {UNIT: "unit_keys"}, "port": 0}))
    return file


def test_keys_are_made_once_and_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main([str(config), "--check"]) == 0
    first = capsys.readouterr().out
    assert re.search(r"recipient: age1[a-z0-9]{58}", first)
    serve.main([str(config), "--check"])
    assert capsys.readouterr().out == first
    secret = config.parent / "centre" / "keys" / "identity.age"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text().strip() not in first
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="mode 0644 opens it to other users"):
        serve.main([str(config), "--check"])


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        ({"root": "c"}, "units"),
        ({"root": "c", "units": {"etle_01": "nowhere.pub"}}, "nowhere.pub"),
        ({"root": "c", "units": {"etle_01": "k"}, "port": 70000}, "port"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, plain: dict[str, Any], says: str) -> None:
    (tmp_path / "intake.yaml").write_text(yaml.safe_dump(plain))
    with pytest.raises(ConfigError, match=says) as error:
        serve.main([str(tmp_path / "intake.yaml"), "--check"])
    assert len(error.value.sentences) == 1


def test_it_serves_a_unit(
    config: Path, tmp_path: Path, child: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    plain = yaml.safe_load(config.read_text()) | {"port": port}
    config.write_text(yaml.safe_dump(plain))
    code = "import sys; from bconnect_spool.serve import main; sys.exit(main(sys.argv[1:]))"
    process = child(code, str(config))
    recipient = process.stdout.readline().split()[-1]
    key = Path(process.stdout.readline().split()[-1])
    from bconnect_site.keys import publics

    keys = Keyring.open(tmp_path / "unit_keys")
    box = Box(tmp_path / "spool", 1 << 30)
    folder = tmp_path / "sealed"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    Packer(UNIT, box, keys, recipient).pack("a-1", folder, 1)
    client = TusClient(f"http://127.0.0.1:{port}", lambda size: None, box.addresses())
    (public,) = publics(key).values()
    courier = Courier(box, client, public)

    def sent() -> bool:
        try:
            return courier.step() is None
        except LinkError:
            return False

    wait_for(sent, timeout=40.0)
    assert (tmp_path / "centre" / "store" / UNIT / "a-1" / "manifest.json").is_file()
    client.close()
