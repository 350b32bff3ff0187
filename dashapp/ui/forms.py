# ruff: noqa: N803 (className is what Dash calls it)
"""Forms, made once: `Form` and `Field` (`assets/35-forms.js`), dialogs, commands to copy, and how a callback answers a form.

A form is sent whole, by its button or by Enter, and a callback takes it as one value:

    @callback(Output("press-form", "errors"), Input("press-form", "submitted"), prevent_initial_call=True, running=busy("press-form"))
    def save_press(submitted):
        values = sent(submitted)          # stops here where the form has only just appeared
        try:
            rename(…, values["name"])
        except ActionError as error:
            return errors_of(error)   # beside the field of that name; the focus moves there
        return {}

Values are texts by the fields' names (a check is True or False); `submitted["button"]` is the value of the button that sent it. What
names no field of the form, and a server that does not answer, is said above the fields. A field inside of a form needs an id only where
a callback reads or writes it while it is being filled in.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

import dash_bootstrap_components as dbc
from dash import Output, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions.actor import ActionError
from dashapp.ui.components import Id, _Andon
from dashapp.ui.parts import Children

Kind = Literal[
    "text", "number", "email", "password", "search", "date", "time", "datetime-local", "textarea", "select", "radio", "check", "hidden"
]  # fmt: skip


class Option(TypedDict):
    """A choice of a `select` or `radio`; `note` stands under a radio button's label."""

    value: str
    label: str
    note: NotRequired[str]


class Form(_Andon):
    """Fields that are sent together. `submitted` is `{"values", "button", "at"}`; `errors` are sentences by field name.

    `message` says that it worked, beside the buttons or wherever the form ends, and is read out. `label` names the form.
    """

    def __init__(
        self,
        children: Children = None,
        id: Id | None = None,
        *,
        label: str | None = None,
        submitted: dict[str, Any] | None = None,
        errors: dict[str, str] | None = None,
        message: str | None = None,
        busy: bool = False,
        className: str | None = None,
    ) -> None:
        super().__init__(**locals())


class Field(_Andon):
    """A labelled field with its hint, its unit and its error, which a screen reader hears with it.

    `value` is a text (of a check: a bool); a callback that listens hears of it a quarter second after the last key. `number` is a field
    for a number as people write it: read it with `number`. `options` are those of `select` and `radio`, `suggestions` what a text field
    offers while typing. `error` is for what is checked meanwhile; what a form's callback answers in `errors` comes here by itself.
    `said` is when the person last changed it, in milliseconds of their clock: of two requests that overtake each other the later wins.
    """

    def __init__(
        self,
        name: str,
        label: str,
        id: Id | None = None,
        *,
        kind: Kind = "text",
        value: str | bool | None = None,
        hint: str | None = None,
        error: str | None = None,
        unit: str | None = None,
        options: Sequence[Option] | None = None,
        suggestions: Sequence[str] | None = None,
        required: bool = False,
        disabled: bool = False,
        placeholder: str | None = None,
        max_length: int | None = None,
        complete: str | None = None,
        code: bool = False,
        said: int | None = None,
        className: str | None = None,
    ) -> None:
        super().__init__(**locals())


class CopyButton(_Andon):
    """Copies `text`, or what stands in the element with the id `target`; says so. Works without HTTPS too."""

    def __init__(
        self,
        id: Id | None = None,
        *,
        text: str | None = None,
        target: str | None = None,
        label: str = "Copy",
        name: str | None = None,
        className: str | None = None,
    ) -> None:
        super().__init__(**locals())


def submit(text: str, *, value: str = "save", danger: bool = False, id: Id | None = None, quiet: bool = False) -> Component:
    """The button that sends the form it stands in."""
    look = "btn danger" if danger else "btn" if quiet else "btn solid"
    return html.Button(text, type="submit", value=value, className=look, **({} if id is None else {"id": id}))


def cancel(id: Id, text: str = "Cancel") -> Component:
    """A button that a callback closes a dialog by."""
    return html.Button(text, id=id, type="button", className="btn plain", n_clicks=0)


def dialog(id: Id, title: str, body: Children, *, is_open: bool = False, wide: bool = False) -> Component:
    """A dialog: it holds the focus while it is open (`is_open`) and gives it back; Escape and × close it. `body` may be a Form."""
    return dbc.Modal(
        [dbc.ModalHeader(dbc.ModalTitle(title, tag="h2")), html.Div(body, className="modal-body")],
        id=id, is_open=is_open, size="lg" if wide else None, scrollable=False, centered=False, backdrop=True,
    )  # fmt: skip


def command(text: str, id: str, name: str = "Copy the command") -> Component:
    """What is to be typed elsewhere, with a button that copies it."""
    return html.Div(
        [html.Pre(html.Code(text, id=id), tabIndex="0", role="group", **{"aria-label": "Command"}), CopyButton(target=id, name=name)],
        className="command",
    )


def busy(form: str) -> list[tuple[Output, Any, Any]]:
    """For `running=` of the callback that takes a form: its buttons wait until it has answered."""
    return [(Output(form, "busy"), True, False)]


def sent(submitted: dict[str, Any] | None) -> dict[str, Any]:
    """The values of a form that was sent. A form that appears sets its callback off too: then nothing is to be done."""
    if not submitted:
        raise PreventUpdate
    values: dict[str, Any] = submitted["values"]
    return values


def errors_of(error: ActionError) -> dict[str, str]:
    """What a form says where an action cannot be done as asked."""
    return {error.field: f"{sentence(error.reason)}."}


def sentence(words: str) -> str:
    """With a capital, without the full stop."""
    words = words.strip().rstrip(".")
    return words[:1].upper() + words[1:]


def number(values: Mapping[str, Any], name: str) -> float | None:
    """The number in a field as people write it (`71.5`, `71,5`, `−3`, `1e3`); None where it is empty.

    Raises ActionError for what is none, and for `1,234`, which may be meant either way.
    """
    written = str(values.get(name) or "").strip().replace("\u2212", "-").replace("\u00a0", "").replace(" ", "")
    if not written:
        return None
    if re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", written):
        raise ActionError(name, f"write {written.replace(',', '')} or {written.replace(',', '.')}: a comma can mean either")
    try:
        value = float(written.replace(",", ".") if written.count(",") == 1 and "." not in written else written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in written:
        raise ActionError(name, "a number is expected, like 71.5; leave it empty for none")
    return value
