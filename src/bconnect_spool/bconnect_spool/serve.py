"""``bconnect intake CONFIG``: the command centre's side of the spool, on its own."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from bconnect_site import disk
from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError
from bconnect_site.fields import Name, Strict, Text
from bconnect_site.keys import Keyring, publics
from bconnect_site.yamlfile import read_yaml

IDENTITY = "identity.age"


class IntakeFile(Strict):
    """Where parcels go, and whose are taken."""

    root: Text = Field(description="folder of what arrives, and of the centre's keys")
    host: Text = "127.0.0.1"
    port: int = Field(default=8443, ge=0, le=65535)
    certificate: Text | None = Field(default=None, description="TLS certificate chain (PEM)")
    certificate_key: Text | None = Field(default=None, description="its private key (PEM)")
    units: Annotated[dict[Name, Text], Field(min_length=1)] = Field(
        description="unit: file or folder with its public keys (PEM)"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until told to stop. Raises ConfigError."""
    parser = argparse.ArgumentParser(
        prog="bconnect intake",
        description="Takes in what units send, and gives signed receipts for it.",
    )
    parser.add_argument("config", type=Path, help="YAML: root, host, port, certificate, units")
    parser.add_argument("--check", action="store_true", help="make keys, say them, serve nothing")
    options = parser.parse_args(argv)
    settings = load(options.config)
    intake, recipient = make(settings, options.config.parent)
    keys = intake.root / "keys"
    print(f"units need  recipient: {recipient}")
    print(f"            key: {keys / (intake.keys.key_id + '.pub')}", flush=True)
    if options.check:
        return 0
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(intake.router())
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ssl_certfile=_beside(options.config, settings.certificate),
        ssl_keyfile=_beside(options.config, settings.certificate_key),
        log_level="warning",
        server_header=False,
    )
    server = uvicorn.Server(config)
    if not settings.certificate and settings.host not in ("127.0.0.1", "::1", "localhost"):
        print(
            f"bconnect: {options.config}: certificate: none given; who may send is signed, but "
            "what is sent can be seen to be sent",
            flush=True,
        )
    server.run()
    return 0 if server.started else 1


def load(path: Path) -> IntakeFile:
    """The file. Raises ConfigError."""
    plain, lines, _ = read_yaml(path, str(path))
    return validate(IntakeFile, plain, str(path), lines)


def make(settings: IntakeFile, near: Path) -> tuple[Any, str]:
    """The intake and its age public key; keys are made at the first start. Raises ConfigError."""
    from rclpy.clock import Clock, ClockType

    from bconnect_spool.intake import Intake, registered

    root = _absolute(near, settings.root)
    keys = Keyring.open(root / "keys")
    secret, recipient = identity(root / "keys" / IDENTITY)
    units = {u: list(publics(_absolute(near, p)).values()) for u, p in settings.units.items()}
    clock = Clock(clock_type=ClockType.SYSTEM_TIME)
    made = Intake(root, keys, secret, registered(units), now=lambda: int(clock.now().nanoseconds))
    return made, recipient


def identity(path: Path) -> tuple[str, str]:
    """(secret, public) of the file; the first start makes it, 0600."""
    from bconnect_spool.adapters import crypt

    try:
        held = disk.secret(path, lambda: f"{crypt.new_identity()[0]}\n".encode())
        secret = held.decode("ascii").strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: holds no identity") from None
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    return secret, str(crypt.identity(secret).to_public())


def _absolute(near: Path, text: str) -> Path:
    return (near / Path(text).expanduser()).absolute()


def _beside(config: Path, text: str | None) -> str | None:
    return str(_absolute(config.parent, text)) if text else None
