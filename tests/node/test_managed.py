"""A managed node goes through the states of ROS 2 by its services, and refuses in a sentence."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState

from bconnect_node.managed import ManagedNode
from bconnect_site.errors import ConfigError


@dataclass(frozen=True)
class Nothing:
    pass


class Lamp(ManagedNode):
    """Burns while active; notes what was asked of it."""

    fails: str = ""

    def __init__(self, **kw: Any) -> None:
        super().__init__("lamp", Nothing, **kw)
        self.steps: list[str] = []
        self.start()

    def _note(self, step: str) -> None:
        self.steps.append(step)
        if self.fails == step:
            raise ConfigError(f"lamp: {step}: found no bulb")
        if self.fails == f"{step}!":
            raise RuntimeError("sparks")

    def configure(self) -> None:
        self._note("configure")

    def activate(self) -> None:
        self._note("activate")
        self.over = threading.Event()
        self.thread = self.worker("burn", lambda stop: stop.wait() and None, self.over)

    def deactivate(self) -> None:
        self._note("deactivate")
        self.over.set()

    def cleanup(self) -> None:
        self._note("cleanup")


@pytest.fixture
def lamp(ros: Any, wait_for: Any) -> Any:
    made = ros.add(Lamp, namespace="/uji")
    guest = ros.node("guest")
    change = guest.create_client(ChangeState, "/uji/lamp/change_state")
    get = guest.create_client(GetState, "/uji/lamp/get_state")
    wait_for(lambda: change.service_is_ready() and get.service_is_ready())

    def ask(client: Any, request: Any) -> Any:
        future = client.call_async(request)
        wait_for(future.done)
        return future.result()

    def go(step: int) -> tuple[bool, str]:
        done = ask(change, ChangeState.Request(transition=Transition(id=step)))
        return done.success, ask(get, GetState.Request()).current_state.label

    return made, go


def level(node: Any) -> int:
    return ord(node.health.status().level)


def told(node: Any) -> str:
    return next(v.value for v in node.health.status().values if v.key == "lifecycle")


def test_it_starts_active_and_goes_through_all_states_by_service(lamp: Any, wait_for: Any) -> None:
    node, go = lamp
    assert node.active and node.steps == ["configure", "activate"] and told(node) == "active"
    first = node.thread
    assert go(Transition.TRANSITION_DEACTIVATE) == (True, "inactive")
    wait_for(lambda: not first.is_alive())
    assert told(node) == "inactive"
    assert go(Transition.TRANSITION_ACTIVATE) == (True, "active")
    assert node.thread is not first and node.thread.is_alive()
    assert go(Transition.TRANSITION_DEACTIVATE) == (True, "inactive")
    assert go(Transition.TRANSITION_CLEANUP) == (True, "unconfigured") and level(node) == 1
    assert go(Transition.TRANSITION_CONFIGURE) == (True, "inactive")
    assert node.steps[-2:] == ["cleanup", "configure"]


def test_a_step_that_is_none_is_refused_and_nothing_changes(lamp: Any) -> None:
    node, go = lamp
    before = list(node.steps)
    assert go(Transition.TRANSITION_ACTIVATE) == (False, "active")
    assert go(Transition.TRANSITION_CLEANUP) == (False, "active")
    assert node.steps == before


def test_a_refusal_leaves_the_state_and_says_why(lamp: Any) -> None:
    node, go = lamp
    go(Transition.TRANSITION_DEACTIVATE)
    node.fails = "activate"
    assert go(Transition.TRANSITION_ACTIVATE) == (False, "inactive")
    assert node.health.last_error == "lamp: activate: found no bulb"
    node.fails = ""
    assert go(Transition.TRANSITION_ACTIVATE) == (True, "active")


def test_what_raises_leads_back_to_unconfigured(lamp: Any) -> None:
    node, go = lamp
    go(Transition.TRANSITION_DEACTIVATE)
    node.fails = "activate!"
    assert go(Transition.TRANSITION_ACTIVATE) == (False, "unconfigured")
    assert "sparks" in node.health.last_error and node.steps[-1] == "cleanup"
    node.fails = ""
    assert go(Transition.TRANSITION_CONFIGURE)[0] and go(Transition.TRANSITION_ACTIVATE)[0]


def test_shut_down_it_stays_and_says_what_to_do(lamp: Any) -> None:
    node, go = lamp
    assert go(Transition.TRANSITION_ACTIVE_SHUTDOWN) == (True, "finalized")
    assert node.steps[-2:] == ["deactivate", "cleanup"]
    assert "start its process again" in node.health.status().message


def test_a_mistake_found_at_start_refuses_the_node(
    ros: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lamp, "fails", "configure")
    with pytest.raises(ConfigError, match="lamp: configure: found no bulb"):
        ros.add(Lamp, namespace="/uji")


def test_workers_that_ended_are_forgotten_and_the_rest_ends_with_the_node(lamp: Any) -> None:
    node, go = lamp
    for _ in range(5):
        go(Transition.TRANSITION_DEACTIVATE)
        node.thread.join(5.0)
        go(Transition.TRANSITION_ACTIVATE)
    assert len(node._workers) == 1
    node.leave()
    node.thread.join(5.0)
    assert not node.thread.is_alive()
