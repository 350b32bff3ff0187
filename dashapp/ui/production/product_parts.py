"""What the page of products is made of: what runs now, the products with their planned run times, what ran when."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.actions.actor import Actor
from dashapp.actions.products import ProductDraft
from dashapp.domain.fleet import Role
from dashapp.ui import forms
from dashapp.ui.components import card, empty_state
from dashapp.ui.device.view import local, when
from dashapp.ui.forms import Field, Form
from dashapp.ui.parts import format_value
from dashapp.ui.production.parts import inside, table
from dashapp.ui.production.scope import PRODUCTION, machine_name
from dashapp.ui.production.words import named, option
from db.queries.production_facts import ProducingMachine
from db.queries.products import Product, ProductRun

PATH = f"{PRODUCTION}/products"
SHOWN_RUNS = 12
NAMELESS = "nothing that has a name"

Machines = Sequence[ProducingMachine]


def running_card(
    machines: Machines, products: Sequence[Product], runs: Sequence[ProductRun], people: Mapping[str, str], zone: str
) -> Component:
    """What each machine makes now."""
    now = {run.device_id: run for run in runs if run.until_us is None}
    rows: list[Any] = []
    for machine in machines:
        run = now.get(machine.id)
        product = next((one for one in products if run and one.id == run.product_id), None)
        pri = product.pri_s(machine.id) if product else None
        rows.append(
            [
                machine_name(machine),
                product.name if product else "–",
                "–" if pri is None else f"{format_value(pri)} s",
                when(run.since_us, zone) if run else "–",
                named(people, run.by) if run else "–",
            ]
        )
    return card("What runs now", table("What runs now", ["Machine", "Product", "Planned run time", "Since", "Said by"], rows, numbers=[2]))


def run_form(machines: Machines, products: Sequence[Product], now_us: int, zone: str) -> Component:
    """Another product on a machine."""
    listed: Any = [option(one.id, machine_name(one)) for one in machines]
    what: Any = [*(option(one.id, one.name) for one in products), option("", NAMELESS.capitalize())]
    return card(
        "Another product runs",
        Form(
            [
                Field("machine", "Machine", kind="select", options=listed, value=str(machines[0].id), required=True),
                Field("product", "makes", kind="select", options=what, value=str(products[0].id) if products else ""),
                Field(
                    "since",
                    "from",
                    kind="datetime-local",
                    value=f"{local(now_us, zone):%Y-%m-%dT%H:%M}",
                    required=True,
                    hint=f"By the clock of {zone}; it may lie in the past: the figures follow.",
                ),
                html.Div(forms.submit("Save"), className="actions"),
            ],
            id="product-run",
            label="Another product runs",
            className="form",
        ),
    )


def products_card(machines: Machines, products: Sequence[Product], *, may_change: bool) -> Component:
    """Every product with its planned run time on each machine."""
    names = {one.id: one.key for one in machines}
    rows: list[Any] = []
    for product in products:
        rates = [(names[one], product.pri_s(one)) for one in names]
        words = ", ".join(f"{key} {format_value(pri)} s" for key, pri in rates if pri is not None)
        name: Any = {"text": product.name, "href": f"{PATH}?product={product.id}"} if may_change else product.name
        rows.append(
            [
                name,
                product.key,
                words or "none: its units count as not rated",
                ", ".join(names[one] for one in product.on if one in names) or "–",
            ]
        )
    add = inside("Add a product", f"{PATH}?product=new", "btn tiny") if may_change else None
    if not rows:
        text = "Without a planned run time per item there is no OEE. Add what your machines make, and how many seconds an item takes."
        return card("Products", empty_state("No products yet", text, add))
    return card("Products", table("Products", ["Product", "Key", "Planned run time per item", "Runs on"], rows), aside=add)


def product_form(machines: Machines, product: Product | None) -> Component:
    """A new product, or one that is changed."""
    rates = [
        Field(
            f"pri-{one.id}",
            machine_name(one),
            kind="number",
            unit="s",
            value="" if product is None or (pri := product.pri_s(one.id)) is None else f"{pri:.12g}",
        )
        for one in machines
    ]
    key = Field("key", "Key", required=True, max_length=60, hint="How other systems call it. It stays.") if product is None else None
    since = Field(
        "since", "Since", kind="datetime-local", hint="Empty: it has always been so, and all that was made is counted anew."
    )
    buttons = [forms.submit("Save"), inside("Cancel", PATH, "btn plain")]
    if product is not None:
        buttons.append(forms.submit("Remove", value="remove", danger=True))
    return card(
        "Add a product" if product is None else f"Change {product.name}",
        Form(
            [
                html.Div(
                    [key, Field("name", "Name", value=product.name if product else "", required=True, max_length=200)], className="fields"
                ),
                html.P("Planned run time per item, in seconds, on each machine. Leave empty where it is not made.", className="label"),
                html.Div(rates, className="product-rates"),
                since if product is not None else None,
                html.Div(buttons, className="actions"),
            ],
            id="product-form",
            label="Product",
            className="form",
        ),
    )


def draft_of(values: Mapping[str, Any], key: str) -> ProductDraft:
    """What the form says. Raises ActionError."""
    rates = {int(name.removeprefix("pri-")): forms.number(values, name) for name in values if name.startswith("pri-")}
    return ProductDraft(str(values.get("key") or key), str(values.get("name") or ""), rates)


def runs_card(machines: Machines, runs: Sequence[ProductRun], people: Mapping[str, str], zone: str, who: Actor) -> Component:
    """What ran when, the newest first; what was said by mistake is taken back."""
    names = {one.id: one.key for one in machines}
    listed = sorted((run for run in runs if run.device_id in names), key=lambda run: -run.since_us)[:SHOWN_RUNS]
    may = who.role.includes(Role.OPERATOR)
    items = [
        html.Li(
            [
                html.Div(
                    [
                        html.B(f"{names[run.device_id]}: {run.product or NAMELESS}"),
                        html.P(
                            f"from {when(run.since_us, zone)}" + (f" to {when(run.until_us, zone)}" if run.until_us else ", still"),
                            className="small",
                        ),
                        html.P(f"said by {named(people, run.by)}", className="small muted"),
                    ],
                    className="channel-words",
                ),
                html.Div(
                    html.Button(
                        "Take back",
                        id={"type": "run-withdraw", "device": run.device_id, "since": run.since_us},
                        type="button",
                        className="btn",
                        n_clicks=0,
                        **{"aria-label": f"Take back: {names[run.device_id]}, {run.product}, {when(run.since_us, zone)}"},
                    ),
                    className="channel-actions",
                )
                if may
                else None,
            ],
            className="channel",
        )
        for run in listed
    ]
    return card("What ran when", html.Ul(items, className="channels") if items else html.P("Nothing has been said yet.", className="muted"))
