from setuptools import find_packages, setup

setup(
    name="bconnect_node",
    version="0.1.0",
    packages=find_packages(),
    package_data={"bconnect_node": ["py.typed", "fastdds.xml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/bconnect_node"]),
        ("share/bconnect_node", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    license="AGPL-3.0-or-later",
    entry_points={"console_scripts": ["host = bconnect_node.host:main"]},
)
