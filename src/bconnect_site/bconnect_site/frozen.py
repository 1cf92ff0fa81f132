"""The frozen site: the merged values in one file that every node of a run reads."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from bconnect_site.describe import validate
from bconnect_site.disk import replace
from bconnect_site.errors import ConfigError
from bconnect_site.fields import Strict
from bconnect_site.loaded import LoadedSite
from bconnect_site.model import Site
from bconnect_site.yamlfile import read_yaml
from bconnect_site.yamlwrite import to_yaml

FORMAT = "bconnect-site/1"


class Meta(Strict):
    """Where a frozen site came from."""

    origin: str
    config_dir: str | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    software: str
    origins: dict[str, str]


class Frozen(Strict):
    """A frozen site file."""

    format: str = Field(pattern=f"^{FORMAT}$")
    meta: Meta
    site: Site


def freeze(loaded: LoadedSite, path: str | Path) -> Path:
    """Write the merged site, without secrets, for the nodes to read. Whole or not at all.

    Raises ConfigError when it cannot be written.
    """
    path = Path(path)
    plain = {
        "format": FORMAT,
        "meta": {
            "origin": str(loaded.path),
            "config_dir": str(loaded.config_dir) if loaded.config_dir else None,
            "sha256": loaded.sha256,
            "software": loaded.software,
            "origins": loaded.origins,
        },
        "site": loaded.to_plain(),
    }
    text = "# Frozen by B-Connect; edit the site file instead.\n" + to_yaml(plain)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, text.encode(), many=True)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def load_frozen(path: str | Path) -> LoadedSite:
    """A frozen site. Raises ConfigError when the file is missing, broken or not frozen."""
    path = Path(path)
    plain, lines, _ = read_yaml(path, str(path))
    if plain.get("format") != FORMAT:
        found = plain.get("format", "nothing")
        raise ConfigError(f"{path}: format: found {found}; needs {FORMAT} (a frozen site)")
    frozen = validate(Frozen, plain, str(path), lines)
    meta = frozen.meta
    return LoadedSite(
        frozen.site,
        Path(meta.origin),
        meta.sha256,
        meta.origins,
        Path(meta.config_dir) if meta.config_dir else None,
        meta.software,
    )
