"""A player of a user, whose answers are held to the specification, in JSON and in XML."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from db.models import Track, User
from db.users import accounts

SPECIFICATION = json.loads((Path(__file__).parent / "opensubsonic" / "schemas.json").read_bytes())
NAMESPACE = "{http://subsonic.org/restapi}"


class Player:
    """A user of a player, by an API key."""

    def __init__(self, page: FlaskClient, name: str, *, is_admin: bool = False) -> None:
        row = User.create(key=name, name=name, password="none", is_admin=is_admin)
        self.user = int(row.id)
        self.key = accounts.new_key(name, "")
        self.page = page

    def get(self, name: str, /, **parameters: Any) -> dict[str, Any]:
        """What is answered in JSON, which XML has too; checked by the specification."""
        given = {"apiKey": self.key, "c": "tests", "v": "1.16.1", **parameters}
        answer = self.page.get(f"/rest/{name}", query_string=given | {"f": "json"})
        schema = {"$defs": SPECIFICATION["$defs"], **SPECIFICATION["endpoints"][name]}
        document = answer.get_json()
        Draft202012Validator(schema).validate(document)
        found: dict[str, Any] = document["subsonic-response"]
        if not name.startswith(("getRandom", "create", "update", "delete")):
            xml = self.page.post(f"/rest/{name}.view", data=given)
            element = ElementTree.fromstring(xml.data)  # noqa: S314  # our own
            assert same(element, found), name
        return found

    def raw(self, name: str, /, **parameters: Any) -> Any:
        """The answer as it is."""
        given = {"apiKey": self.key, "c": "tests", **parameters}
        return self.page.get(f"/rest/{name}.view", query_string=given)

    def error(self, name: str, /, **parameters: Any) -> int:
        """The code of the error that is answered."""
        found = self.get(name, **parameters)
        assert found["status"] == "failed"
        return int(found["error"]["code"])


def same(element: ElementTree.Element, found: Any) -> bool:
    """Whether an element of XML says what JSON says."""
    if not isinstance(found, dict):
        return (element.text or "") == text(found)
    children: dict[str, list[ElementTree.Element]] = {}
    for each in element:
        children.setdefault(each.tag.removeprefix(NAMESPACE), []).append(each)
    for name, value in found.items():
        if isinstance(value, dict | list):
            listed = value if isinstance(value, list) else [value]
            of_it = children.pop(name, [])
            assert len(of_it) == len(listed), name
            assert all(same(one, item) for one, item in zip(of_it, listed, strict=True))
        else:
            shown = element.text or "" if name == "value" else element.get(name)
            assert shown == text(value), (name, shown, value)
    assert not children
    return len(element.attrib) == sum(
        not isinstance(value, dict | list) and name != "value" for name, value in found.items()
    )


def text(value: Any) -> str:
    """As XML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def ids() -> dict[str, str]:
    """Ids of songs by title."""
    return {each.title: f"tr-{each.id}" for each in Track.select()}
