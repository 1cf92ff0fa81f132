"""A site (corridor or vehicle) as plain objects, and the plan of nodes that run it."""

from importlib.metadata import PackageNotFoundError, version

__version__ = "0.1.0"


def _check_pydantic() -> None:
    # Debian 12 and Ubuntu 24.04 package pydantic 1, whose imports fail without a hint.
    try:
        found = version("pydantic")
    except PackageNotFoundError:
        found = "none"
    if not found.split(".")[0].isdigit() or int(found.split(".")[0]) < 2:
        raise ImportError(
            f"B-Connect needs pydantic 2 or newer, found {found}; "
            "install it with: python3 -m pip install --user 'pydantic>=2'"
        )


_check_pydantic()
