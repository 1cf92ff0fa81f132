from setuptools import find_packages, setup

setup(
    name="bconnect_site",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"bconnect_site": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/bconnect_site"]),
        ("share/bconnect_site", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="B-Connect maintainers",
    maintainer_email="maintainers@bconnect.example.org",
    description="A site of B-Connect as plain objects, and the plan of nodes that run it",
    license="AGPL-3.0-or-later",
)
