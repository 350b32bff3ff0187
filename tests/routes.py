"""The table of docs/api.md: every route of the API and who may call it. `python -m tests.routes --write` makes it anew."""

import sys
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import APIRoute

from dashapp.api.rest.ingest import PATHS
from dashapp.api.rest.routers import ROUTERS
from dashapp.api.routes import access_of, routes_of
from dashapp.domain.fleet import Role

DOCUMENT = Path(__file__).parents[1] / "docs" / "api.md"
BEGIN, END = "<!-- routes: made by python -m tests.routes --write -->\n", "<!-- end of routes -->\n"
PUBLIC = frozenset({"GET /api/v1/health", "POST /api/v1/auth/login", "POST /api/v1/auth/refresh", "POST /api/v1/auth/register"})
"""Routes that everybody may call: each of them is meant to be."""


def routes() -> list[APIRoute]:
    """Every route that the server includes."""
    api = FastAPI()
    for router in ROUTERS:
        api.include_router(router)
    return list(routes_of(api.router))


def undeclared(found: list[APIRoute]) -> list[str]:
    """Routes that neither say who may call them nor are meant for everybody."""
    return sorted(name for route in found for name in names(route) if access_of(route.dependant) is None and name not in PUBLIC)


def names(route: APIRoute) -> list[str]:
    """`GET /api/v1/machines`, one for each method."""
    return [f"{method} {route.path_format}" for method in sorted(route.methods or ())]


def table(found: list[APIRoute]) -> str:
    """The lines of Markdown."""
    lines = ["| route | viewer | operator | manager | admin | key |", "| --- | :-: | :-: | :-: | :-: | --- |"]
    rows = [(route.path_format, name, access_of(route.dependant)) for route in found for name in names(route)]
    for _, name, access in sorted(rows, key=lambda row: (row[0], row[1])):
        may = ["everybody"] * 4 if access is None else ["yes" if role.includes(access.role) else "" for role in Role]
        key = "" if access is None or access.key is None else f"`{access.key}`{', also of one device' if access.one_device else ''}"
        lines.append(f"| `{name}` | {' | '.join(may)} | {key} |")
    lines += [f"| `POST {path}` |  |  |  |  | `ingest`, also of one device |" for path in sorted(PATHS)]
    return "\n".join(lines) + "\n"


def document(before: str, made: str) -> str:
    """The page with this table. Raises ValueError where it has no place for one."""
    head, _, rest = before.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        raise ValueError(f"{DOCUMENT.name} has no place for the table")
    return head + BEGIN + made + END + tail


if __name__ == "__main__":
    content = document(DOCUMENT.read_text(), table(routes()))
    if "--write" in sys.argv:
        DOCUMENT.write_text(content)
    else:
        print(table(routes()))
