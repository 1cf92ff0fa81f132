"""What a violation becomes that a unit sent by the spool."""

from zoneinfo import ZoneInfo

from bconnect_center.core.live import Happening, clean
from bconnect_enforce.core.indonesian import clock
from bconnect_enforce.core.reasons import AVOID, OFFENCES, ROAD_USERS
from bconnect_enforce.core.records import Measure, Violation, identity
from bconnect_site.kinds import Mode, PlateState, Step

POLICY = "spool.arrival"


def misplaced(violation: Violation, unit: str, id_: str) -> str:
    """Why a violation is not what its parcel said; empty: it is."""
    if violation.id != id_:
        return f"is of violation {violation.id[:64]}, sent as {id_}"
    if violation.offence.site != unit:
        return f"is of site {violation.offence.site[:64]}, sent by unit {unit}"
    return ""


def measure(violation: Violation, unit: str, zone: ZoneInfo) -> Measure:
    """The proposal to cite, for an officer to look at. It has the id the site's own would have,
    so that both are one. How often before is not said: only the unit's register knows."""
    offence = violation.offence
    article = f" ({offence.article.replace('Art.', 'Pasal')})" if offence.article else ""
    return Measure(
        id=identity(offence.id, "citation"),
        violation_id=offence.id,
        site=offence.site,
        camera=offence.camera,
        type=offence.type,
        step=Step.CITATION,
        mode=Mode.ENFORCEMENT,
        stamp=offence.stamp,
        reason=(
            f"Usulan tilang diajukan, menunggu pemeriksaan petugas, karena "
            f"{ROAD_USERS[offence.road_user]} {OFFENCES[offence.type]}{article} pada "
            f"{clock(offence.stamp, zone)}. Diterima dari unit {unit.replace('_', ' ')}. "
            f"Agar tidak terulang: {AVOID[offence.type]}."
        ),
        policy=POLICY,
    )


def happening(violation: Violation) -> Happening:
    """For the feed, as a live site would tell it; without the plate."""
    offence = violation.offence
    told = {
        "road_user": int(offence.road_user),
        "zone": offence.zone,
        "plate_read": violation.plate_state is PlateState.READ,
        "pictures": len(violation.evidence),
        "missing": len(violation.missing),
        "explanation": violation.explanation[:300],
        "spool": True,
    }
    id_ = f"violation:{offence.id}"[:96]
    return Happening(
        id_, "violation", offence.site, offence.camera, int(offence.type), offence.stamp,
        clean(told),
    )  # fmt: skip
