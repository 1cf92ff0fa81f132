from setuptools import find_packages, setup

PACKAGE = "bconnect_sim"

setup(
    name=PACKAGE,
    version="0.1.0",
    packages=find_packages(),
    package_data={
        PACKAGE: ["py.typed", "scenarios/*.yaml", "streets/*/*", "models/*.npz", "models/*.md"]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/" + PACKAGE]),
        ("share/" + PACKAGE, ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="B-Connect maintainers",
    maintainer_email="maintainers@bconnect.example.org",
    description="A simulated street with ground truth: SUMO traffic drawn for a camera.",
    license="AGPL-3.0-or-later",
    entry_points={
        "console_scripts": [
            "make_scenario = bconnect_sim.produce:console",
            "fetch_footage = bconnect_sim.footage:console",
        ]
    },
)
