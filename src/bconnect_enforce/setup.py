from setuptools import find_packages, setup

package = "bconnect_enforce"

setup(
    name=package,
    version="0.1.0",
    packages=find_packages(include=[package, f"{package}.*"]),
    package_data={package: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="B-Connect maintainers",
    maintainer_email="maintainers@bconnect.example.org",
    description="From findings to measures: the ladder, the speakers, the citations ledger.",
    license="AGPL-3.0-or-later",
    entry_points={
        "console_scripts": [
            "ladder = bconnect_enforce.ladder_node:main",
            "speaker = bconnect_enforce.speaker_node:main",
            "citation = bconnect_enforce.citation_node:main",
            "sticker = bconnect_enforce.sticker_node:main",
            "tow = bconnect_enforce.tow_node:main",
        ],
    },
)
