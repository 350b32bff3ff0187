"""Where notices may go: public addresses, and what a setting names; whatever a name resolves to, whichever way the connection is made."""

import asyncio
import http.client
import ipaddress
import smtplib
import socket
import threading
from collections.abc import Iterator
from contextvars import copy_context

import pytest
import requests

from dashapp.notices.guard import RefusedAddress, UnknownHost, allowed, check_host, guarded, is_public
from tests.integration.notices import Webhook, webhook

pytestmark = pytest.mark.requirement("AL-5")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
        "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_addresses_that_only_this_server_reaches_are_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert not allowed(None).permits(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert allowed(None).permits(address)


def test_the_setting_names_hosts_and_networks() -> None:
    rules = allowed(" localhost , 10.1.0.0/16, fd00::/8,")
    assert all(rules.permits(address) for address in ("127.0.0.1", "10.1.255.1", "fd00::5", "::ffff:10.1.0.1"))
    assert not any(rules.permits(address) for address in ("127.0.0.2", "10.2.0.1", "169.254.169.254", "nonsense"))


@pytest.mark.parametrize("setting", ["10.0.0.0/99", "mail server"])
def test_a_setting_that_cannot_be_read_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="neither a host nor a network"):
        allowed(setting)


def test_a_name_is_judged_by_every_address_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, *_: object, **__: object) -> list[tuple]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(RefusedAddress, match=r"hooks.example \(10.0.0.1\) is not a public address"):
        check_host("hooks.example", allowed(None))
    check_host("hooks.example", allowed("10.0.0.1"))


def test_a_name_that_nobody_has_is_said() -> None:
    with pytest.raises(UnknownHost, match="there is no host"):
        check_host("no-such-host.invalid", allowed(None))


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as opened:
        yield opened


def port_of(hook: Webhook) -> int:
    return int(hook.url.split(":")[2].split("/")[0])


def test_no_library_gets_past_the_guard(hook: Webhook) -> None:
    port = port_of(hook)

    async def by_loop() -> None:
        await asyncio.open_connection("127.0.0.1", port)

    def by_path() -> None:
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect("/tmp/nothing")

    def by_datagram() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            plain.sendto(b"x", ("127.0.0.1", port))

    ways = [
        lambda: requests.post(f"http://127.0.0.1:{port}/hook", json={}, timeout=5),
        lambda: requests.post(f"http://localhost:{port}/hook", json={}, timeout=5),
        lambda: requests.post(f"http://[::ffff:127.0.0.1]:{port}/hook", json={}, timeout=5),
        lambda: requests.post(f"http://2130706433:{port}/hook", json={}, timeout=5),
        lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect(),
        lambda: smtplib.SMTP("127.0.0.1", port, timeout=5),
        by_path,
        by_datagram,
        lambda: asyncio.run(by_loop()),
    ]
    for way in ways:
        with guarded(allowed(None)) as guard, pytest.raises(OSError):
            way()
        assert guard.refused, "it was the guard that refused"
    assert hook.posts == []


def test_a_name_that_changes_after_the_look_leads_nowhere_else(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["8.8.8.8", "127.0.0.1"])

    def resolve(_host: str, port: int | None, *_: object, **__: object) -> list[tuple]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port or 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    check_host("rebinds.example", allowed(None))
    with guarded(allowed(None)) as guard, pytest.raises(requests.ConnectionError):
        requests.post(f"http://rebinds.example:{port_of(hook)}/hook", json={}, timeout=5)
    assert guard.refused == ["127.0.0.1"]
    assert hook.posts == []


def test_a_redirect_to_the_inside_is_refused_even_where_it_is_followed(hook: Webhook) -> None:
    with webhook() as inside:
        hook.status, hook.headers = 307, {"Location": inside.url.replace("127.0.0.1", "127.0.0.2")}
        with guarded(allowed("127.0.0.1")) as guard, pytest.raises(requests.ConnectionError):
            requests.post(hook.url, json={}, timeout=5)
        assert guard.refused == ["127.0.0.2"]


def test_the_guard_holds_in_threads_that_copy_its_context_and_nowhere_else(hook: Webhook) -> None:
    port, seen = port_of(hook), []

    def connect() -> None:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            seen.append("connected")
        except RefusedAddress:
            seen.append("refused")

    with guarded(allowed(None)):
        for target in (copy_context().run, lambda work: work()):
            thread = threading.Thread(target=target, args=[connect])
            thread.start()
            thread.join()
    connect()
    assert seen == ["refused", "connected", "connected"]
