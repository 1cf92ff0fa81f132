from setuptools import find_packages, setup

setup(
    name="bconnect_center",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={
        "bconnect_center": [
            "py.typed",
            "web/templates/*",
            "web/static/*",
            "web/static/*/*",
            "web/locale/*",
        ]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/bconnect_center"]),
        ("share/bconnect_center", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="B-Connect maintainers",
    maintainer_email="maintainers@bconnect.example.org",
    description="The command centre: where people watch, decide and speak",
    license="AGPL-3.0-or-later",
    entry_points={"console_scripts": ["live = bconnect_center.live_node:main"]},
)
