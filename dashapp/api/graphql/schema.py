"""The schema of source 000 §4.2: queries, mutations and subscriptions by name, on the reads and actions that pages and REST use too."""

import asyncio
import time
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import AddValidationRules, MaxTokensLimiter
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.alerts import resolve_alert
from dashapp.actions.devices import change_device
from dashapp.api.graphql import reads
from dashapp.api.graphql.context import Context, Tap
from dashapp.api.graphql.errors import PlainErrors
from dashapp.api.graphql.limits import MOST_TOKENS, Limits
from dashapp.api.graphql.types import DATE_TIME, Alert, Machine, MachineStatus, Measurement, SystemStats
from dashapp.api.sockets.hub import ALERTS
from dashapp.ingest.services import Services

LIVE_EVERY_S = 0.5  # a subscriber is told at once, and then at most so often
Asked = Info[Context, None]


@strawberry.type
class Query:
    """Everything that can be read."""

    @strawberry.field(description="Every device of the plant that you may see.")
    async def machines(self, info: Asked) -> list[Machine]:
        context = info.context
        return [reads.machine(each) for each in await context.work(reads.devices, context.services, context.actor)]

    @strawberry.field(description="One of them; null where there is none.")
    async def machine(self, info: Asked, machine_id: str) -> Machine | None:
        context = info.context
        found = await context.work(reads.device, context.services, context.actor, machine_id)
        return None if found is None else reads.machine(found)

    @strawberry.field(description="What each machine reports now.")
    async def machines_status(self, info: Asked) -> list[MachineStatus]:
        context = info.context
        return await context.work(reads.statuses, context.services, context.actor)

    @strawberry.field(description="What one machine reports now; null where it has not reported.")
    async def machine_status(self, info: Asked, machine_id: str) -> MachineStatus | None:
        context = info.context
        found = await context.work(reads.statuses, context.services, context.actor, machine_id)
        return found[0] if found else None

    @strawberry.field(description="The latest measurements, newest first; from startTime on, before endTime.")
    async def measurements(
        self, info: Asked, machine_id: str | None = None, limit: int | None = 100, start_time: datetime | None = None,
        end_time: datetime | None = None,
    ) -> list[Measurement]:  # fmt: skip
        context, most = info.context, 100 if limit is None else limit
        return await context.work(reads.history, context.services, context.actor, machine_id, most, start_time, end_time)

    @strawberry.field(description="Alerts, the newest first; severity also as warning (medium) or info (low).")
    async def alerts(
        self, info: Asked, machine_id: str | None = None, resolved: bool | None = None, severity: str | None = None, limit: int | None = 50
    ) -> list[Alert]:
        context, most = info.context, 50 if limit is None else limit
        return await context.work(reads.alerts, context.services, context.actor, machine_id, resolved, severity, most)

    @strawberry.field(description="The plant in figures.")
    async def system_stats(self, info: Asked) -> SystemStats:
        context = info.context
        return await context.work(reads.stats, context.services, context.actor)


@strawberry.type
class Mutation:
    """What can be done; the same actions as on the pages, with the same roles and the same log."""

    @strawberry.mutation(description="Closes an alert whose condition has returned; operators and above.")
    async def resolve_alert(self, info: Asked, alert_id: strawberry.ID) -> Alert:
        context = info.context
        return await context.work(_resolve, context.services, context.actor, str(alert_id))

    @strawberry.mutation(description="Says that a machine is active, inactive or in maintenance; managers and above.")
    async def update_machine_status(self, info: Asked, machine_id: str, status: str) -> Machine:
        context = info.context
        return await context.work(_change_status, context.services, context.actor, machine_id, status)


@strawberry.type
class Subscription:
    """What is told when it happens, over a WebSocket."""

    @strawberry.subscription(description="What every machine reports (or one): at once, and then whenever something was stored.")
    async def live_machine_data(self, info: Asked, machine_id: str | None = None) -> AsyncGenerator[list[MachineStatus], None]:
        context = info.context
        connection = context.connection
        if connection is None or connection.room is None:
            raise ActionError("subscription", "subscriptions are answered over a WebSocket")
        room, moved = connection.room, asyncio.Event()
        room.movers.add(moved)
        told: list[MachineStatus] | None = None
        try:
            while True:
                moved.clear()
                began = time.monotonic()
                now = await context.hub.work(reads.statuses, context.services, context.actor, machine_id)
                if now != told:
                    told = now
                    yield now
                await moved.wait()
                await asyncio.sleep(max(0.0, began + LIVE_EVERY_S - time.monotonic()))
        finally:
            room.movers.discard(moved)

    @strawberry.subscription(description="Each alert that somebody is told of, when it is raised (or raised again).")
    async def new_alert(self, info: Asked) -> AsyncGenerator[Alert, None]:
        context = info.context
        connection = context.connection
        if connection is None or connection.room is None:
            raise ActionError("subscription", "subscriptions are answered over a WebSocket")
        room, tap = connection.room, Tap(connection)
        room.want(ALERTS)
        room.alerts.add(tap)
        try:
            await context.hub.settled(room)
            while True:
                alert = await context.hub.work(reads.alert_of, context.services, context.actor, await tap.waiting.get())
                if alert is not None:
                    yield alert
                if tap.is_behind:
                    raise GraphQLError("too slow: alerts were left out; read them by a query", extensions={"code": "TOO_SLOW"})
        finally:
            room.alerts.discard(tap)
            room.unwant(ALERTS)


class PlainSchema(strawberry.Schema):
    """Errors are logged where they are shown (`PlainErrors`), not once more with a stack each."""

    async def subscribe(self, *arguments: Any, **more: Any) -> Any:
        """What the older protocol calls: it answers queries and mutations as well, as its first server did."""
        return await self.stream(*arguments, **more)

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing."""


SCHEMA = PlainSchema(
    Query, Mutation, Subscription,
    extensions=[PlainErrors, lambda: MaxTokensLimiter(MOST_TOKENS), lambda: AddValidationRules([Limits])],
    config=StrawberryConfig(scalar_map={datetime: DATE_TIME}),
)  # fmt: skip


def _resolve(services: Services, actor: Actor, written: str) -> Alert:
    if not written.isascii() or not written.isdigit() or len(written) > 18:
        raise ActionError("alertId", "the id of an alert is a number")
    resolve_alert(services.database, actor, int(written))
    found = reads.alert_of(services, actor, int(written))
    if found is None:
        raise ActionError("alertId", "there is no such alert", status=404)
    return found


def _change_status(services: Services, actor: Actor, machine_id: str, status: str) -> Machine:
    before = reads.device(services, actor, machine_id)
    if before is None:
        raise ActionError("machineId", f"there is no machine {machine_id}", status=404)
    change_device(
        services.database, actor, machine_id, name=before.name, place=before.place, line=before.line, status=status,
        accepts_new=before.accepts_new,
    )  # fmt: skip
    services.catalogue.forget(actor.tenant_id)
    after = reads.device(services, actor, machine_id)
    assert after is not None
    return reads.machine(after)
