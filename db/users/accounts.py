"""Users: their names, passwords and API keys.

A password is kept as a slow hash (scrypt), a key, which nobody can guess, as a digest: neither can
be read from the database or a backup of it. Players that log in by token and salt send
MD5(password + salt), which takes the password itself to check: with FLEET_TOKEN_LOGIN it is kept
too, encrypted with a key that lies in the run folder and so in no backup.
"""

import hashlib
import hmac
import secrets
import threading
from datetime import datetime, timedelta
from typing import NamedTuple

from db import settings
from db.errors import AccountError
from db.models import ApiKey, User, utc_now
from db.sql.connection import transaction
from db.sql.queries import tuples

_LONGEST_NAME = 64
LONGEST_PASSWORD = 128
"""Bytes of UTF-8."""
_COST = {"n": 2**14, "r": 8, "p": 5}
"""16 MiB and a fifth of a second: OWASP's "Password Storage Cheat Sheet" has these among others."""
_SALT, _HASH = 16, 32
_KEY_BYTES = 24
_KEY_BEGINS = 8
"""Characters of a key that are shown; the 24 after them stay secret."""
_TOUCH = timedelta(hours=1)
_ONE_AT_A_TIME = threading.Lock()
"""A slow hash holds memory: whoever sends many passwords at once waits."""


class Account(NamedTuple):
    """A user, without what is secret."""

    id: int
    name: str
    is_admin: bool
    created_at: datetime


class KnownKey(NamedTuple):
    """A key as people recognise it."""

    user: str
    name: str
    begins: str
    created_at: datetime
    used_at: datetime | None


_ACCOUNT = [getattr(User, name) for name in Account._fields]


def accounts() -> list[Account]:
    """All users, by name."""
    return [Account._make(row) for row in tuples(User.select(*_ACCOUNT).order_by(User.key))]


def account(name: str) -> Account | None:
    """The user of this name, whatever its case; None when there is none."""
    query = User.select(*_ACCOUNT).where(User.key == _key(name))
    return next(map(Account._make, tuples(query)), None)


def existing(name: str) -> Account:
    """The user of this name. Raises AccountError when there is none."""
    found = account(name)
    if found is None:
        raise AccountError(f"there is no user {name!r} — `fleet user list` shows them")
    return found


def add(name: str, password: str, *, is_admin: bool = False) -> Account:
    """A new user. Raises AccountError for a name or password that cannot be taken."""
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= _LONGEST_NAME:
        raise AccountError(
            f"the name {name!r} cannot be taken — take one of 1 to {_LONGEST_NAME} characters "
            "without control characters, and without blanks at its ends"
        )
    hashed, kept = _hashed(_checked(password)), _kept(password)
    with transaction():
        if account(name) is not None:
            raise AccountError(f"there is a user {name!r} already — `fleet user passwd` changes it")
        User.create(key=_key(name), name=name, password=hashed, secret=kept, is_admin=is_admin)
    return existing(name)


def set_password(name: str, password: str) -> None:
    """Give a user another password. Raises AccountError."""
    user = existing(name)
    hashed, kept = _hashed(_checked(password)), _kept(password)
    with transaction():
        User.update(password=hashed, secret=kept).where(User.id == user.id).execute()


def set_admin(name: str, is_admin: bool) -> None:
    """Have a user be an administrator, or none any more. Raises AccountError."""
    user = existing(name)
    with transaction():
        User.update(is_admin=is_admin).where(User.id == user.id).execute()


def remove(name: str) -> None:
    """Delete a user with all that is the user's: keys, stars, plays, playlists. As above."""
    user = existing(name)
    with transaction():
        User.delete().where(User.id == user.id).execute()


def _key(name: str) -> str:
    return name.casefold()


def _checked(password: str) -> str:
    """Raises AccountError for a password that is empty or too long."""
    length = len(_encoded(password))
    if not 0 < length <= LONGEST_PASSWORD or "\0" in password:
        raise AccountError(
            f"the password has {length} bytes — take one of 1 to {LONGEST_PASSWORD}, without NUL"
        )
    return password


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(_SALT)
    return f"scrypt${salt.hex()}${_scrypt(password, salt).hex()}"


def _scrypt(password: str, salt: bytes) -> bytes:
    with _ONE_AT_A_TIME:
        return hashlib.scrypt(_encoded(password), salt=salt, **_COST, dklen=_HASH, maxmem=2**26)


_NOBODY = f"scrypt${bytes(_SALT).hex()}${bytes(_HASH).hex()}"
"""What the password of a user who is not there is compared with, so that it takes as long."""


class Passwords:
    """Checks passwords; one that was right is known again without the slow hash.

    What is kept of it for that are digests by a key of this process.
    """

    _MOST = 1_000

    def __init__(self) -> None:
        self._by = secrets.token_bytes(_HASH)
        self._right: dict[bytes, None] = {}

    def user(self, name: str, password: str) -> Account | None:
        """The user of this name and password; None when there is none."""
        query = User.select(*_ACCOUNT, User.password).where(User.key == _key(name))
        *found, stored = next(tuples(query), (None, _NOBODY))
        given = _encoded(password)
        known = hmac.digest(self._by, stored.encode() + b"\0" + given, "sha256")
        if len(given) > LONGEST_PASSWORD:
            return None
        if known not in self._right:
            _, salt, right = stored.split("$")
            is_right = hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)).hex(), right)
            if not is_right or stored is _NOBODY:
                return None
            if len(self._right) >= self._MOST:
                self._right.clear()
            self._right[known] = None
        return Account._make(found)


def user_of_token(name: str, token: str, salt: str) -> Account | None:
    """The user whose password and this salt make this token, MD5 in hex; None where nobody's do.

    Call it only while `token_login_is_on`.
    """
    query = User.select(*_ACCOUNT, User.secret).where(User.key == _key(name))
    *found, kept = next(tuples(query), (None, None))
    password = decrypted(kept) if kept else b""
    made = hashlib.md5(password + _encoded(salt), usedforsecurity=False).hexdigest()
    is_right = hmac.compare_digest(made, token.lower().encode("ascii", "replace").decode())
    return Account._make(found) if is_right and password else None


def token_login_is_on() -> bool:
    """Whether players may log in by token and salt: FLEET_TOKEN_LOGIN. Raises SettingError."""
    return settings.switch("FLEET_TOKEN_LOGIN")


def forget_secrets() -> int:
    """Forget all passwords that are kept for tokens; how many."""
    if not User.select().where(User.secret.is_null(False)).exists():
        return 0
    with transaction():
        return int(User.update(secret=None).where(User.secret.is_null(False)).execute())


def _kept(password: str) -> str | None:
    """What is kept of a password for tokens; None while they are off."""
    return encrypted(_encoded(password)) if token_login_is_on() else None


def encrypted(password: bytes) -> str:
    """A password, without a NUL at its end, as it may be kept in the database.

    It takes a key stream that is used once: SHAKE256 of a key of the run folder and a nonce.
    """
    nonce = secrets.token_bytes(_SALT)
    padded = password.ljust(LONGEST_PASSWORD, b"\0")
    return (nonce + _with_stream(nonce, padded)).hex()


def decrypted(kept: str) -> bytes:
    """The text that `encrypted` was given; anything where it was given it with another key."""
    data = bytes.fromhex(kept)
    return _with_stream(data[:_SALT], data[_SALT:]).rstrip(b"\0")


def _with_stream(nonce: bytes, data: bytes) -> bytes:
    key = settings.secret_key("users.key")
    stream = hashlib.shake_256(key + nonce).digest(len(data))
    return bytes(a ^ b for a, b in zip(data, stream, strict=True))


def new_key(user: str, name: str) -> str:
    """A new API key of a user, which is kept nowhere. Raises AccountError."""
    of = existing(user)
    key = f"mf{secrets.token_urlsafe(_KEY_BYTES)}"
    with transaction():
        ApiKey.create(user=of.id, name=name, digest=_digest(key), begins=key[:_KEY_BEGINS])
    return key


def keys(user: str | None = None) -> list[KnownKey]:
    """The keys of a user, or of all, the oldest first."""
    columns = (User.name, ApiKey.name, ApiKey.begins, ApiKey.created_at, ApiKey.used_at)
    query = ApiKey.select(*columns).join(User).order_by(User.key, ApiKey.id)
    if user is not None:
        query = query.where(User.key == _key(user))
    return [KnownKey._make(row) for row in tuples(query)]


def revoke(user: str, begins: str) -> str:
    """Revoke the key of a user that begins so; its name. Raises AccountError unless it is one."""
    of = existing(user)
    query = ApiKey.select(ApiKey.id, ApiKey.name).where(
        ApiKey.user == of.id, ApiKey.begins == begins[:_KEY_BEGINS]
    )
    found = list(tuples(query)) if len(begins) >= _KEY_BEGINS else []
    if len(found) != 1:
        raise AccountError(
            f"{of.name} has no key that begins with {begins[:_KEY_BEGINS]!r} — `fleet user list` "
            "shows how each begins"
        )
    with transaction():
        ApiKey.delete().where(ApiKey.id == found[0][0]).execute()
    return str(found[0][1])


def user_of_key(key: str) -> Account | None:
    """The user of an API key; None when there is no such key, or it was revoked."""
    digest = _digest(key)
    query = ApiKey.select(ApiKey.id, ApiKey.used_at, *_ACCOUNT).join(User)
    row = next(tuples(query.where(ApiKey.digest == digest)), None)
    if row is None:
        return None
    key_id, used_at, *found = row
    now = utc_now()
    if used_at is None or now - used_at > _TOUCH:
        ApiKey.update(used_at=now).where(ApiKey.id == key_id).execute()
    return Account._make(found)


def _digest(key: str) -> str:
    return hashlib.sha256(_encoded(key)).hexdigest()
