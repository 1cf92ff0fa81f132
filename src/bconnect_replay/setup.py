from setuptools import find_packages, setup

setup(
    name="bconnect_replay",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"bconnect_replay": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/bconnect_replay"]),
        ("share/bconnect_replay", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="B-Connect maintainers",
    maintainer_email="maintainers@bconnect.example.org",
    description="Recorded traffic judged again: bags in, findings and their score out",
    license="AGPL-3.0-or-later",
    entry_points={
        "console_scripts": [
            "recorder = bconnect_replay.recorder_node:main",
            "player = bconnect_replay.player_node:main",
        ]
    },
)
