"""config/fleet.yaml: what all sites of a fleet share. Every key may be left out."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, create_model

from bconnect_site.fields import Kind, Strict
from bconnect_site.model import Camera, Signal, Site, Speaker, Zone


def _annotation(field: Any) -> Any:
    """A field's type with its checks, its nested models made partial."""
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return partial(kind)
    models = [a for a in get_args(kind) if isinstance(a, type) and issubclass(a, BaseModel)]
    if len(models) == 1 and type(None) in get_args(kind):
        return partial(models[0])
    return Annotated[(kind, *field.metadata)] if field.metadata else kind


def partial(model: type[BaseModel], *, without: tuple[str, ...] = ()) -> type[BaseModel]:
    """The model with every key optional and none defaulted."""
    fields: dict[str, Any] = {
        name: (
            _annotation(field) | None,
            Field(default=None, alias=field.alias, description=field.description),
        )
        for name, field in model.model_fields.items()
        if name not in without
    }
    return create_model(f"Fleet{model.__name__}", __base__=Strict, **fields)


_SHARED = (
    "timezone",
    "ladder",
    "detector",
    "tracker",
    "evidence",
    "law",
    "sticker",
    "tow",
    "ledger",
    "trusted",
)
_OWN = tuple(name for name in Site.model_fields if name not in _SHARED)

_FleetSite = partial(Site, without=_OWN)
_FleetCamera = partial(
    Camera, without=("zones", "rules", "source", "process", "calibration", "location")
)
_FleetZone = partial(Zone, without=("kind", "line", "region", "direction", "signal", "basis"))
_FleetSignal = partial(Signal, without=("camera", "region", "address", "phase", "overlap"))
_FleetSpeaker = partial(Speaker, without=("hears",))

_TEMPLATES: dict[str, Any] = {
    "camera": (_FleetCamera | None, Field(default=None, description="every camera")),
    "zone": (dict[Kind, _FleetZone] | None, Field(default=None, description="zones by kind")),  # type: ignore[valid-type]
    "signal": (_FleetSignal | None, Field(default=None, description="every signal")),
    "speaker": (_FleetSpeaker | None, Field(default=None, description="every speaker")),
}

Fleet: type[BaseModel] = create_model(
    "Fleet",
    __base__=_FleetSite,
    __doc__="Settings shared by every site; a site file overrules them.",
    **_TEMPLATES,
)
