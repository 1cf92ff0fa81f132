from setuptools import find_packages, setup

setup(
    name="bconnect_gnss",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"bconnect_gnss": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/bconnect_gnss"]),
        ("share/bconnect_gnss", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="B-Connect maintainers",
    maintainer_email="maintainers@bconnect.example.org",
    description="The position of a vehicle: gpsd and NMEA receivers",
    license="AGPL-3.0-or-later",
    entry_points={"console_scripts": ["gnss = bconnect_gnss.gnss_node:main"]},
)
