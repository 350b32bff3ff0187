"""A person in a browser, known by the cookie of their session: what our own pages send when they talk to the API.

A browser sends the cookie whoever asks, so what changes something must say that it comes from one of our pages (Sec-Fetch-Site, else
Origin: browsers set them, pages cannot); a program that knows no such header has a token to come with. A WebSocket changes things, too.
"""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def is_ours(connection: HTTPConnection) -> bool:
    """Whether what comes with a session's cookie was surely sent by one of our own pages, or only reads."""
    safe = connection.scope["type"] == "http" and connection.scope["method"] in SAFE
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site != "cross-site" if safe else site in ("same-origin", "none")
    origin = connection.headers.get("origin")
    if origin is None:
        return safe
    try:
        return urlsplit(origin).netloc.lower() == connection.headers.get("host", "").lower()
    except ValueError:
        return False
