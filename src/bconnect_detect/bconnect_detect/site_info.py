"""What a running graph consists of, as the message every bag holds."""

from array import array
from datetime import date

from bconnect_msgs.msg import SiteInfo
from bconnect_msgs.msg import Zone as ZoneMsg

from bconnect_detect.convert import time_to_msg
from bconnect_detect.core.detector import ModelInfo
from bconnect_site.loader import LoadedSite
from bconnect_site.mapzones import MapZone
from bconnect_site.model import Zone
from bconnect_site.plan import plan


def site_info(loaded: LoadedSite, model: ModelInfo, site_file: str, stamp: int) -> SiteInfo:
    """The site, its zones and nodes, and the model at work. Raises ConfigError."""
    site = loaded.site
    msg = SiteInfo(
        site=site.site,
        kind=site.kind,
        title=site.title,
        timezone=site.timezone,
        latitude=site.location.latitude if site.location else float("nan"),
        longitude=site.location.longitude if site.location else float("nan"),
        software_version=loaded.software,
        site_sha256=loaded.sha256,
        site_yaml=loaded.to_yaml(),
        catalogue_version=loaded.catalogue().version_name(date.fromtimestamp(stamp // 10**9)),
        model=model.name,
        model_sha256=model.sha256,
        model_licence=model.licence,
        model_backend=model.backend,
        cameras=list(site.cameras),
        nodes=[n.full_name for n in plan(loaded, site_file=site_file, state_dir=".").nodes],
        zones=[
            *(_zone(camera, name, zone) for camera, name, zone in site.zones()),
            *map(_map_zone, loaded.map_zones()),
        ],
    )
    msg.header.stamp = time_to_msg(stamp)
    return msg


def _zone(camera: str, name: str, zone: Zone) -> ZoneMsg:
    return ZoneMsg(
        camera=camera,
        name=name,
        kind=int(zone.kind),
        x=array("f", (x for x, _ in zone.points)),
        y=array("f", (y for _, y in zone.points)),
        signal=zone.signal or "",
        basis=zone.basis or "",
    )


def _map_zone(zone: MapZone) -> ZoneMsg:
    return ZoneMsg(
        name=zone.name,
        kind=int(zone.kind),
        latitude=array("d", (latitude for latitude, _ in zone.points)),
        longitude=array("d", (longitude for _, longitude in zone.points)),
        width=zone.width,
        basis=zone.basis,
    )
