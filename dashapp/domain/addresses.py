"""Addresses inside Andon: what may be followed, kept and sent on. Pure.

An address is a path with its query, `/devices/MX-01?range=24h`: never a scheme or a host, so that nothing that is stored or handed
over by a form leads out of the installation.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit

LONGEST = 2000
TENANT = "tenant"
"""The name in an address's query that says which plant it is of, by the plant's key."""


def local_address(wanted: str | None) -> str | None:
    """The address where it is one of this site, else None: no other host, no backslash, nothing that does not print."""
    if not wanted or len(wanted) > LONGEST or not wanted.isprintable() or "\\" in wanted:
        return None
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return None
    outside = parts.scheme or parts.netloc or not wanted.startswith("/") or wanted.startswith("//")
    return None if outside or parts.path.startswith("/_") else wanted


def without(address: str, name: str) -> str:
    """The address without what its query says of `name`; as it is where it says nothing of it."""
    parts = urlsplit(address)
    said = parse_qsl(parts.query, keep_blank_values=True)
    if all(each != name for each, _ in said):
        return address
    return joined(parts.path, [pair for pair in said if pair[0] != name])


def joined(path: str, query: list[tuple[str, str]]) -> str:
    """A path and a query as an address that can be read: colons, commas and @ stay as they are."""
    return path + (f"?{urlencode(query, safe=':@,')}" if query else "")
