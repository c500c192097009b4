"""URLs of services as they may be shown: parsed and built again, without what may be secret.

What cannot be parsed is not shown at all, for a password may be any part of it.
"""

import os
import re
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from db.settings.declarations import SETTINGS

UNREADABLE = "a URL that cannot be read"
_HIDDEN = "***"
_PLAIN = frozenset(
    {
        *("application_name", "client_encoding", "connect_timeout", "db", "dbname", "host"),
        *("port", "protocol", "ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile"),
        *("ssl_check_hostname", "ssl_keyfile", "sslcert", "sslkey", "sslmode", "sslrootcert"),
        *("target_session_attrs", "user"),
    }
)
"""Parameters of a query whose values are no secret."""
_NAMES = frozenset({"keepalives", "options", "passfile", "password", "sslpassword", "username"})
_NAMES |= {"sentinel_password", "sentinel_username", "ssl_password"}
"""Parameters whose names are none either; any other name may be a part of a password."""
_HOST = r"(?:\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._~%-]*)(?::[0-9]{1,5})?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*")
_LAST_PORT = 65_535
_SHORTEST_SECRET = 3
_SHORTEST_KEY = 6
"""Of a setting that is no URL, and may be a common word."""


def shown(url: str) -> str:
    """The URL without passwords; UNREADABLE for what is none."""
    if url.startswith("sqlite:///"):
        return url  # a path alone, whatever is in it
    parts = _parts(url)
    if parts is None:
        return UNREADABLE
    user, at, hosts = parts.netloc.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        # A name without a password is one only to PostgreSQL.
        is_name = bool(colon) or parts.scheme.startswith("postgres")
        user = (name if is_name else _HIDDEN) + (f":{_HIDDEN}" if colon else "")
    query = "&".join(
        f"{name if name in _PLAIN | _NAMES else _HIDDEN}={value if name in _PLAIN else _HIDDEN}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    return f"{parts.scheme}://{user}{at}{hosts}{parts.path}{'?' if query else ''}{query}"


def without_secrets(text: str, url: str) -> str:
    """What somebody else's message says, without what `shown` hides of the URL."""
    words = _words(url)
    if words is None:
        return "what it says is not shown"
    for word in words:
        text = text.replace(word, _HIDDEN)
    return text


def without_settings(text: str) -> str:
    """A text for a log or a page, without what is secret in the settings of this process."""
    secret = _secrets(tuple(os.environ.get(each.name, "") for each in SETTINGS if each.secret))
    return secret.sub(_HIDDEN, text) if secret else text


@lru_cache(maxsize=2)
def _secrets(values: tuple[str, ...]) -> re.Pattern[str] | None:
    """What finds the secrets of these settings in a text; None when there is none."""
    urls = [each for each in values if "://" in each and shown(each) != each]
    found = [re.escape(word) for url in urls for word in _words(url) or [url]]
    keys = {each for each in values if "://" not in each and len(each) >= _SHORTEST_KEY}
    found += [rf"(?<!\w){re.escape(key)}(?!\w)" for key in sorted(keys, key=len, reverse=True)]
    return re.compile("|".join(found)) if found else None


def _words(url: str) -> list[str] | None:
    """What is secret of a URL, longest first; None when it cannot be parsed."""
    parts = _parts(url)
    if parts is None:
        return None
    user, _, _ = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    pairs = [pair for pair in parse_qsl(parts.query) if pair[0] not in _PLAIN]
    words = [word for pair in pairs for word in pair if word not in _NAMES]
    secrets = {url, user, password, *words, *([] if password else [name])}
    found = {each for each in {*secrets, *map(unquote, secrets)} if len(each) >= _SHORTEST_SECRET}
    return sorted(found, key=len, reverse=True)


def _parts(url: str) -> SplitResult | None:
    """The parts of a URL, each of which is what it should be; None when one is not."""
    try:
        parts = urlsplit(url)
        unquote(url, errors="strict")  # drivers decode it so
        parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        return None
    hosts = parts.netloc.rpartition("@")[2]
    is_url = url.startswith(f"{parts.scheme}://") and url.isprintable() and not parts.fragment
    ports = map(int, re.findall(r":([0-9]+)(?=,|$)", hosts))
    if not is_url or not _HOSTS.fullmatch(hosts) or any(port > _LAST_PORT for port in ports):
        return None
    # Behind an unescaped / or ? in a password there is the @ that should end it.
    return None if "@" in parts.path + parts.query else parts
