"""Accounts, invitations, sessions. Passwords are kept as Argon2id, links and cookies as hashes."""

import hashlib
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, func, insert, select, update

from bconnect_center.adapters.database import Database
from bconnect_center.adapters.tables import accounts, attempts, invitations, sessions
from bconnect_center.core.moments import SECOND
from bconnect_center.core.roles import Person, Role

INVITED = 72 * 3600 * SECOND  # how long a link is good
SHORTEST = 12  # characters of a password (NIST SP 800-63B asks for length, not for symbols)
LONGEST = 256
FAILURES, WINDOW = 5, 15 * 60 * SECOND  # wrong passwords of one account or address
TOUCHED = 30 * SECOND  # a session's last use is written this often at most


class Denied(ValueError):
    """What is asked cannot be; str() is the sentence."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser."""

    key: str  # the hash that is its name in the database
    csrf: str
    person: Person
    began: int


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class People:
    """Who may come in. All stamps are passed in, ns. Safe from any thread."""

    def __init__(self, database: Database, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        # Argon2id, the second option RFC 9106 recommends
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    # -- accounts --------------------------------------------------------------------------

    def all(self) -> list[Person]:
        """Every active account, by name."""
        with self._database.reading() as c:
            rows = c.execute(select(accounts).where(accounts.c.active).order_by(accounts.c.name))
            return [_person(row) for row in rows]

    def invite(self, person: Person, now: int) -> str:
        """Makes or changes an account; the secret of a link that sets its password, once."""
        secret = secrets.token_urlsafe(24)
        with self._database.writing() as c:
            values = {
                "shown": person.shown or person.name, "role": person.role.value,
                "sites": sorted(person.sites), "active": True,
            }  # fmt: skip
            if c.scalar(select(accounts.c.name).where(accounts.c.name == person.name)):
                c.execute(update(accounts).where(accounts.c.name == person.name).values(**values))
            else:
                c.execute(insert(accounts).values(name=person.name, made=now, **values))
            c.execute(delete(invitations).where(invitations.c.account == person.name))
            c.execute(
                insert(invitations).values(
                    hash=hashed(secret), account=person.name, expires=now + INVITED
                )
            )
        return secret

    def change(self, person: Person) -> None:
        """Another role, name or other sites; what is open ends. Raises Denied."""
        with self._database.writing() as c:
            changed = c.execute(
                update(accounts)
                .where(accounts.c.name == person.name)
                .values(shown=person.shown, role=person.role.value, sites=sorted(person.sites))
            )
            if not changed.rowcount:
                raise Denied(f'account: none is called "{person.name}"')
            c.execute(delete(sessions).where(sessions.c.account == person.name))

    def remove(self, name: str) -> None:
        """The account can no longer be used; what it did stays in the logs."""
        with self._database.writing() as c:
            c.execute(
                update(accounts).where(accounts.c.name == name).values(active=False, password=None)
            )
            c.execute(delete(sessions).where(sessions.c.account == name))
            c.execute(delete(invitations).where(invitations.c.account == name))

    def invited(self, secret: str, now: int) -> Person | None:
        """Whose link that is; None: nobody's, used, or too old."""
        with self._database.reading() as c:
            name = c.scalar(
                select(invitations.c.account).where(
                    invitations.c.hash == hashed(secret), invitations.c.expires > now
                )
            )
            return _account(c, name) if name else None

    def set_password(self, secret: str, password: str, now: int) -> Person:
        """Uses up a link. Raises Denied."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise Denied(f"password: {len(password)} characters, allowed: {SHORTEST} to {LONGEST}")
        held = self._hasher.hash(password)
        with self._database.writing() as c:
            name = c.scalar(
                select(invitations.c.account).where(
                    invitations.c.hash == hashed(secret), invitations.c.expires > now
                )
            )
            person = _account(c, name) if name else None
            if person is None:
                raise Denied("link: it was used before, or is too old; ask for another")
            c.execute(delete(invitations).where(invitations.c.account == name))
            c.execute(delete(sessions).where(sessions.c.account == name))
            c.execute(update(accounts).where(accounts.c.name == name).values(password=held))
        return person

    # -- sign in ---------------------------------------------------------------------------

    def check(self, name: str, password: str, address: str, now: int) -> Person:
        """Who that is. Raises Denied: wrong, or too many were wrong lately."""
        keys = [f"account {name[:64]}", f"address {address[:64]}"]
        with self._database.writing() as c:
            c.execute(delete(attempts).where(attempts.c.stamp < now - WINDOW))
            for key, most in zip(keys, (FAILURES, 4 * FAILURES), strict=True):
                count = select(func.count()).where(attempts.c.key == key)
                if (c.scalar(count) or 0) >= most:
                    raise Denied("sign-in: too many were wrong; try again in 15 minutes")
            # Counted before it is tried, so that many at once are not tried for free.
            c.execute(insert(attempts), [{"key": key, "stamp": now} for key in keys])
            row = c.execute(select(accounts).where(accounts.c.name == name)).first()
        usable = row is not None and row.active and row.password is not None
        if not self._fits(row.password if row is not None and usable else None, password):
            raise Denied("sign-in: name or password is wrong")
        assert row is not None
        with self._database.writing() as c:
            c.execute(delete(attempts).where(attempts.c.key.in_(keys), attempts.c.stamp <= now))
        return _person(row)

    def open_session(self, person: Person, address: str, now: int) -> tuple[str, Session]:
        """The cookie's secret, and the session."""
        secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
        with self._database.writing() as c:
            c.execute(
                insert(sessions).values(
                    hash=hashed(secret), account=person.name, csrf=csrf, began=now, seen=now,
                    address=address[:64],
                )
            )  # fmt: skip
        return secret, Session(hashed(secret), csrf, person, now)

    def session(self, secret: str, now: int, idle: int, longest: int) -> Session | None:
        """The session of a cookie, if it still holds; idle, longest: ns."""
        with self._database.reading() as c:
            row = c.execute(select(sessions).where(sessions.c.hash == hashed(secret))).first()
            person = _account(c, row.account) if row else None
        if row is None or person is None:
            return None
        # A clock set back must not make a session endless.
        if not (0 <= now - row.began <= longest and now - row.seen <= idle):
            self.close_session(row.hash)
            return None
        if now - row.seen > TOUCHED:
            with self._database.writing() as c:
                c.execute(update(sessions).where(sessions.c.hash == row.hash).values(seen=now))
        return Session(row.hash, row.csrf, person, row.began)

    def close_session(self, key: str) -> None:
        with self._database.writing() as c:
            c.execute(delete(sessions).where(sessions.c.hash == key))

    def forget(self, now: int, longest: int) -> None:
        """Drops what has run out."""
        with self._database.writing() as c:
            c.execute(delete(sessions).where(sessions.c.began < now - longest))
            c.execute(delete(invitations).where(invitations.c.expires < now))
            c.execute(delete(attempts).where(attempts.c.stamp < now - WINDOW))

    def _fits(self, held: str | None, password: str) -> bool:
        """Takes as long for an account that is none."""
        try:
            return self._hasher.verify(held or self._nobody, password[:LONGEST]) and bool(held)
        except (VerificationError, InvalidHashError):
            return False


def _account(c: Connection, name: str | None) -> Person | None:
    row = c.execute(select(accounts).where(accounts.c.name == name, accounts.c.active)).first()
    return _person(row) if row else None


def _person(row: object) -> Person:
    role, sites = Role(row.role), frozenset(row.sites)  # type: ignore[attr-defined]
    return Person(row.name, role, row.shown, sites)  # type: ignore[attr-defined]
