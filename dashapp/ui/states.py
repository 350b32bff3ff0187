"""What stands where something cannot be shown: what happened, what it means for the data, what to do, and the request's id.

Nothing here yet is `parts.empty_state`, still loading `parts.skeleton`; an old value is marked by the component that shows it. A callback
that fails is met in the browser (`assets/51-problems.js`): a part that was still loading becomes a `Failed`, anything else is said in the
page's corner by `Problem`, and what stood there stays.
"""

import logging
from collections.abc import Callable
from typing import Any

from dash.exceptions import PreventUpdate

from dashapp.actions.actor import Forbidden
from dashapp.request_id import current
from dashapp.ui.components import Id, _Andon

log = logging.getLogger("andon.ui")
SAFE = "Stored readings are not affected, and new ones go on being stored."


class Failed(_Andon):
    """A part of a page, or a whole one, that could not be made. `what` happened, what it `means`, and the id to ask about it with."""

    def __init__(self, id: Id | None = None, *, what: str, means: str = SAFE, request: str = "") -> None:
        super().__init__(**locals())


class Problem(_Andon):
    """The corner in which failures of callbacks are said; the shell has the one there is. `problem` is set in the browser:
    `{what, means, todo, request}`, or nothing."""

    def __init__(self, id: Id | None = None, *, problem: dict[str, str] | None = None) -> None:
        super().__init__(**locals())


def failed(what: str) -> Failed:
    """What is shown in place of something that could not be made, for the request under way."""
    return Failed(what=what, request=current())


def attempt(name: str, make: Callable[..., Any], *args: Any, **values: Any) -> Any:
    """`make(…)`, a part of a page; where it fails, a word about it: the other parts stand. `attempt("Statistics", tiles, figures)`."""
    try:
        return make(*args, **values)
    except (PreventUpdate, Forbidden):
        raise
    except Exception:
        log.exception("a part could not be made: %s", name)
        return failed(f"{name}: this part could not be shown")
