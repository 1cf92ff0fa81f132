import os
from glob import glob

from setuptools import find_packages, setup

SHARE = "share/bconnect_bringup"


def installed(top: str) -> list[tuple[str, list[str]]]:
    """Every file below `top`, a link to the folder of that name at the root of the repository."""
    found: dict[str, list[str]] = {}
    for path in sorted(glob(f"{top}/**/*", recursive=True)):
        if os.path.isfile(path) and "__pycache__" not in path:
            found.setdefault(f"{SHARE}/{os.path.dirname(path)}", []).append(path)
    return sorted(found.items())


setup(
    name="bconnect_bringup",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"bconnect_bringup": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/bconnect_bringup"]),
        (SHARE, ["package.xml"]),
        *installed("launch"),
        *installed("config"),
    ],
    entry_points={"console_scripts": ["bconnect = bconnect_bringup.cli:main"]},
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="B-Connect maintainers",
    maintainer_email="maintainers@bconnect.example.org",
    description="Launch files, configuration and command line of B-Connect",
    license="AGPL-3.0-or-later",
)
