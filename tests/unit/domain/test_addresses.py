"""Addresses that may be kept and followed lead nowhere else."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.addresses import joined, local_address, without

pytestmark = pytest.mark.requirement("UI-13")


@pytest.mark.parametrize("address", ["/", "/devices/MX-01?range=24h&sensor=temperature", "/devices?q=p%C3%A9#part", "/a//b"])
def test_a_path_with_its_query_is_local(address: str) -> None:
    assert local_address(address) == address


@pytest.mark.parametrize(
    "address",
    ["", None, "https://evil.example", "//evil.example/x", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "devices", "/x\ny",
     "/_dash-layout", "/" + "x" * 2000, "http://[broken", "/\x00"],
)  # fmt: skip
def test_anything_else_is_not(address: str | None) -> None:
    assert local_address(address) is None


def test_one_name_is_taken_out_of_the_query_and_the_rest_stays() -> None:
    assert without("/devices/MX-01?tenant=demo&range=early@2026-11-20&from=2026-01-01T06:00Z", "tenant") == (
        "/devices/MX-01?range=early@2026-11-20&from=2026-01-01T06:00Z"
    )
    assert without("/?tenant=demo", "tenant") == "/"
    assert without("/devices?q=a%20b", "tenant") == "/devices?q=a%20b"


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=20)), max_size=5))
def test_a_query_comes_back_as_it_was_put_in(pairs: list[tuple[str, str]]) -> None:
    pairs = [(name, value) for name, value in pairs if (name + value).encode("utf-8", "replace").decode() == name + value]
    assert parse_qsl(urlsplit(joined("/devices", pairs)).query, keep_blank_values=True) == pairs
