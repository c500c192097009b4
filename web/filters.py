"""Filters and globals of the templates: values as people read them."""

import hashlib
import zlib
from datetime import datetime
from pathlib import Path

from flask import Flask, current_app, url_for

from db.artwork import image_files
from db.artwork.covers import Picture
from db.models import utc_now
from db.sql.path_text import shown
from web.login import is_in
from worker.phrases import time_span

_HUES = 12
_INITIALS = 2
_UNITS = ("bytes", "KB", "MB", "GB")


def register(app: Flask) -> None:
    """Add the filters and globals to the templates."""
    app.jinja_env.filters.update(
        ago=ago,
        bytes=size,
        clock=clock,
        count=lambda number: f"{number:,}",
        hue=hue,
        initials=initials,
        path=shown,
        span=time_span,
        srcset=srcset,
        suits=suits,
    )
    versions: dict[str, str] = {}

    def asset(name: str) -> str:
        """The URL of a static file, which changes with its content."""
        if name not in versions:
            content = Path(str(app.static_folder), name).read_bytes()
            versions[name] = hashlib.sha256(content).hexdigest()[:12]
        return url_for("static", filename=name, v=versions[name])

    app.jinja_env.globals["asset"] = asset
    app.context_processor(lambda: {"has_session": _has_session()})


def clock(seconds: float | None) -> str:
    """A duration: 3:07, 1:02:45."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ago(moment: datetime | None) -> str:
    """How long ago a moment of the tables was: 3 h ago."""
    if moment is None:
        return ""
    return f"{time_span(max(0.0, (utc_now() - moment).total_seconds()))} ago"


def size(count: float) -> str:
    """A size: 43 KB."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}"


def hue(name: str | None) -> int:
    """One of the colours that stand in for pictures; the same for the same name."""
    return zlib.crc32((name or "").encode("utf-8", "replace")) % _HUES


def initials(name: str | None) -> str:
    """The placeholder of a missing picture: the first letters of the first words."""
    words = [word for word in (name or "?").split() if word[0].isalnum()] or [name or "?"]
    return "".join(word[0] for word in words[:_INITIALS]).upper()


def suits(picture: Picture, size: int) -> str:
    """The URL of a thumbnail of that size, or of the smallest that shows as much."""
    longer = max(picture.width, picture.height)
    enough = next((each for each in image_files.SIZES if each >= longer), size)
    return url_for("images.thumbnail", digest=picture.digest, size=min(size, enough))


def srcset(picture: Picture, *sizes: int) -> str:
    """Thumbnails of which a browser takes the one that suits its screen."""
    longer = max(picture.width, picture.height)
    useful = [each for each in sizes if each < longer] or [sizes[0]]
    useful += [each for each in sizes if each >= longer][:1] if useful[-1] < longer else []
    return ", ".join(
        f"{url_for('images.thumbnail', digest=picture.digest, size=each)} {each}w"
        for each in dict.fromkeys(useful)
    )


def _has_session() -> bool:
    """Whether there is a session that could be ended."""
    return bool(current_app.extensions["password"]) and is_in()
