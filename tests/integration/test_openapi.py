"""The API's documentation is true: whatever is sent, nothing is answered that it does not describe, and nothing breaks (schemathesis)."""

from collections.abc import Iterator
from typing import Any

import httpx
import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dashapp.actions import passwords
from db.engine import Database
from tests.integration.access import new_tenant
from tests.integration.site import Site, open_site

pytestmark = pytest.mark.requirement("AP-1", "AP-5")
TRUE = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
EXAMPLES = 3  # of each kind and operation: about a minute in all
LEFT_OUT = {
    "/api/v1/channels/{channel_id}/test",  # it would wait for services that are not there
    "/api/v1/auth/logout",  # who asks is signed in for all
}


@pytest.fixture(scope="module")
def site(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "hash_password", lambda _password: "not-a-hash")
        patch.setattr(passwords, "verify", lambda _hash, _password: False)
        folder = tmp_path_factory.mktemp("var")
        with open_site(database, new_tenant(database), folder, notify_allow="198.51.100.7", registration=True) as opened:
            opened.post({"machine_id": "MX-01", "temperature": 71.5, "vibration": 20})
            yield opened


def answer(site: Site, case: Any, headers: dict[str, str]) -> httpx.Response:
    """What the application answers to a case, in process; as requests would send it."""
    wanted = requests.Request(**case.as_transport_kwargs(base_url="http://andon.test", headers=headers)).prepare()
    body = wanted.body.encode() if isinstance(wanted.body, str) else wanted.body
    sent = {name: value.encode("latin-1") if isinstance(value, str) else value for name, value in wanted.headers.items()}
    return site.ask(wanted.method or "GET", wanted.url or "", None, content=body, headers=sent)


def told(error: BaseException) -> str:
    """What a check says, in short."""
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
    return " / ".join(str(each)[:600] for each in inner)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_sent_is_answered_as_described(site: Site, mode: GenerationMode) -> None:
    document = site.ask("GET", "/openapi.json", None).json()
    paths = {path: methods for path, methods in document["paths"].items() if path not in LEFT_OUT}
    schema = schemathesis.openapi.from_dict({**document, "paths": paths})
    headers, wrong = site.headers(), []
    for result in schema.get_all_operations():
        operation = result.ok()

        @hypothesis.seed(20261121)
        @settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            case.validate_response(answer(site, case, headers), checks=TRUE)

        try:
            ask()
        except hypothesis.errors.Unsatisfiable:
            continue  # nothing can be wrong with a request that takes nothing
        except (Exception, BaseExceptionGroup) as error:  # every operation is asked, and all that is wrong is told
            wrong.append(f"{operation.label}: {told(error)}")
    assert not wrong, "\n\n".join(wrong)[:20_000]
