"""Which pages a wall screen can show, and reading them from what somebody wrote: one address a line."""

from urllib.parse import quote, unquote, urlsplit

import dash

from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.ui.context import catalogue
from dashapp.ui.first_page import NOT_FOUND, find_page, page_title
from dashapp.ui.forms import Option


def choices() -> list[Option]:
    """Pages to choose from: those of the navigation that a viewer may open, then every device."""
    pages = sorted((page for page in dash.page_registry.values() if page.get("nav") and _is_shown(page)), key=lambda page: page["order"])
    found: list[Option] = [{"value": page["path"], "label": page["name"]} for page in pages]
    for device in catalogue().devices.values():
        name = f"{device.key}, {device.name}" if device.name != device.key else device.key
        found.append({"value": f"/devices/{quote(device.key, safe='')}", "label": name})
    return found


def pages_of(written: str, host: str) -> tuple[str, ...]:
    """The addresses of a text's lines, as paths with their query. Raises ActionError for one that no wall screen can show."""
    pages = []
    for line in (line.strip() for line in written.splitlines()):
        if not line:
            continue
        try:
            url = urlsplit(line)
        except ValueError:
            raise ActionError("pages", f"{line[:80]} is not the address of a page") from None
        if url.netloc and url.netloc != host:
            raise ActionError("pages", f"a wall screen shows pages of this server, none of {url.netloc[:80]}")
        path = url.path or "/"
        page, variables = find_page(path)
        if not page or page["module"].endswith(NOT_FOUND):
            raise ActionError("pages", f"there is no page {path[:80]}")
        if not _is_shown(page):
            raise ActionError("pages", f"{page['name']} needs a role: wall screens show what a viewer may see")
        if "key" in variables and path.startswith("/devices/") and name_of(path) is None:
            raise ActionError("pages", f"there is no device {variables['key'][:80]}")
        pages.append(path + (f"?{url.query}" if url.query else ""))
    return tuple(pages)


def name_of(address: str) -> str | None:
    """What a page is called; None where it is of a device that is gone."""
    path = urlsplit(address).path
    page, variables = find_page(path)
    if path.startswith("/devices/") and unquote(variables.get("key", "")) not in catalogue().devices:
        return None
    return page_title(page, variables) if page else None


def _is_shown(page: dict[str, object]) -> bool:
    return page.get("role") == Role.VIEWER
