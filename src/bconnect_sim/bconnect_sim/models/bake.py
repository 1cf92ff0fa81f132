"""Bake vehicle meshes: Debian's sweethome3d-furniture (OBJ) into vehicles.npz.

Only needed to build vehicles.npz again (needs opencv for the textures):
``apt-get download sweethome3d-furniture && dpkg-deb -x sweethome3d-furniture_*.deb root``
``python -m bconnect_sim.models.bake root/usr/share/sweethome3d/furniture/Scopia.sh3f``

Every model must stand in the catalogue inside the archive with creator Scopia; the archive's
licence is CC-BY-3.0 (see ATTRIBUTION.md). Result per model: positions [m] (x forward, y left,
z up, origin on the ground below the middle), normals, colours, texture coordinates, a paint mask
(1 = body colour, replaced per vehicle) and a 128x128 texture.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

# name here: (folder in the archive, body colour materials, length [m] on the road)
MODELS: dict[str, tuple[str, tuple[str, ...], float]] = {
    "suv": ("suv", ("firstcolor",), 4.63),
    "city_car": ("smart-car", ("first-color",), 2.70),
    "hatchback": ("seat_leon", ("chapa_roja",), 4.20),
    "mpv": ("renault-scenic", ("color-beige-green",), 4.26),
    "van": ("van", ("firstcolor",), 5.20),
    "coach": ("bus", ("firstcolor",), 10.5),
    "city_bus": ("cityBus", ("accentColor",), 10.0),
    "box_truck": ("truck", ("red-cabin",), 6.30),
    "scooter": ("scooter2", ("firstcolor",), 1.95),
    "sport_bike": ("yamaha-yzr-r6", ("red-color-front",), 2.00),
}
TEXTURE = 128


def _materials(text: str) -> dict[str, tuple[np.ndarray, str | None]]:
    found: dict[str, tuple[np.ndarray, str | None]] = {}
    name = ""
    for line in text.splitlines():
        word, *rest = line.split() or [""]
        if word == "newmtl":
            name = rest[0]
            found[name] = (np.full(3, 0.6), None)
        elif word == "Kd":
            found[name] = (np.array([float(v) for v in rest[:3]]), found[name][1])
        elif word == "map_Kd":
            found[name] = (found[name][0], rest[-1])
    return found


def _corners(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[tuple[str, list]]]:
    v, vt, vn, faces = [], [], [], []
    material = ""
    for line in text.splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            v.append([float(x) for x in rest[:3]])
        elif word == "vt":
            vt.append([float(x) for x in rest[:2]])
        elif word == "vn":
            vn.append([float(x) for x in rest[:3]])
        elif word == "usemtl":
            material = rest[0]
        elif word == "f":
            corner = [tuple(int(i) if i else 0 for i in (c + "//").split("/")[:3]) for c in rest]
            faces.append((material, corner))
    return (np.array(v), np.array(vt or [[0.0, 0.0]]), np.array(vn or [[0, 1.0, 0]]), faces)


def bake(archive: zipfile.ZipFile, folder: str, paint: tuple[str, ...], length: float) -> dict:
    """One model as named arrays. Raises KeyError when the archive does not hold it."""
    base = f"scopia/{folder}/"
    v, vt, vn, faces = _corners(archive.read(f"{base}{folder}.obj").decode("latin-1"))
    materials = _materials(archive.read(f"{base}{folder}.mtl").decode("latin-1"))
    pictures = Counter(materials[m][1] for m, _ in faces if m in materials and materials[m][1])
    texture_file = pictures.most_common(1)[0][0] if pictures else None
    texture = np.full((TEXTURE, TEXTURE, 3), 255, np.uint8)
    if texture_file:
        raw = np.frombuffer(archive.read(base + texture_file), np.uint8)
        image = cv2.imdecode(raw, cv2.IMREAD_COLOR)
        texture = cv2.resize(image, (TEXTURE, TEXTURE), interpolation=cv2.INTER_AREA)
    corners: dict[tuple, int] = {}
    rows: list[tuple] = []
    triangles: list[tuple[int, int, int]] = []
    for material, corner in faces:
        colour, image_name = materials.get(material, (np.full(3, 0.6), None))
        if "glass" in material.lower() or "cristal" in material.lower():
            colour = np.array([0.10, 0.12, 0.15])
        painted = material in paint
        textured = image_name is not None and image_name == texture_file
        if image_name is not None and not textured:  # one texture is kept, others become grey
            colour = np.full(3, 0.35)
        index = []
        for a, b, c in corner:
            key = (a, b if textured else 0, c, material)
            if key not in corners:
                corners[key] = len(rows)
                uv = vt[b - 1] if textured and b else (-1.0, -1.0)
                shade = np.ones(3) if textured else np.clip(colour, 0, 1) ** (1 / 1.8)
                rows.append((*v[a - 1], *(vn[c - 1] if c else (0, 1, 0)), *shade, *uv, painted))
            index.append(corners[key])
        triangles += [(index[0], index[i], index[i + 1]) for i in range(1, len(index) - 1)]
    data = np.array(rows, np.float64)
    # Sweet Home 3D: y up, the front looks towards +z
    position = np.stack([data[:, 2], data[:, 0], data[:, 1]], axis=1)
    normal = np.stack([data[:, 5], data[:, 3], data[:, 4]], axis=1)
    low, high = position.min(axis=0), position.max(axis=0)
    scale = length / (high[0] - low[0])
    position = (position - [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]) * scale
    norm = np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    uv = data[:, 9:11]
    plain = uv[:, 0] < -0.5
    uv = np.where(plain[:, None], -1.0, uv - np.floor(np.minimum(uv, uv.min(initial=0))))
    return {
        "position": np.round(position * 1000).astype(np.int16),
        "normal": np.round(normal / norm * 127).astype(np.int8),
        "colour": np.round(data[:, 6:9] * 255).astype(np.uint8),
        "uv": np.where(plain[:, None], -1, np.round(np.clip(uv, 0, 30) * 1000)).astype(np.int16),
        "paint": data[:, 11].astype(np.uint8),
        "triangle": np.array(triangles, np.uint16),
        "texture": texture[::-1].copy(),
    }


def main() -> int:
    archive = zipfile.ZipFile(sys.argv[1])
    catalogue = archive.read("PluginFurnitureCatalog.properties").decode("latin-1")
    if "Creative Commons Attribution 3.0" not in catalogue:
        print("the catalogue names another licence; nothing was baked", file=sys.stderr)
        return 1
    arrays: dict[str, np.ndarray] = {}
    for name, (folder, paint, length) in MODELS.items():
        number = re.search(rf"model#(\d+)=/scopia/{folder}/", catalogue)
        creator = number and re.search(rf"creator#{number[1]}=(.*)", catalogue)
        if not creator or creator[1].strip() != "Scopia":
            print(f"{folder}: not by Scopia in the catalogue", file=sys.stderr)
            return 1
        baked = bake(archive, folder, paint, length)
        arrays |= {f"{name}.{key}": value for key, value in baked.items()}
        print(name, len(baked["position"]), "corners", len(baked["triangle"]), "triangles")
    target = Path(__file__).with_name("vehicles.npz")
    np.savez_compressed(target, **arrays)  # type: ignore[arg-type]
    print(target, target.stat().st_size, "bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
