"""What a centre's file says: where it keeps things, whom it serves, which sites it joins."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bconnect_site.describe import validate
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError
from bconnect_site.fields import Name, Reference, Strict, Text, Timezone, fault
from bconnect_site.ledger import Database
from bconnect_site.yamlfile import read_yaml


def _tiles(value: str) -> str:
    if not value.startswith(("https://", "http://", "/")) or "{z}" not in value:
        raise fault(f'found "{value}", needs https://host/{{z}}/{{x}}/{{y}}.png')
    return value


class Listen(Strict):
    """Where the pages are served."""

    host: Text = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    certificate: Text | None = Field(default=None, description="TLS certificate chain (PEM)")
    certificate_key: Text | None = Field(default=None, description="its private key (PEM)")
    behind_tls: bool = Field(default=False, description="a proxy before it speaks TLS")

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by TLS."""
        return self.behind_tls or self.certificate is not None


class Bridge(Strict):
    """The centre's end of the wire that sites elsewhere dial."""

    listen: Text = Field(default="tls/0.0.0.0:7447", description="tls/address:port")
    ca: Text | None = Field(default=None, description="whose certificates are trusted (PEM)")
    certificate: Text | None = Field(default=None, description="the centre's own (PEM)")
    certificate_key: Text | None = Field(default=None, description="its private key (PEM)")


class LiveSite(Strict):
    """A site whose topics are heard from here."""

    domain: int | None = Field(default=None, ge=0, le=101, description="ROS_DOMAIN_ID; none: ours")
    url: Text | None = Field(
        default=None, description="a listener somewhere else; none: one is started here"
    )
    bridge: bool = Field(
        default=False, description="it dials the bridge, and need not be on this network"
    )


class Review(Strict):
    """How cases are decided."""

    four_eyes: bool = Field(default=False, description="two officers must agree to confirm")
    undo: float = Field(default=10.0, ge=0.0, le=120.0, description="s to take a decision back")


class Drawing(Strict):
    """How zones are drawn."""

    bags: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="folders of recorded bags; previews judge the last hour of them"
    )
    longest_preview: float = Field(default=300.0, gt=0.0, le=3600.0, description="s of judging")
    longest_still: float = Field(
        default=30.0, gt=0.0, le=300.0, description="s to take a still from a camera's source"
    )


class Oidc(Strict):
    """Sign-in by an OpenID Connect provider."""

    issuer: Text
    client: Text
    secret: Reference = Field(description="${NAME} of the environment")
    claim: Text = Field(default="bconnect_role", description="claim that names the role")


class CenterFile(Strict):
    """A command centre, complete."""

    title: Text = "Pusat Kendali"
    root: Text = Field(description="folder of the centre's own state")
    database: Database | None = Field(
        default=None, description="accounts, audit, feed; none: SQLite in root"
    )
    ledger: Database | None = Field(
        default=None, description="violations and citations; none: SQLite in root"
    )
    timezone: Timezone = "Asia/Makassar"
    region: Name = Field(default="polda_kaltim", description="police region: deadlines")
    language: Literal["id", "en"] = "id"
    listen: Listen = Listen()
    evidence: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="evidence stores read from here, besides the intake's"
    )
    sites: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="site files, or names of sites in config/"
    )
    live: dict[Name, LiveSite] = Field(default_factory=dict)
    bridge: Bridge | None = Field(
        default=None, description="where sites with `bridge: true` are joined"
    )
    units: dict[Name, Text] = Field(
        default_factory=dict, description="unit: file or folder with its public keys (PEM)"
    )
    tiles: Annotated[str, AfterValidator(_tiles)] | None = Field(
        default=None, description="map tiles, https://host/{z}/{x}/{y}.png; none: no tiles"
    )
    review: Review = Review()
    draw: Drawing = Drawing()
    session_hours: float = Field(default=10.0, gt=0.0, le=24.0, description="longest session, h")
    idle_minutes: float = Field(default=30.0, gt=0.0, le=600.0, description="unused session, min")
    oidc: Oidc | None = None
    notice: Text | None = Field(
        default=None, description="who answers for the data, on the public page (UU PDP Art. 17)"
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """A centre's file and what follows from where it lies."""

    file: CenterFile
    path: Path

    def near(self, text: str) -> Path:
        """A path of the file, absolute."""
        return (self.path.parent / Path(text).expanduser()).absolute()

    @property
    def root(self) -> Path:
        return self.near(self.file.root)

    @property
    def database(self) -> str:
        return self._url(self.file.database, "center.sqlite3")

    @property
    def ledger(self) -> str:
        return self._url(self.file.ledger, "ledger.sqlite3")

    @property
    def stores(self) -> list[Path]:
        """Evidence stores, the intake's first."""
        return [self.root / "intake" / "store", *(self.near(t) for t in self.file.evidence)]

    def _url(self, given: str | None, usual: str) -> str:
        return (
            expand_env(given, os.environ, "database") if given else f"sqlite:///{self.root / usual}"
        )


def load(path: Path) -> Loaded:
    """The file. Raises ConfigError with every mistake."""
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; `bconnect center --init {path}` writes one")
    plain, lines, _ = read_yaml(path, str(path))
    file = validate(CenterFile, plain, str(path), lines)
    if wrong := [f"{path}: {sentence}" for sentence in _live_faults(file)]:
        raise ConfigError(*wrong)
    return Loaded(file, path.absolute())


def _live_faults(file: CenterFile) -> list[str]:
    found = []
    for site, live in file.live.items():
        if live.bridge and (live.domain is not None or live.url is not None):
            found.append(f"live.{site}: bridge goes with neither domain nor url")
        if live.bridge and file.bridge is None:
            found.append(f"live.{site}.bridge: needs `bridge:` with certificates, found none")
    bridge = file.bridge
    if bridge is not None and not bridge.listen.startswith(("tls/", "tcp/127.0.0.1:")):
        found.append(f'bridge.listen: found "{bridge.listen}", needs tls/address:port')
    if bridge is not None and bridge.listen.startswith("tls/"):
        papers = {"ca": bridge.ca, "certificate": bridge.certificate,
                  "certificate_key": bridge.certificate_key}  # fmt: skip
        found += [f"bridge.{name}: is missing" for name, given in papers.items() if not given]
    return found
