"""One file a room of the house: its pages and its part of the interface."""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter

# Every module here that holds `router` is a room.
ROOMS: tuple[APIRouter, ...] = tuple(
    module.router
    for module in (
        import_module(f"{__name__}.{found.name}")
        for found in sorted(iter_modules(__path__), key=lambda m: m.name)
    )
    if hasattr(module, "router")
)
