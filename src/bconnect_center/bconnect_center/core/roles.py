"""Who may do what, and where."""

from dataclasses import dataclass, field
from enum import Enum


class Role(str, Enum):
    """Roles, each with the rights of the ones before it, but for ADMIN.

    An administrator keeps accounts and sees the log; deciding cases is not part of that.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    VALIDATOR = "validator"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Right(str, Enum):
    """What a page or a call asks for."""

    WATCH = "watch"  # map, wall, feed, numbers: no personal data of road users but live pictures
    SPEAK = "speak"
    FIELD = "field"  # tow board, stickers
    CASES = "cases"  # see evidence and plates
    DECIDE = "decide"
    DRAW = "draw"
    TRUST = "trust"  # rearm rules, withdraw, hear complaints
    AUDIT = "audit"
    ACCOUNTS = "accounts"


_VIEWER = frozenset({Right.WATCH})
_OPERATOR = _VIEWER | {Right.SPEAK, Right.FIELD}
_VALIDATOR = _OPERATOR | {Right.CASES, Right.DECIDE}
_SUPERVISOR = _VALIDATOR | {Right.DRAW, Right.TRUST, Right.AUDIT}
RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.VALIDATOR: _VALIDATOR,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.ADMIN: frozenset({Right.WATCH, Right.AUDIT, Right.ACCOUNTS, Right.DRAW}),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in. `sites`: the sites they are limited to; empty: all."""

    name: str
    role: Role
    shown: str = ""
    sites: frozenset[str] = field(default_factory=frozenset)

    def may(self, right: Right, site: str | None = None) -> bool:
        """Whether the role has the right, at that site where one is given."""
        return right in RIGHTS[self.role] and (site is None or self.sees(site))

    def sees(self, site: str) -> bool:
        """Whether the person is not kept from that site."""
        return not self.sites or site in self.sites
