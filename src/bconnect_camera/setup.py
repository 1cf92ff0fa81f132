from setuptools import find_packages, setup

PACKAGE = "bconnect_camera"

setup(
    name=PACKAGE,
    version="0.1.0",
    packages=find_packages(),
    package_data={PACKAGE: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/" + PACKAGE]),
        ("share/" + PACKAGE, ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="B-Connect maintainers",
    maintainer_email="maintainers@bconnect.example.org",
    description="Image in: video sources, camera driver, camera health, encoded ring.",
    license="AGPL-3.0-or-later",
    entry_points={"console_scripts": ["camera = bconnect_camera.driver_node:main"]},
)
