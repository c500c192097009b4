"""A walk through every page of the web UI, and what each of them has to keep.

The pages are found by the routes of the app and the links of its pages, so that another page is
walked to as soon as there is one.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from http.client import HTTPConnection
from typing import Literal
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Page
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from tests.waiting import PATIENCE

_MOST_BYTES = 300_000
"""Of a page with its scripts and styles, as they are sent, without pictures."""
_LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (390, "dark"))
"""Widths and schemes in which a page is looked over."""
_MARK_REPEATS = """() => {
    const seen = new Map();
    for (const each of document.body.querySelectorAll("*")) {
        const kind = `${each.tagName} ${each.className} ${each.ariaCurrent}`;
        const beside = seen.get(each.parentElement) ?? {};
        beside[kind] = (beside[kind] ?? 0) + 1;
        seen.set(each.parentElement, beside);
        if (beside[kind] > 3) each.dataset.repeats = "";
    }
}"""
_CONTEXT = {"exclude": ["[data-repeats]"]}
"""Of entries that are all of one kind the first ones: axe-core compares the colours of each."""
_RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
    "preload": False,
}
_VIOLATIONS = """async ([context, rules]) => (await axe.run(context, rules)).violations.flatMap(
    rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.html.slice(0, 200)}`))"""
_LINKS = """() => [...document.querySelectorAll("[href], [src]")]
    .map(each => each.href?.baseVal ?? each.href ?? each.src)
    .filter(each => each.startsWith(location.origin))"""
_WEIGHT = """() => performance.getEntries().reduce((sum, each) =>
    sum + (each.initiatorType === "img" ? 0 : each.encodedBodySize ?? 0), 0)"""
_BEYOND_THE_KEYBOARD = """() => {
    const all = "a[href], button, input, select, textarea, summary, audio[controls], [onclick]";
    const found = [];
    for (const each of document.querySelectorAll(all)) {
        if (each.matches(":disabled")) continue;
        if (!each.checkVisibility({visibilityProperty: true})) continue;
        if (each.closest("[role=listbox]")) continue; // arrows choose among its entries
        each.focus();
        const is = each.outerHTML.slice(0, 200);
        if (each.tabIndex < 0 || document.activeElement !== each) found.push(`no key: ${is}`);
        else if (!isMarked(each)) found.push(`no sign of the focus: ${is}`);
    }
    return found;

    function isMarked(each) {
        for (let at = each; at; at = at.parentElement) if (hasOutline(at)) return true;
        return [...(each.labels ?? [])].some(hasOutline);
    }
    function hasOutline(each) {
        const style = getComputedStyle(each);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    }
}"""


class Site:
    """The web UI of a fleet, and the routes of its app."""

    def __init__(self, app: Flask, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._routes = app.url_map.bind(self._host)
        rules = [each for each in app.url_map.iter_rules() if "GET" in (each.methods or ())]
        self._begin = [each.rule for each in rules if not each.arguments]

    def walk(self, page: Page, more: Sequence[str] = ()) -> Iterator[str]:
        """Open one page of each kind, and these besides; yield the path of each."""
        seen: set[str] = set()
        waiting = [*more, *self._begin]
        while waiting:
            path = waiting.pop(0)
            kind = path if path in more else self._kind(path)
            if kind in seen:
                continue
            is_redirected, is_page = self._ask(path)
            if not is_redirected:  # another path of this kind may be a page
                seen.add(kind)
            if is_page:
                page.goto(path.lstrip("/"))
                yield path
                waiting += [each.removeprefix(f"http://{self._host}") for each in links(page)]

    def _kind(self, path: str) -> str:
        """The endpoint; the path itself where there is none."""
        try:
            return str(self._routes.match(urlsplit(path).path)[0])
        except (HTTPException, RequestRedirect):
            return path

    def _ask(self, path: str) -> tuple[bool, bool]:
        """Whether the answer leads on, and whether it is a whole page: a stream has no end."""
        with closing(HTTPConnection(self._host, timeout=PATIENCE)) as connection:
            connection.request("GET", urlsplit(path)._replace(fragment="").geturl())
            answer = connection.getresponse()
            is_html = answer.status == 200 and answer.headers.get_content_type() == "text/html"
            is_page = is_html and answer.read(15).lower() == b"<!doctype html>"
            return answer.status // 100 == 3, is_page


def links(page: Page) -> list[str]:
    """Whatever the page that is open leads to or loads, of its own host."""
    return list(page.evaluate(_LINKS))


def faults(page: Page) -> list[str]:
    """What keeps somebody from using the page that is open, or makes it slow to come."""
    from axe_playwright_python.base import AXE_SCRIPT  # noqa: PLC0415  # reads half a megabyte

    page.evaluate(AXE_SCRIPT)
    page.evaluate(_MARK_REPEATS)
    weight = page.evaluate(_WEIGHT)
    found = [f"{weight} bytes"] if weight > _MOST_BYTES else []
    page.keyboard.press("Tab")  # from then on the focus is shown
    found += page.evaluate(_BEYOND_THE_KEYBOARD)
    for width, scheme in _LOOKS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        found += page.evaluate(_VIOLATIONS, [_CONTEXT, _RULES])
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            found.append("it has to be scrolled sideways")
    return found
