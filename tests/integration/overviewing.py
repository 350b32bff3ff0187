"""The overview as tests look at it: a machine with a limit, the cards, and a question for changes."""

from typing import Any

from sqlalchemy import text

from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.browsing import Visitor
from tests.integration.plant import Press, new_press

CHANGES = "overview.children"


def new_limited_press(database: Database) -> Press:
    """A machine with a limit on its temperature."""
    made = new_press(database)
    with tenant_transaction(database.engine, made.tenant_id) as connection:
        connection.execute(text("update sensors set limit_high = 90, severity = 'critical' where key in ('temperature', 'fault')"))
        connection.execute(text("update sensors set limit_high = null where key = 'fault'"))
        connection.execute(text("update devices set is_machine = true"))
    return made


def cards(page: Visitor) -> dict[str, Any]:
    """Key → what its card is made of."""
    return {one["key"]: one for one in page.page["overview-cards"]["devices"]}


def page_poll(page: Visitor) -> dict[str, Any]:
    """A question for changes, as the browser puts it."""
    callback = page._callback(CHANGES)
    values = [{**one, "value": page.page.get(one["id"], {}).get(one["property"])} for one in callback["inputs"] + callback["state"]]
    return {
        "output": callback["output"], "outputs": page._outputs(callback["output"]), "inputs": values[:1], "state": values[1:],
        "changedPropIds": ["shell-pulse.data"],
    }  # fmt: skip
