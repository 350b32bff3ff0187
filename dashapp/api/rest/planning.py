"""What production is planned by: products with their planned run times, what runs when, shift calendars, reasons of stops."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from dashapp.actions import calendars, reasons
from dashapp.actions import products as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.calendars import CalendarDraft
from dashapp.actions.products import ProductDraft
from dashapp.api.rest.common import database_of, device_of
from dashapp.api.routes import Route
from dashapp.api.security import Manager, Operator, Viewer
from dashapp.api.shapes import Finite, Id, In, Number, Out, Time, When, example
from dashapp.domain.oee import Loss
from db.queries.products import product_runs, products
from db.queries.shifts import calendar_rows
from db.queries.stops import reasons as offered
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1", tags=["production"], route_class=Route)
Name = Annotated[str, Field(min_length=1, max_length=200)]


class ProductWish(In):
    """A product: `pri_s` is the planned run time per item in seconds by machine (null: none there), `since` from when on it holds."""

    key: Annotated[str, Field(min_length=1, max_length=60)]
    name: Name
    pri_s: dict[Annotated[str, Field(max_length=100)], Finite | None] = Field(default_factory=dict, max_length=1_000)
    since: When | None = None

    model_config = example({"key": "cap-28", "name": "Cap 28 mm", "pri_s": {"MX-01": 0.4}})


class Product(Out):
    """A product; `pri_s` holds now, `on` are the machines that make it now."""

    id: int
    key: str
    name: str
    pri_s: dict[str, float]
    on: list[str]


class RunWish(In):
    """What a machine makes from a time on (now); `product_id` null: nothing that has a name."""

    machine_id: Name
    product_id: Number | None = None
    since: When | None = None


class Run(Out):
    """A machine makes a product from a time to another; null: still."""

    machine_id: str
    product_id: int | None
    product: str
    since: Time
    until: Time | None
    by: str


class CalendarWish(In):
    """A shift calendar of a line, "" the whole plant: `pattern` has the shifts of a week with their breaks, and exceptions by date."""

    line: Annotated[str, Field(max_length=200)] = ""
    name: Name
    zone: Annotated[str, Field(max_length=60)]
    pattern: dict[str, Any]
    valid_from: date
    valid_to: date | None = None

    model_config = example(
        {
            "line": "Building A", "name": "Two shifts", "zone": "Europe/Berlin", "valid_from": "2026-01-01",
            "pattern": {
                "shifts": [{"name": "Early", "days": [1, 2, 3, 4, 5], "start": "06:00", "end": "14:00", "breaks": [["09:00", "09:15"]]}],
                "exceptions": [{"date": "2026-12-25", "name": "Christmas", "shifts": []}],
            },
        }
    )  # fmt: skip


class Calendar(Out):
    """A shift calendar."""

    id: int
    line: str
    name: str
    zone: str
    pattern: dict[str, Any]
    valid_from: date
    valid_to: date | None


class ReasonWish(In):
    """A reason that a stop can have, and what it costs. The code stays what it was made with."""

    code: Annotated[str, Field(max_length=30)] = ""
    name: Annotated[str, Field(min_length=1, max_length=60)]
    loss: Loss

    model_config = example({"code": "changeover", "name": "Changeover", "loss": "setup"})


class Made(Out):
    """The id of what was made."""

    id: int


# ---- Products


@router.get("/products")
def list_products(request: Request, actor: Viewer) -> list[Product]:
    """The products by name."""
    keys = _keys(request, actor)
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        found = products(connection)
    return [
        Product(
            id=one.id, key=one.key, name=one.name, on=[keys[device] for device in one.on if device in keys],
            pri_s={keys[rate.device_id]: rate.pri_s for rate in one.rates if rate.device_id in keys},
        )
        for one in found
    ]  # fmt: skip


@router.post("/products", status_code=201)
def post_product(request: Request, actor: Manager, wish: ProductWish) -> Made:
    """Makes a product; its planned run times hold for all time. 409 where the key is taken."""
    return Made(id=actions.create_product(database_of(request), actor, _draft(request, actor, wish)))


@router.put("/products/{product_id}", status_code=204)
def put_product(request: Request, actor: Manager, product_id: Id, wish: ProductWish) -> None:
    """Gives it a name and planned run times: from `since` on, else for all time."""
    actions.change_product(database_of(request), actor, product_id, _draft(request, actor, wish), since=wish.since)


@router.delete("/products/{product_id}", status_code=204)
def delete_product(request: Request, actor: Manager, product_id: Id) -> None:
    """Takes it off the list; what was made of it stays. 409 while a machine makes it."""
    actions.remove_product(database_of(request), actor, product_id)


@router.get("/product-runs")
def list_runs(request: Request, actor: Viewer) -> list[Run]:
    """What machines make and made, by machine and then by time."""
    keys = _keys(request, actor)
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        found = product_runs(connection, list(keys))
    return [
        Run.model_validate(
            {
                "machine_id": keys[run.device_id], "product_id": run.product_id or None, "product": run.product, "since": run.since_us,
                "until": run.until_us, "by": run.by,
            }
        )
        for run in found
    ]  # fmt: skip


@router.post("/product-runs", status_code=204)
def post_run(request: Request, actor: Operator, wish: RunWish) -> None:
    """Says what a machine makes from a time on."""
    device = device_of(request, actor, wish.machine_id)
    actions.run_product(database_of(request), actor, device.id, wish.product_id, wish.since)


# ---- Calendars


@router.get("/calendars")
def list_calendars(request: Request, actor: Viewer) -> list[Calendar]:
    """The shift calendars, the oldest first."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        rows = calendar_rows(connection)
    return [
        Calendar(
            id=row.id, line=row.calendar.line, name=row.calendar.name, zone=row.calendar.zone, pattern=dict(row.pattern),
            valid_from=row.calendar.valid_from, valid_to=row.calendar.valid_to,
        )
        for row in rows
    ]  # fmt: skip


@router.post("/calendars", status_code=201)
def post_calendar(request: Request, actor: Manager, wish: CalendarWish) -> Made:
    """Makes a calendar; what it plans of the past is counted anew."""
    return Made(id=calendars.create_calendar(database_of(request), actor, CalendarDraft(**wish.model_dump())))


@router.put("/calendars/{calendar_id}", status_code=204)
def put_calendar(request: Request, actor: Manager, calendar_id: Id, wish: CalendarWish) -> None:
    """Sets everything of it."""
    calendars.change_calendar(database_of(request), actor, calendar_id, CalendarDraft(**wish.model_dump()))


@router.delete("/calendars/{calendar_id}", status_code=204)
def delete_calendar(request: Request, actor: Manager, calendar_id: Id) -> None:
    """Removes it: what it planned is not planned any more."""
    calendars.remove_calendar(database_of(request), actor, calendar_id)


# ---- Reasons


@router.post("/downtimes/reasons", status_code=201)
def post_reason(request: Request, response: Response, actor: Manager, wish: ReasonWish) -> Made:
    """Puts a reason on the list, nine at most."""
    response.headers["Location"] = "/api/v1/downtimes/reasons"
    return Made(id=reasons.create_reason(database_of(request), actor, wish.code, wish.name, wish.loss))


@router.put("/downtimes/reasons/{reason_id}", status_code=204)
def put_reason(request: Request, actor: Manager, reason_id: Id, wish: ReasonWish) -> None:
    """Sets its name and what it costs; stops that have it are counted anew."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        before = next((one for one in offered(connection) if one.id == reason_id), None)
    if before is not None and wish.code not in ("", before.code):
        raise ActionError("code", "the code of a reason stays")
    reasons.change_reason(database_of(request), actor, reason_id, wish.name, wish.loss)


@router.delete("/downtimes/reasons/{reason_id}", status_code=204)
def delete_reason(request: Request, actor: Manager, reason_id: Id) -> None:
    """Takes it off the list; stops that have it keep it."""
    reasons.remove_reason(database_of(request), actor, reason_id)


def _draft(request: Request, actor: Actor, wish: ProductWish) -> ProductDraft:
    return ProductDraft(wish.key, wish.name, {device_of(request, actor, key).id: seconds for key, seconds in wish.pri_s.items()})


def _keys(request: Request, actor: Actor) -> dict[int, str]:
    """Device id → key of the machines that the actor may see."""
    services = request.app.state.services
    devices = services.catalogue.of(actor.tenant_id).devices.values()
    return {one.id: one.key for one in devices if one.is_machine and (actor.lines is None or one.line in actor.lines)}
