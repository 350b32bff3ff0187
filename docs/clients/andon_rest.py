"""Andon from Python, in one file: `pip install httpx`, and copy it.

    PLANT_URL=http://localhost:8050 PLANT_EMAIL=owner@example.com PLANT_PASSWORD=… python andon_rest.py MX-01

It signs in, takes the next token when one has run out, waits where it is told to, and pages through lists.
"""

import os
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx


class Andon:
    """A person's program. Every method raises `httpx.HTTPStatusError`; `.response.json()` then says what was wrong and why."""

    def __init__(self, url: str, user: str, password: str, *, patience_s: float = 120) -> None:
        self._http = httpx.Client(base_url=url, timeout=20)
        self._patience_s = patience_s
        self._seen: dict[str, tuple[str, Any]] = {}  # path → tag and content of what was polled
        self._tokens = self._checked(self._http.post("/api/v1/auth/login", data={"username": user, "password": password}))

    def get(self, path: str, **query: Any) -> Any:
        """Reads something."""
        return self._ask("GET", path, params=query).json()

    def change(self, method: str, path: str, content: Any = None) -> Any:
        """Changes something, once, even when the answer is lost on the way and it is asked again."""
        answer = self._ask(method, path, json=content, headers={"Idempotency-Key": str(uuid.uuid4())})
        return answer.json() if answer.content else None

    def pages(self, path: str, name: str, **query: Any) -> Iterator[Any]:
        """Every row of a list, page after page: `pages("/api/v1/rules", "rules")`."""
        while True:
            page = self.get(path, **query)
            yield from page[name]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def poll(self, path: str) -> tuple[Any, bool]:
        """(what is there now, whether it is new): unchanged, it costs an answer without a body."""
        tag, content = self._seen.get(path, ("", None))
        answer = self._ask("GET", path, headers={"If-None-Match": tag} if tag else {})
        if answer.status_code == 304:
            return content, False
        self._seen[path] = answer.headers["ETag"], answer.json()
        return self._seen[path][1], True

    def close(self) -> None:
        """Signs out."""
        self._ask("POST", "/api/v1/auth/logout")
        self._http.close()

    def _ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        until = time.monotonic() + self._patience_s
        while True:
            bearer = {"Authorization": f"Bearer {self._tokens['access_token']}"}
            try:
                answer = self._http.request(method, path, headers={**bearer, **(headers or {})}, **more)
            except httpx.TransportError:  # asked again: what changes something carries its key
                if time.monotonic() > until:
                    raise
                time.sleep(1)
                continue
            if answer.status_code == 401 and path != "/api/v1/auth/logout" and self._refresh():
                continue
            if answer.status_code in (429, 503) and time.monotonic() < until:
                time.sleep(float(answer.headers.get("Retry-After", "1")))
                continue
            if answer.status_code != 304:
                answer.raise_for_status()
            return answer

    def _refresh(self) -> bool:
        """The next pair of tokens. Keep the new refresh token: the old one, sent again, would end both."""
        answer = self._http.post("/api/v1/auth/refresh", json={"refresh_token": self._tokens["refresh_token"]})
        if answer.status_code == 200:
            self._tokens = answer.json()
        return answer.status_code == 200

    def _checked(self, answer: httpx.Response) -> Any:
        return answer.raise_for_status().json()


def main(machine: str) -> None:
    """Looks at a machine, makes a rule for it, and takes it back."""
    andon = Andon(os.environ.get("PLANT_URL", "http://localhost:8050"), os.environ["PLANT_EMAIL"], os.environ["PLANT_PASSWORD"])
    path = f"/api/v1/devices/{machine}/current"
    for sensor in andon.poll(path)[0]["sensors"]:
        print(f"{machine} {sensor['name']}: {sensor['value']} {sensor['unit']}")
    trend = andon.get(f"/api/v1/analytics/trends/{machine}", sensor="temperature")["sensors"][0]["last_hour"]
    print("the last hour:", "no readings" if trend is None else f"{trend['mean']:.1f} on average, {trend['trend']['direction']}")
    wish = {"name": "Made by a program", "target": {"machine_id": machine, "sensor": "temperature"}, "settings": {"high": 120}}
    rule = andon.change("POST", "/api/v1/rules", wish)
    print("rules:", ", ".join(each["name"] for each in andon.pages("/api/v1/rules", "rules", machine_id=machine)))
    andon.change("DELETE", f"/api/v1/rules/{rule['id']}")
    andon.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "MX-01")
