"""Python package of a ROS package. What is hot in core/ is compiled, by the types in its .pxd."""

from setuptools import Extension, find_packages, setup

COMPILED = ("following", "ground_way", "plane", "shapes")
# Numbers as Python makes them: nothing fused, nothing reordered.
FLAGS = ["-O2", "-g0", "-ffp-contract=off", "-Wno-maybe-uninitialized"]
DIRECTIVES = {
    "annotation_typing": False,
    "boundscheck": False,
    "cdivision": True,
    "cpow": True,
    "initializedcheck": False,
    "language_level": 3,
    "wraparound": False,
}


def extensions():
    """Compiled modules; none without Cython: then the same files run as Python, slower."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    made = [
        Extension(
            f"bconnect_detect.core.{name}",
            [f"bconnect_detect/core/{name}.py"],
            extra_compile_args=FLAGS,
        )
        for name in COMPILED
    ]
    return cythonize(made, build_dir="build/c", compiler_directives=DIRECTIVES, quiet=True)


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
    zip_safe=False,
    ext_modules=extensions(),
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
