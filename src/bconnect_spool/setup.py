from setuptools import find_packages, setup

setup(
    name="bconnect_spool",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"bconnect_spool": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/bconnect_spool"]),
        ("share/bconnect_spool", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="B-Connect maintainers",
    maintainer_email="maintainers@bconnect.example.org",
    description="Sealed violations on their way to the command centre, through any break",
    license="AGPL-3.0-or-later",
    entry_points={
        "console_scripts": [
            "spool = bconnect_spool.spool_node:main",
            "relay = bconnect_spool.relay_node:main",
        ]
    },
)
