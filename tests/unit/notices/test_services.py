"""Which of apprise's services may be used, and what of them may not."""

import inspect
import re
import sys

import pytest

from dashapp.domain.notices import Message
from dashapp.notices import sender
from dashapp.notices.guard import allowed
from dashapp.notices.sender import Target, host_of, make_plugin, send
from dashapp.notices.services import KINDS, REFUSED_PARAMETERS, SERVICES, RefusedService, Service, check_address, services_of

pytestmark = pytest.mark.requirement("AL-5")
FILLED = {
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#plant",
    "workflows": "workflows://prod-1.logic.example:443/643abcdef/sIgNaTuRe",
    "discord": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "tgram": "tgram://123456789:abcdefg_hijklmnop/12315544/",
    "zulip": "zulip://botname@apprise/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/stream",
    "mmost": "mmosts://chat.example/3ccdd113474722377935511fc85d3dd4",
    "wxteams": "wxteams://" + "a" * 80,
    "twilio": "twilio://AC735c307c62944b5a11111111111111111:e29dfbcebf390dee9@+15551234567/+15557654321",
    "sns": "sns://AKIAEXAMPLE/secretsecretsecret/us-east-1/+12223334444",
    "pagerduty": "pagerduty://integration@apikey",
    "gchat": "gchat://workspace/key/token",
}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: f"{service.kind} {service.name}")
def test_every_service_on_the_list_is_one_of_apprise_that_speaks_http_alone(service: Service) -> None:
    import apprise.plugins  # noqa: F401
    from apprise.manager_plugins import NotificationManager

    sender._apprise()
    for scheme in service.schemes:
        plugin = NotificationManager()[scheme]
        code = inspect.getsource(sys.modules[plugin.__module__])
        assert re.search(r"^import requests", code, re.M), scheme
        assert not re.search(r"^\s*(import|from) (socket|smtplib|subprocess|ctypes|asyncio)\b", code, re.M), scheme
        assert set(re.findall(r"(\S+) = AppriseAttachment\(", code)) <= {"self.template", "attach"}, scheme
        opened = set(re.findall(r"^[^#\n]*(?<![.\w])open\(([^)]*)\)", code, re.M))
        assert opened <= {"template.path", 'path, "rb"'}, scheme  # the second: an attachment, or the picture of a Telegram bot
    assert "template" in REFUSED_PARAMETERS


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: f"{service.kind} {service.name}")
def test_every_example_is_of_its_own_kind(service: Service) -> None:
    assert check_address(service.kind, service.example) is service
    assert service.kind in KINDS


@pytest.mark.parametrize("address", FILLED.values(), ids=FILLED)
def test_addresses_in_the_form_of_the_examples_are_taken(address: str) -> None:
    kind = next(service.kind for service in SERVICES if address.split(":")[0] in service.schemes)
    plugin = make_plugin(Target(kind, {}, address), {}, 20)
    assert not plugin.redirects
    assert (plugin.socket_connect_timeout, plugin.socket_read_timeout) == (5, 10)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("file:///etc/passwd", "“file” is not one of the services"),
        ("dbus://", "“dbus” is not one"),
        ("syslog://", "“syslog” is not one"),
        ("exec://rm", "“exec” is not one"),
        ("mailto://x@y.example", "“mailto” is not one"),
        ("json://127.0.0.1", "“json” is not one"),
        ("http://127.0.0.1", "“http” is not one"),
        ("", "is not one"),
        ("slack", "not complete"),
        ("twilio://a:b@c/d", "Twilio is of the kind “SMS”"),
        ("slack://T1/A1/x?template=/etc/passwd", "“template” may not be used"),
        ("slack://T1/A1/x?TEMPLATE=/etc/passwd", "“template” may not be used"),
        ("ntfys://h/t?attach=file:///etc/passwd", "“attach” may not be used"),
        ("ntfys://h/t#x?attach=file:///etc/passwd", "“attach” may not be used"),
        ("mmost://h/t?redirect=yes", "“redirect” may not be used"),
        ("slack://", "not complete"),
        ("http://[", "not an address"),
    ],
)
def test_what_is_not_a_service_or_reads_files_is_refused(address: str, reason: str) -> None:
    with pytest.raises(RefusedService, match=reason):
        make_plugin(Target("chat", {}, address), {}, 20)


def test_the_address_tells_whose_server_it_is() -> None:
    assert host_of(Target("chat", {}, "mmosts://chat.plant.local/token")) == "chat.plant.local"
    assert host_of(Target("chat", {}, FILLED["slack"])) is None
    assert host_of(Target("webhook", {}, "https://user:pw@[::1]:8080/x")) == "::1"
    assert host_of(Target("email", {"host": "mail.plant.local"}, "")) == "mail.plant.local"


@pytest.mark.parametrize("address", ["", "ftp://x", "https://", "https://x:99999/", "javascript:alert(1)", "https:/x"])
def test_a_webhook_is_a_web_address(address: str) -> None:
    with pytest.raises(RefusedService):
        make_plugin(Target("webhook", {}, address), {}, 20)


def test_a_mail_needs_server_sender_and_recipient() -> None:
    for settings in ({}, {"host": "h", "sender": "a@b.example"}, {"host": "h", "recipients": ["a@b.example"]}):
        outcome = send(Target("email", settings, ""), Message("t", "b"), {}, allowed(None), 5)
        assert (outcome.failure, outcome.error) == ("never", "a mail server, a sender and at least one recipient are needed")


def test_a_targets_secret_is_not_in_what_is_printed_of_it() -> None:
    assert "hunter2" not in repr(Target("chat", {}, "slack://hunter2"))


def test_every_kind_but_mail_and_webhook_has_services() -> None:
    assert {kind for kind in KINDS if not services_of(kind)} == {"email", "webhook"}
