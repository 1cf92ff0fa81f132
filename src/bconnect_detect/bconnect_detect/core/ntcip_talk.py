"""How talking to one controller goes, in words that say what to do."""

from datetime import datetime, tzinfo

from bconnect_detect.core.types import SECOND

PATIENCE = 1.0  # s of failing before it is worth a sentence
NO_ANSWER, BAD_ANSWER = "no answer", "bad answer"
_ADVICE = {
    NO_ANSWER: "check its power, the network, and its SNMP port and community",
    BAD_ANSWER: "check address, phase and SNMP version",
}


class Fault(Exception):
    """A question that got no usable answer. kind: NO_ANSWER or BAD_ANSWER; str(): what it did."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind = kind


class Conversation:
    """Remembers since when a controller has not answered as it should."""

    def __init__(self, controller: str, signals: tuple[str, ...], zone: tzinfo) -> None:
        self._controller, self._signals, self._zone = controller, ", ".join(signals), zone
        self._since: int | None = None
        self._fault: Fault | None = None

    def answered(self) -> None:
        """It did."""
        self._since = self._fault = None

    def failed(self, fault: Fault, stamp: int) -> None:
        """It did not; stamp: when it was asked."""
        if not self._since or stamp < self._since:  # 0: a simulated clock that did not run yet
            self._since = stamp
        self._fault = fault

    def trouble(self, now: int) -> str:
        """One sentence; empty while all is well or it failed only just now."""
        if self._since is None or self._fault is None or now - self._since < PATIENCE * SECOND:
            return ""
        return (
            f"controller {self._controller} {self._fault} since {local(self._since, self._zone)}: "
            f"{self._signals} unknown, nothing is decided by it; {_ADVICE[self._fault.kind]}"
        )


def local(stamp: int, zone: tzinfo) -> str:
    """A stamp [ns] as date and time of the site."""
    return datetime.fromtimestamp(stamp // SECOND, zone).strftime("%Y-%m-%d %H:%M:%S")
