"""AcoustID: which recording of MusicBrainz a file sounds like; needs a key, and fpcalc.

`fpcalc -json FILE`, of Chromaprint, makes the fingerprint of the first two minutes:

    {"duration": 215.26, "fingerprint": "AQADtE…"}

    /lookup?client=KEY&meta=recordings&duration=215&fingerprint=…   (acoustid.org/webservice)
    {"status": "ok", "results": [{"id": …, "score": 0.96,
        "recordings": [{"id": MBID, "title": …, "duration": 215, "artists": […]}]}]}
    {"status": "error", "error": {"code": 4, "message": "invalid API key"}}      with the status 400
"""

import hashlib
import json
import os
import shutil
import subprocess
from typing import Any, NamedTuple

from db.scanning import roots
from db.settings import provider_settings
from db.sql.path_text import shown, to_bytes
from jobs.providers.answers import CachedCaller
from jobs.providers.caller import Caller, Callers
from jobs.providers.errors import BadFingerprintError, FileAwayError, RefusedError, StumbledError
from jobs.providers.provider import entries, mbid

FPCALC = "fpcalc"
_SECONDS = 60
_TOO_MANY, _INTERNAL, _BAD_FINGERPRINT = 14, 5, 3


class Match(NamedTuple):
    """A recording that sounds like the file."""

    recording_id: str
    title: str
    score: float
    """0 to 1."""


def facts(callers: Callers) -> "AcoustId":
    """The provider, as the registry opens it."""
    return AcoustId(callers.of("acoustid"), provider_settings.key("acoustid"))


class AcoustId:
    """The web service, version 2."""

    def __init__(self, acoustid: Caller, key: str) -> None:
        self.name = acoustid.name
        self._service = CachedCaller(acoustid, {"client": key}, _check)

    def lookup(self, path: str) -> list[Match]:
        """The recordings that a file sounds like, the likeliest first.

        Raises BadFingerprintError, FileAwayError, UnavailableError or RefusedError.
        """
        duration, fingerprint = _fingerprint(path)
        asked = {
            "meta": "recordings",
            "duration": str(duration),
            "fingerprint": fingerprint,
            "format": "json",
        }
        digest = hashlib.sha256(fingerprint.encode()).hexdigest()
        text = f"/lookup of {duration} s {digest}"
        found = self._service.get("/lookup", asked, _kept, text)
        return [Match(*each) for each in found.body or []]


def _fingerprint(path: str) -> tuple[int, str]:
    """The seconds and the fingerprint of a file."""
    _check_file(path)
    program, name = shutil.which(FPCALC), shown(path)
    if program is None:
        raise BadFingerprintError(
            "AcoustID: fpcalc is not installed — install libchromaprint-tools, or leave acoustid "
            "out of FLEET_PROVIDERS"
        )
    try:
        ended = subprocess.run(
            [program, "-json", to_bytes(path)], capture_output=True, timeout=_SECONDS, check=False
        )
        made = json.loads(ended.stdout or b"null")
        return round(made["duration"]), str(made["fingerprint"])
    except (OSError, subprocess.TimeoutExpired, ValueError, TypeError, KeyError) as error:
        raise BadFingerprintError(f"AcoustID: fpcalc makes nothing of {name}: {error}") from error


def _check_file(path: str) -> None:
    """Raises FileAwayError when the surroundings keep a file from being read."""
    try:
        os.close(os.open(to_bytes(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as error:
        found = roots.obstacle(path, error.errno)
        if found is not None and not found.is_of_item:
            raise FileAwayError(found, f"{shown(path)}: {error.strerror}") from error


def _kept(body: Any) -> list[list[Any]]:
    found = [
        [mbid(str(recording.get("id"))), str(recording.get("title") or ""), result.get("score")]
        for result in entries(body, "results")
        for recording in entries(result, "recordings")
    ]
    usable = [each for each in found if each[0] and isinstance(each[2], int | float)]
    return sorted(usable, key=lambda each: -each[2])


def _check(body: Any) -> None:
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or error.get("code") == _BAD_FINGERPRINT:
        return
    code, text = error.get("code"), f"acoustid: {error.get('message')} (error {error.get('code')})"
    if code in {_TOO_MANY, _INTERNAL}:
        raise StumbledError(text, retry_after=1)
    raise RefusedError(f"{text} — check FLEET_ACOUSTID_KEY")
