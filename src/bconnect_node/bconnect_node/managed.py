"""A node with the states of ROS 2's managed nodes: it can be switched off and on while it runs."""

from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

from bconnect_node.base import BconnectNode
from bconnect_node.health import WARN
from bconnect_site.errors import ConfigError

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
ERROR = TransitionCallbackReturn.ERROR
UNCONFIGURED, INACTIVE, ACTIVE, FINALIZED = "unconfigured", "inactive", "active", "finalized"
NOT_CONFIGURED = "not configured: `ros2 lifecycle set NODE configure`, then activate"
OVER = "shut down by a lifecycle command: start its process again"


class ManagedNode(BconnectNode, LifecycleNode):
    """Override configure, activate, deactivate and cleanup; the constructor ends with start().

    Transitions run in the executor's thread, which serves other nodes too: they check, hand
    over to workers and return at once. ConfigError in one of them refuses the transition, and
    at the start the whole node. cleanup() may follow an unfinished configure().
    """

    refusal: ConfigError | None = None  # why the last transition was refused

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        # In Jazzy a step that is none raises through the executor, and the caller hears nothing.
        service = self._service_change_state
        service.callback = self._refusing(service.callback)

    def configure(self) -> None:
        """Checks what can be checked and prepares it. Raises ConfigError."""

    def activate(self) -> None:
        """Begins. Raises ConfigError."""

    def deactivate(self) -> None:
        """Ends what activate began; what was prepared stays."""

    def cleanup(self) -> None:
        """Gives back what configure prepared."""

    def start(self, *, active: bool = True) -> None:
        """Configures and, if so wished, activates a new node. Raises ConfigError."""
        steps = (self.trigger_configure, self.trigger_activate)
        for trigger in steps if active else steps[:1]:
            if trigger() != SUCCESS:
                raise self.refusal or ConfigError(
                    f"{self.get_fully_qualified_name()}: could not be started: "
                    f"{self.health.last_error or 'no reason given'}"
                )

    @property
    def lifecycle(self) -> str:
        """The state's name: unconfigured, inactive, active, finalized, or that of a transition."""
        return str(self._state_machine.current_state[1])

    @property
    def active(self) -> bool:
        """Whether it works."""
        return self.lifecycle == ACTIVE

    # -- what rclpy calls --------------------------------------------------------------------

    def on_configure(self, state: Any) -> Any:
        """unconfigured to inactive."""
        return self._go(INACTIVE, self.configure)

    def on_activate(self, state: Any) -> Any:
        """inactive to active."""
        return self._go(ACTIVE, self.activate)

    def on_deactivate(self, state: Any) -> Any:
        """active to inactive."""
        return self._go(INACTIVE, self.deactivate)

    def on_cleanup(self, state: Any) -> Any:
        """inactive to unconfigured."""
        return self._go(UNCONFIGURED, self.cleanup)

    def on_shutdown(self, state: Any) -> Any:
        """Any to finalized: it does nothing more until its process starts again."""
        steps = {ACTIVE: (self.deactivate, self.cleanup), INACTIVE: (self.cleanup,)}
        return self._go(FINALIZED, *steps.get(state.label, ()))

    def on_error(self, state: Any) -> Any:
        """A transition that raised leads back to unconfigured."""
        return self._go(UNCONFIGURED, self.deactivate, self.cleanup)

    def _refusing(self, change: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def answer(request: Any, response: Any) -> Any:
            try:
                return change(request, response)
            except Exception as error:
                self._failed(f"transition {request.transition.id} from {self.lifecycle}", error)
                response.success = False
                return response

        return answer

    def _go(self, goal: str, *steps: Callable[[], None]) -> Any:
        if self.closing:
            return FAILURE
        self.refusal = None
        try:
            for step in steps:
                step()
        except ConfigError as error:
            self.refusal = error
            self.health.error(str(error))
            return FAILURE
        except Exception as error:
            self._failed(f"going to {goal}", error)
            return ERROR
        self.health.set("lifecycle", goal)
        if goal in (UNCONFIGURED, FINALIZED):
            self.health.state(WARN, NOT_CONFIGURED if goal == UNCONFIGURED else OVER)
        return SUCCESS
