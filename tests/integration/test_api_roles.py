"""Every route of the API asked by somebody of every role, and by keys: whoever may not is told so, and nobody else is."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dashapp.actions.keys import create_key
from dashapp.api.routes import access_of
from dashapp.domain.fleet import Role
from db.engine import Database
from tests import routes
from tests.integration.access import administrator, new_tenant
from tests.integration.site import Site, open_site

pytestmark = pytest.mark.requirement("AP-4")
LAST = "/api/v1/auth/logout"


@pytest.fixture(scope="module")
def site(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(database, new_tenant(database), tmp_path_factory.mktemp("var")) as opened:
        yield opened


def asked() -> list[tuple[str, str, Any]]:
    """(method, path with something in the place of its variables, who may) of every route that not everybody may call."""
    found = [
        (method, re.sub(r"{[^}]+}", "2000000000", route.path_format), access_of(route.dependant))
        for route in routes.routes() for method in sorted(route.methods or ())
    ]  # fmt: skip
    return sorted((one for one in found if one[2] is not None), key=lambda one: (one[1] == LAST, one[1], one[0]))


def test_a_stranger_may_call_none_of_them(site: Site) -> None:
    answers = {f"{method} {path}": site.ask(method, path, None).status_code for method, path, _ in asked()}
    assert {route for route, status in answers.items() if status != 401} == set()


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_call_what_the_table_says(site: Site, role: Role) -> None:
    for method, path, access in asked():
        answer = site.ask(method, path, role)
        assert answer.status_code not in (401, 405, 500, 503), f"{method} {path}: {answer.text}"
        refused = answer.status_code == 403 and answer.json().get("field") == "role"
        assert refused != role.includes(access.role), f"{method} {path}: {answer.text}"


@pytest.mark.parametrize("scope", ["ingest", "read"])
def test_a_key_may_call_what_its_scope_opens_and_one_of_a_device_less(site: Site, scope: str) -> None:
    device = site.services.catalogue.of(site.tenant).devices["MX-01"].id
    actor = administrator(site.tenant)
    whole, single = (create_key(site.database, actor, "of the test", [scope], device_id)[1] for device_id in (None, device))
    for method, path, access in asked():
        for key, allowed in ((whole, access.key == scope), (single, access.key == scope and access.one_device)):
            answer = site.ask(method, path, None, headers={"X-API-Key": key})
            refused = answer.status_code == 403 and answer.json().get("field") == "X-API-Key"
            assert refused != allowed, f"{method} {path}: {answer.text}"
