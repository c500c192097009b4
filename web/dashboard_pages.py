"""The templates of rq-dashboard, patched."""

from pathlib import Path

import rq_dashboard

_FOLDER = Path(rq_dashboard.__file__).parent / "templates"
_PREFIX = "rq_dashboard/"
_NO_STYLES = (
    ' style="text-align: center;"',
    ' style="float: right; margin-right: 8px;"',
    ' style="float: right"',
    ' style="display: none"',
    ' style=""',
)
"""The policy allows none; rq.css says the same."""

PATCHES: dict[str, tuple[tuple[str, str], ...]] = {
    "base.html": (
        # Underscore's <%= %> writes HTML, which names and descriptions of jobs are not.
        (
            '<script type="text/javascript">',
            '<script nonce="{{ g.nonce }}">'
            r"_.templateSettings.escape = /<%[=-]([\s\S]+?)%>/g;"
            "_.templateSettings.interpolate = /(.)^/g;",
        ),
        ("url_for('static', filename='favicon.ico')", "asset('icon.svg')"),
        (
            "</head>",
            '<link href="{{ asset(\'rq.css\') }}" rel="stylesheet">'
            "<script src=\"{{ asset('theme.js') }}\"></script></head>",
        ),
    ),
    "navbar.html": (
        (
            '<a class="navbar-brand">RQ-dashboard</a>',
            '<a class="navbar-brand" href="/">\u2190 musicfleet</a>',
        ),
    ),
    "jobs.html": (
        # Escaped by hand, and by now escaped anyway.
        ("$('<div/>').text(d.description).html()", "d.description"),
        ("$('<div/>').text(d.exc_info).html()", "d.exc_info"),
    ),
    "scripts/jobs.js": (("'{{ queue.name }}'", "{{ queue.name|tojson }}"),),
}
"""The replacements of each template: old text to new."""


def source(name: str) -> str | None:
    """The patched template of that name; None for one that is not rq-dashboard's.

    Raises ValueError when it is not as it should be before: then it is of another version.
    """
    if not name.startswith(_PREFIX):
        return None
    page = name.removeprefix(_PREFIX)
    text = (_FOLDER / name).read_text(encoding="utf-8")
    for old, new in PATCHES.get(page, ()):
        if old not in text:
            raise ValueError(f"{name} of rq-dashboard holds no {old!r} — install version 0.9")
        text = text.replace(old, new)
    for style in _NO_STYLES:
        text = text.replace(style, "")
    return text
