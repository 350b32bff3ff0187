"""Every route of the API says who may call it, and the documentation has it in its table."""

import pytest
from fastapi import APIRouter

from dashapp.api.routes import Route
from tests import routes

pytestmark = pytest.mark.requirement("AP-1", "AP-4")


def test_every_route_says_who_may_call_it() -> None:
    found = routes.routes()
    assert len(found) > 90
    assert routes.undeclared(found) == []
    assert {name for route in found for name in routes.names(route)} >= routes.PUBLIC


def test_a_route_that_forgets_to_say_so_is_found() -> None:
    router = APIRouter(route_class=Route)
    router.add_api_route("/api/v1/forgotten", lambda: None, methods=["POST"])
    assert routes.undeclared(list(router.routes)) == ["POST /api/v1/forgotten"]  # type: ignore[arg-type]


def test_every_route_is_one_of_ours_that_looks_before_it_reads() -> None:
    assert [route.path for route in routes.routes() if not isinstance(route, Route)] == []


def test_the_table_of_the_documentation_is_made_of_the_routes() -> None:
    before = routes.DOCUMENT.read_text()
    assert routes.document(before, routes.table(routes.routes())) == before, "make it anew: python -m tests.routes --write"
