"""Sends one message by one channel through apprise, and says what became of it.

apprise is imported when the first message is sent or the first address is looked at: a plant without channels does without its 40 MB.
"""

import base64
import logging
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlsplit

from dashapp.domain.delivery import Failure, kind_of_failure, statuses
from dashapp.domain.notices import Message
from dashapp.notices.guard import Allowed, guarded
from dashapp.notices.services import RefusedService, check_address

_OF_APPRISE = ("message", "title", "type", "version", "attachments")  # names in its JSON that mean something already
SECURITY = ("starttls", "tls", "none")
_loading = threading.Lock()
PORTS = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes. `settings` of e-mail: host, port, security, user, sender, recipients, verify; of a webhook: verify.

    `secret` is the password of the mail server, a service's address, or a webhook's with a header on a second line (`X-Token: …`).
    """

    kind: str
    settings: Mapping[str, Any]
    secret: str = field(repr=False)
    recipients: tuple[str, ...] = ()  # e-mail: these in place of the channel's own


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt; `failure` None: it was taken. `error` is for people and holds no secret."""

    failure: Failure | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail with more than text: HTML whose pictures (PNG in base64, by name) are named by `cid:NAME.png`, and a PDF."""

    text: str
    html: str
    pdf: bytes
    pictures: Mapping[str, str]
    pdf_name: str


def send(
    target: Target, message: Message, facts: Mapping[str, str], rules: Allowed, timeout_s: float, letter: Letter | None = None
) -> Outcome:
    """Sends it. Never raises for what the other side does; takes at most `timeout_s` seconds and a little."""
    try:
        plugin = make_plugin(target, facts, timeout_s, inline=letter is not None)
    except RefusedService as error:
        return Outcome("never", str(error))
    apprise = _apprise()
    sender = apprise.Apprise(asset=_asset())
    sender.add(plugin)
    with guarded(rules) as guard:
        result = sender.notify(
            body=letter.html if letter else message.body or message.title, title=message.title if letter or message.body else "",
            body_format=apprise.NotifyFormat.HTML if letter else apprise.NotifyFormat.TEXT,
            attach=None if letter is None else _attached(letter),
            notify_type=_type(facts), timeout=timeout_s, log_level=logging.DEBUG,
        )  # fmt: skip
    if result:
        return Outcome()
    if guard.refused:
        return Outcome("never", f"not sent: {guard.refused[0]} is not a public address, and ANDON_NOTIFY_ALLOW does not name it")
    if result.status == apprise.AppriseResultStatus.TIMEOUT:
        return Outcome("channel", f"no answer within {timeout_s:g} s")
    return _judged("\n".join(entry.message for entry in result.logs()), target)


def _judged(log: str, target: Target) -> Outcome:
    http, smtp = statuses(log)
    failure = kind_of_failure(http, smtp)
    if http is not None:
        return Outcome(failure, f"the service answered {http}{_meaning(http)}")
    if smtp is not None:
        return Outcome(failure, f"the mail server answered {smtp}{_smtp_meaning(smtp)}")
    what = "the mail server" if target.kind == "email" else "the service"
    said = log.lower()
    for sign, words in _SIGNS.items():
        if sign in said:
            return Outcome(failure, f"{what} {words}")
    return Outcome(failure, f"{what} cannot be reached")


_SIGNS = {  # of what libraries say; the words themselves may name secrets
    "certificate_verify_failed": "shows a certificate that is not valid, so nothing was sent",
    "wrong_version_number": "does not speak TLS on this port",
    "starttls extension not supported": "does not offer STARTTLS",
    "auth extension not supported": "takes no password on this connection: try another security",
    "name or service not known": "has a name that nobody knows",
    "failed to resolve": "has a name that nobody knows",
    "connection refused": "refuses the connection",
    "timed out": "does not answer in time",
}


def _meaning(status: int) -> str:
    words = {
        400: ": it does not understand the message", 401: ": the key or password is not right", 403: ": it does not let us in",
        404: ": there is nothing at this address", 410: ": this address has been closed", 413: ": the message is too long",
        429: ": too many messages",
    }  # fmt: skip
    if 300 <= status < 400:
        return ": it sends us elsewhere, which is not followed"
    return words.get(status, ": it is in trouble" if status >= 500 else "")


def _smtp_meaning(status: int) -> str:
    return {
        535: ": user or password is not right",
        530: ": it wants a user and a password",
        550: ": it does not take mail for this address",
    }.get(status, ": try later" if status < 500 else "")


def _attached(letter: Letter) -> Any:
    """The pictures under the names that the HTML has for them, then the PDF."""
    from apprise.attachment import memory

    apprise, in_memory = _apprise(), cast(Any, memory.AttachMemory)
    kept = apprise.AppriseAttachment()
    for name, data in letter.pictures.items():
        kept.add(in_memory(content=base64.b64decode(data), name=f"{name}.png", mimetype="image/png"))
    kept.add(in_memory(content=letter.pdf, name=letter.pdf_name, mimetype="application/pdf"))
    return kept


def file_name(title: str) -> str:
    """A title as the name of its PDF: `Daily-report-Friday-20-Nov-2026.pdf`."""
    return "-".join("".join(c if c.isalnum() else " " for c in title).split())[:100] + ".pdf"


def make_plugin(target: Target, facts: Mapping[str, str], timeout_s: float, *, inline: bool = False) -> Any:
    """apprise's object for a target. Raises RefusedService where the address is not complete or may not be used."""
    apprise = _apprise()
    if target.kind == "email":
        parts = _email(target) | ({"format": "html", "inline": "yes"} if inline else {})
    elif target.kind == "webhook":
        parts = _webhook(target, facts)
    else:
        check_address(target.kind, target.secret)
        parts = apprise.plugins.url_to_dict(target.secret.strip())
        if not parts:
            raise RefusedService("this address is not complete; compare it with the example")
        parts = {**parts, "overflow": "truncate" if target.kind in ("sms", "phone") else "split"}
    plugin = apprise.Apprise.instantiate({**parts, "redirect": "no"}, asset=_asset())
    if plugin is None:
        raise RefusedService("this address is not complete; compare it with the example")
    plugin.socket_connect_timeout = min(5.0, timeout_s) if target.kind != "email" else min(10.0, timeout_s)
    plugin.socket_read_timeout = min(10.0, timeout_s)
    return plugin


def _email(target: Target) -> dict[str, Any]:
    settings = target.settings
    security = str(settings.get("security", "starttls"))
    recipients: Sequence[str] = target.recipients or tuple(settings.get("recipients", ()))
    if not settings.get("host") or not settings.get("sender") or not recipients:
        raise RefusedService("a mail server, a sender and at least one recipient are needed")
    host, user = str(settings["host"]), str(settings.get("user") or "")
    parts: dict[str, Any] = {
        "schema": "mailto" if security == "none" else "mailtos", "host": quote(host, safe=""), "smtp_host": host,
        "port": int(settings.get("port") or PORTS[security]), "secure_mode": {"tls": "ssl", "none": "insecure"}.get(security, security),
        "from_addr": str(settings["sender"]), "targets": list(recipients), "format": "text",
        "verify": "yes" if settings.get("verify", True) else "no",
    }  # fmt: skip
    if user:
        parts |= {"user": quote(user, safe=""), "password": quote(target.secret, safe="")}
    return parts


def _webhook(target: Target, facts: Mapping[str, str]) -> dict[str, Any]:
    """The JSON has apprise's `title`, `message` and `type`, and every fact under its own name; `notice` is the same when it is repeated."""
    address, _, header = target.secret.partition("\n")
    parts = webhook_parts(address)
    name, _, value = header.partition(":")
    headers = {name.strip(): value.strip()} if value else {}
    return {
        "schema": "jsons" if parts.scheme == "https" else "json", "host": _bracketed(parts.hostname), "port": parts.port,
        "user": parts.username, "password": parts.password, "fullpath": parts.path or "/",
        "params": dict(parse_qsl(parts.query, keep_blank_values=True)), "headers": headers,
        "payload": {name: str(value) for name, value in facts.items() if name not in _OF_APPRISE},
        "verify": "yes" if target.settings.get("verify", True) else "no",
    }  # fmt: skip


def webhook_parts(address: str) -> Any:
    """A web address in its parts. Raises RefusedService for what is none."""
    try:
        parts = urlsplit(address.strip())
        port_is_fine = parts.port is None or 0 < parts.port < 65536
    except ValueError:
        raise RefusedService("this is not a web address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise RefusedService("a web address that begins with https:// or http:// is expected")
    return parts


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else quote(host, safe="")


def host_of(target: Target) -> str | None:
    """The host that the target's address names; None where the service's own is meant."""
    if target.kind == "email":
        return str(target.settings.get("host") or "") or None
    if target.kind == "webhook":
        return str(webhook_parts(target.secret.partition("\n")[0]).hostname)
    service = check_address(target.kind, target.secret)
    if not service.own_host:
        return None
    return urlsplit(target.secret.strip()).hostname


def _type(facts: Mapping[str, str]) -> Any:
    """apprise's own four kinds, which some services draw in colour."""
    apprise = _apprise()
    if facts.get("event") in ("ended", "acknowledged"):
        return apprise.NotifyType.SUCCESS
    if facts.get("event") == "test":
        return apprise.NotifyType.INFO
    return apprise.NotifyType.FAILURE if facts.get("severity", "").lower() in ("critical", "high") else apprise.NotifyType.WARNING


def _apprise() -> Any:
    with _loading:
        return _load()


@cache
def _load() -> Any:
    with warnings.catch_warnings():  # its plugins import what Python 3.13 no longer has, where it is there
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise
        import apprise.plugins
        from apprise.manager_plugins import NotificationManager

        manager: Any = NotificationManager
        manager().load_modules()
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)  # what an attempt says is read here, and goes to no log of ours: it names addresses
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    return apprise


def _asset() -> Any:
    """Nothing of apprise's own in what is sent: no pictures from elsewhere, no redirects, no escapes, nothing kept on the disk."""
    return _apprise().AppriseAsset(
        app_id="Andon", app_desc="Andon", app_url="", image_url_mask="", image_url_logo="", http_redirects=False, secure_logging=True,
        interpret_escapes=False, interpret_emojis=False, result_log_disk_size=0,
    )  # fmt: skip
