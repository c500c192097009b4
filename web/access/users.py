"""Access control of what players and programs ask for: who a name, token or key is.

Each request brings a user's password, token or key; no cookie and no address counts. Wrong ones
cost growing waits, as at the login of the page, counted by address and name. Who was right before
waits for mistakes at that place alone.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable

from flask import current_app, request

from db.users import accounts
from db.users.accounts import Account, Passwords
from web.access.login import Throttle
from web.access.security import client

_MOST_KNOWN = 1_000
log = logging.getLogger("web")


class NobodyError(Exception):
    """Name and password, token or key are nobody's."""


class TooManyError(Exception):
    """There were too many wrong ones: for `wait` seconds none is taken."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"Too many wrong logins. Try again in {wait} seconds.")
        self.wait = wait


class Logins:
    """Who logged in, and who tried to, while this process lives."""

    def __init__(self) -> None:
        self._passwords = Passwords()
        self._throttle = Throttle()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        self._has_checked_secrets = False

    def by_password(self, name: str, password: str) -> Account:
        """The user of a name and password. Raises NobodyError and TooManyError, as all here."""
        return self._checked(name, lambda: self._passwords.user(name, password))

    def by_token(self, name: str, token: str, salt: str) -> Account:
        """The user whose password and this salt make a token; ask `takes_tokens` first."""
        return self._checked(name, lambda: accounts.user_of_token(name, token, salt))

    def by_key(self, key: str) -> Account:
        """The user of an API key."""
        return self._checked("", lambda: accounts.user_of_key(key))

    def takes_tokens(self) -> bool:
        """Whether tokens are taken; while they are not, no password is kept for them."""
        if accounts.token_login_is_on():
            return True
        if not self._has_checked_secrets:
            accounts.forget_secrets()
            self._has_checked_secrets = True
        return False

    def _checked(self, name: str, find: Callable[[], Account | None]) -> Account:
        source = f"{client()} {name.casefold()[:100]}"
        is_known = source in self._known
        if wait := self._throttle.wait_for(source, is_known=is_known):
            raise TooManyError(wait)
        found = find()
        if found is None:
            log.warning("wrong password, token or key from %s", request.remote_addr)
            self._throttle.note_failure(source, is_known=is_known)
            raise NobodyError
        with self._lock:
            self._known[source] = None
            self._known.move_to_end(source)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return found


def logins() -> Logins:
    """Those of the app."""
    found: Logins = current_app.extensions["logins"]
    return found
