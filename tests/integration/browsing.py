"""A browser without a browser: asks a page's layout and runs its callbacks, as Dash's renderer does."""

import json
from collections.abc import Iterator
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from db.queries import people
from tests.integration.access import new_user
from tests.integration.plant import Press
from tests.integration.web import signed_in_client

HOST = "http://localhost"
Props = dict[str, Any]


class Visitor:
    """Somebody who is signed in. `page` holds what is on the screen: each component's props by its id."""

    def __init__(self, server: Flask, user: people.Person) -> None:
        self.client: FlaskClient = signed_in_client(server, user)
        self.page: dict[str, Props] = {}
        self.layout: Any = None
        self.origin = "/"  # the page that callbacks are asked from

    def open(self, path: str) -> "Visitor":
        """Loads the page that a URL names."""
        self.client.get(path, headers={"Accept": "text/html"})
        answer = self.client.get("/_dash-layout", headers={"Referer": HOST + path})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        self.layout = answer.get_json()
        self.page = dict(_components(self.layout))
        self.page["shell-pulse"] = {"data": 1}
        return self

    @property
    def text(self) -> str:
        """All that is on the page, as JSON."""
        return json.dumps(self.layout, ensure_ascii=False)

    def run(self, output: str, changed: str | None = None) -> dict[str, Props]:
        """Runs the callback whose outputs begin with `output`; its answer by component, empty where nothing is new.

        `changed` is the input that set it off, by default the first. What it answers with is on the page afterwards.
        """
        callback = self._callback(output)
        inputs = [self._value(one) for one in callback["inputs"]]
        body = {
            "output": callback["output"], "outputs": self._outputs(callback["output"]), "inputs": inputs,
            "state": [self._value(one) for one in callback["state"]],
            "changedPropIds": [changed or f"{callback['inputs'][0]['id']}.{callback['inputs'][0]['property']}"],
        }  # fmt: skip
        answer = self.client.post("/_dash-update-component", json=body, headers={"Referer": HOST + self.origin})
        if answer.status_code == 204:
            return {}
        assert answer.status_code == 200, answer.get_data(as_text=True)
        response: dict[str, Props] = answer.get_json()["response"]
        for identity, props in response.items():
            self.page.setdefault(identity, {}).update(props)
        return response

    def set(self, identity: str, **props: Any) -> "Visitor":
        """Changes a component as the browser does."""
        self.page[identity].update(props)
        return self

    def _callback(self, output: str) -> dict[str, Any]:
        callbacks = self.client.get("/_dash-dependencies").get_json()
        found = [one for one in callbacks if one["output"].lstrip(".").startswith(output) and not one["clientside_function"]]
        assert len(found) == 1, f"{output}: {len(found)} callbacks"
        return found[0]

    def _value(self, dependency: dict[str, str]) -> Any:
        """A dependency with its value; one of a pattern is a list of those on the page."""
        identity, name = dependency["id"], dependency["property"]
        if not identity.startswith("{"):
            return {"id": identity, "property": name, "value": self.page.get(identity, {}).get(name)}
        return [{"id": json.loads(one), "property": name, "value": self.page[one].get(name)} for one in self._like(identity)]

    def _outputs(self, output: str) -> Any:
        if not output.startswith(".."):
            identity, name = output.rsplit(".", 1)
            return {"id": identity, "property": name}
        outputs: list[Any] = []
        for one in output.strip(".").split("..."):
            identity, name = one.rsplit(".", 1)
            if identity.startswith("{"):
                outputs.append([{"id": json.loads(found), "property": name} for found in self._like(identity)])
            else:
                outputs.append({"id": identity, "property": name})
        return outputs

    def _like(self, pattern: str) -> list[str]:
        wanted = {name: value for name, value in json.loads(pattern).items() if not isinstance(value, list)}
        ids = [one for one in self.page if one.startswith("{")]
        return [one for one in ids if wanted.items() <= json.loads(one).items()]


def visit(server: Flask, press: Press, path: str = "/", **person: Any) -> Visitor:
    """Somebody new of the press's tenant, with a page open."""
    return Visitor(server, new_user(press.database, press.tenant_id, **person)).open(path)


def _components(part: Any) -> Iterator[tuple[str, Props]]:
    """(id, props) of every component with an id; a dictionary's as the renderer writes it."""
    if isinstance(part, list):
        for one in part:
            yield from _components(one)
    elif isinstance(part, dict) and "props" in part:
        identity = part["props"].get("id")
        if identity is not None:
            name = identity if isinstance(identity, str) else json.dumps(identity, sort_keys=True, separators=(",", ":"))
            yield name, part["props"]
        yield from _components(part["props"].get("children"))
