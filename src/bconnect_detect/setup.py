from setuptools import find_packages, setup

setup(
    name="bconnect_detect",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"bconnect_detect": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/bconnect_detect"]),
        ("share/bconnect_detect", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="B-Connect maintainers",
    maintainer_email="maintainers@bconnect.example.org",
    description="Images to road users to findings to sealed violations",
    license="AGPL-3.0-or-later",
    entry_points={
        "console_scripts": [
            "detector = bconnect_detect.detector_node:main",
            "signal = bconnect_detect.signal_node:main",
            "tracker = bconnect_detect.tracker_node:main",
            "rule_checker = bconnect_detect.rule_checker_node:main",
            "evidence = bconnect_detect.evidence_node:main",
        ]
    },
)
