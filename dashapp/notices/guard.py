"""Where the server may connect when it sends a notice: to public addresses, and to those that a setting names.

Whoever may set up a channel chooses where this server connects; without this they could reach what only the server reaches
(server-side request forgery). Names are looked at when a channel is saved, so that the form can say what is wrong. What holds is the
second look: inside of `guarded` every connection that the thread opens, by whatever library, to whatever a name resolved to, for the
first request or after a redirect, is checked by its address in the moment in which it is made (`sys.addaudithook`), so a name that
changes in between leads nowhere else.
"""

import ipaddress
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_CARRIER_GRADE = ipaddress.ip_network("100.64.0.0/10")
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class RefusedAddress(OSError):
    """A connection to somewhere that notices may not go; the message says how to allow it."""


class UnknownHost(OSError):
    """A name that has no address."""


@dataclass
class Allowed:
    """What a setting allows beyond public addresses: `mail.plant.local, 10.1.0.0/16`."""

    names: frozenset[str] = frozenset()
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    refused: list[str] = field(default_factory=list)  # what a guarded block was kept from

    def permits(self, address: str) -> bool:
        """Whether a connection to this numeric address may be made."""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if is_public(parsed):
            return True
        plain = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped else parsed
        return any(plain in network for network in self.networks) or str(plain) in self._named()

    def _named(self) -> set[str]:
        found: set[str] = set()
        for name in self.names:
            try:
                found |= set(addresses(name))
            except UnknownHost:
                continue
        return found


def allowed(setting: str | None) -> Allowed:
    """Reads ANDON_NOTIFY_ALLOW. Raises ValueError for what is neither a host nor a network."""
    names, networks = set(), []
    for part in (piece.strip().lower() for piece in (setting or "").split(",")):
        if not part:
            continue
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            if "/" in part or " " in part:
                raise ValueError(f"{part!r} is neither a host nor a network") from None
            names.add(part)
    return Allowed(frozenset(names), tuple(networks))


def is_public(address: Address) -> bool:
    """Whether an address is an ordinary one of the internet; those that carry another inside of them are judged by that one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _TRANSLATED):
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address.teredo is not None or address.is_site_local:
            return False
    elif address in _CARRIER_GRADE:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def addresses(host: str) -> list[str]:
    """Numeric addresses of a host. Raises UnknownHost."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnknownHost(f"there is no host {host}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_host(host: str, rules: Allowed) -> None:
    """The look when a channel is saved. Raises UnknownHost, or RefusedAddress where any address of the host is not permitted."""
    for address in addresses(host):
        if not rules.permits(address):
            shown = host if host.strip("[]") == address else f"{host} ({address})"
            raise RefusedAddress(refusal(shown))


def refusal(where: str) -> str:
    """What is said of an address that is not permitted."""
    return f"{where} is not a public address; ANDON_NOTIFY_ALLOW has to name it if notices may go there"


_rules: ContextVar[Allowed | None] = ContextVar("andon_notice_rules", default=None)
_installed = threading.Lock()
_hooked: list[bool] = []


@contextmanager
def guarded(rules: Allowed) -> Iterator[Allowed]:
    """Connections made inside of the block, also by threads that copy its context, go to permitted addresses alone.

    A connection that is refused raises RefusedAddress (an OSError) in whoever makes it, and is noted in the `refused` of what the
    block is given: libraries make a plain failure of it.
    """
    with _installed:
        if not _hooked:
            sys.addaudithook(_watch)  # for the life of the process: hooks cannot be taken out
            _hooked.append(True)
    own = Allowed(rules.names, rules.networks)
    token = _rules.set(own)
    try:
        yield own
    finally:
        _rules.reset(token)


def _watch(event: str, details: tuple[Any, ...]) -> None:
    if event not in CONNECTS:
        return
    rules = _rules.get()
    if rules is None:
        return
    target = details[1]
    if target is None:  # on a connection that was checked when it was made
        return
    host = target[0] if isinstance(target, tuple) and target and isinstance(target[0], str) else None
    if host is None or not rules.permits(host):
        shown = host if host is not None else "a socket of this machine"
        rules.refused.append(shown)
        raise RefusedAddress(refusal(shown))
