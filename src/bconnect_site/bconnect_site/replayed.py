"""The plan of a site whose past is played into it: no cameras, no speakers, time from /clock."""

from dataclasses import replace
from pathlib import Path

from bconnect_site import names
from bconnect_site.plan import NodeSpec, Parameter, Plan

PLAYER = "player"
RULE_CHECKER, EVIDENCE = "rule_checker", "evidence"


def replayed(
    made: Plan,
    *,
    site_file: str,
    bag: str,
    day: str,
    images: bool,
    signals: bool,
    **how: Parameter,
) -> Plan:
    """The nodes that judge a bag again, and the player that gives it to them.

    images: the bag gives pictures, so the detector looks again; else it gives detections.
    signals: the bag gives the signals, so nobody asks lamps or controllers. day: ISO date on
    which the bag begins, whose law holds. ``how``: further parameters of the player.
    """
    # What acts on the world, or tells it, must not do so because of the past.
    off = {"camera", "gnss", "speaker", "spool", "relay", "tow", "sticker"}
    off |= set() if images else {"detector"}
    off |= {"signal"} if signals else set()
    more: dict[str, dict[str, Parameter]] = {
        RULE_CHECKER: {"day": day},
        EVIDENCE: {"replay": "/".join(Path(bag).parts[-2:])},
    }
    kept = [
        replace(
            node,
            parameters={
                **node.parameters,
                "use_sim_time": True,
                **more.get(node.executable, {}),
            },
            host=None,
        )
        for node in made.nodes
        if node.executable not in off
    ]
    stores = (n.parameters["evidence_dir"] for n in made.nodes if n.executable == EVIDENCE)
    parameters: dict[str, Parameter] = {
        "site_file": site_file,
        "bag": bag,
        "images": images,
        "evidence_dir": next(stores, ""),
        **how,
    }
    player = NodeSpec(
        "bconnect_replay",
        PLAYER,
        "bconnect_replay.player_node:Player",
        PLAYER,
        names.site_ns(made.site),
        parameters,
        PLAYER,
    )
    return Plan(made.site, (*kept, player))
