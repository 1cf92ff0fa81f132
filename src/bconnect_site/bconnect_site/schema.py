"""JSON schemas for editors, generated from the models: ``python -m bconnect_site.schema DIR``.

Editors know them by the first line of a file: ``# yaml-language-server: $schema=...``.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bconnect_site.city import CityFile
from bconnect_site.fleet import Fleet
from bconnect_site.law import CatalogueFile
from bconnect_site.model import Site
from bconnect_site.phrases import PhrasesFile
from bconnect_site.plates import PlatesFile
from bconnect_site.regions import RegionFile

FILES: dict[str, type[BaseModel]] = {
    "site.schema.json": Site,
    "fleet.schema.json": Fleet,
    "law.schema.json": CatalogueFile,
    "phrases.schema.json": PhrasesFile,
    "plates.schema.json": PlatesFile,
    "regions.schema.json": RegionFile,
    "city.schema.json": CityFile,
}


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a file, as plain values."""
    generated = model.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated}


def schema_text(model: type[BaseModel]) -> str:
    """The schema as it lies in the config folder."""
    return json.dumps(schema(model), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema into a folder."""
    for name, model in FILES.items():
        (folder / name).write_text(schema_text(model), encoding="utf-8")
    return [folder / name for name in FILES]


if __name__ == "__main__":
    for written in write_schemas(Path(sys.argv[1] if len(sys.argv) > 1 else "config")):
        print(written)
