"""A loaded site: the site, and the story of its file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bconnect_site import __version__
from bconnect_site.calibration import Calibration, load_calibration
from bconnect_site.errors import ConfigError
from bconnect_site.find import shown
from bconnect_site.law import Catalogue, load_catalogue
from bconnect_site.mapzones import MapZone, load_map
from bconnect_site.model import Site
from bconnect_site.yamlfile import Key
from bconnect_site.yamlwrite import to_yaml


@dataclass(frozen=True, slots=True)
class LoadedSite:
    """A site with the story of its file.

    sha256 (hex) is of the site file as written; origins gives the layer of each dotted
    key: ``default``, the fleet file or the site file.
    """

    site: Site
    path: Path
    sha256: str
    origins: dict[str, str] = field(default_factory=dict)
    config_dir: Path | None = None
    software: str = __version__

    @property
    def shown(self) -> str:
        """The site file's name in sentences."""
        return shown(self.path)

    def catalogue(self) -> Catalogue:
        """The law catalogue the site names. Raises ConfigError."""
        return load_catalogue(self.site.law, config_dir=self.config_dir)

    def calibrations(self, wrong: list[str] | None = None) -> dict[str, Calibration]:
        """The calibration of each camera that names one.

        Raises ConfigError for a file that is no good; given ``wrong`` that camera is left out
        instead and its sentences are added there.
        """
        made: dict[str, Calibration] = {}
        for name, camera in self.site.cameras.items():
            if not camera.calibration:
                continue
            try:
                made[name] = load_calibration(resolve_path(self, camera.calibration))
            except ConfigError as error:
                if wrong is None:
                    raise
                wrong += [f"camera {name}: {sentence}" for sentence in error.sentences]
        return made

    def map_zones(self) -> tuple[MapZone, ...]:
        """The zones of the map the site names; empty: it names none. Raises ConfigError."""
        if self.site.map_zones is None:
            return ()
        return load_map(resolve_path(self, self.site.map_zones.file))

    def to_plain(self) -> dict[str, Any]:
        """The merged site as plain values, secrets left out as ``${NAME}``."""
        return self.site.model_dump(mode="python", by_alias=True)

    def to_yaml(self) -> str:
        """The merged site as one YAML text without secrets."""
        return to_yaml(self.to_plain())


def flatten(values: Any, key: Key = ()) -> list[tuple[Key, Any]]:
    """Nested keys and values as (key, value), lists and empty mappings whole."""
    if not isinstance(values, dict) or not values:
        return [(key, values)]
    return [leaf for name, inner in values.items() for leaf in flatten(inner, (*key, name))]


def resolve_path(loaded: LoadedSite, text: str) -> Path:
    """A file a site names: absolute, or from the site file's or the config folder."""
    bases = [loaded.path.parent, *([loaded.config_dir] if loaded.config_dir else [])]
    return next((base / text for base in bases if (base / text).exists()), bases[0] / text)
