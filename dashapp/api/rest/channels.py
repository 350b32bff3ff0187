"""Channels that notices go by, and the log of what was sent. REQUIREMENTS AL-5, docs/notices.md. No secret ever comes out."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, SecretStr

from dashapp.actions import channels as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.api.rest.common import database_of, services_of
from dashapp.api.routes import Route
from dashapp.api.security import Manager
from dashapp.api.shapes import Id, In, Limit, Out, Page, Time, example, make_cursor, read_cursor
from dashapp.domain.fleet import Severity
from db.queries import notices as queries
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/channels", tags=["notices"], route_class=Route)
Kind = Literal["email", "webhook", "chat", "sms", "phone"]
Told = Literal["raised", "escalated", "reminder", "ended", "acknowledged"]
Text = Annotated[str, Field(max_length=10_000)]
WEBHOOK = {"name": "Maintenance system", "kind": "webhook", "address": "https://198.51.100.7/andon", "least_severity": "high"}
NOTICE_STATES = Literal["queued", "sending", "sent", "failed", "dropped", "digested"]


class ChannelWish(In):
    """A channel. E-mail: `host` to `recipients`; a webhook or a service: `address`; a webhook: `header`, too.

    Of a change, `password`, `address` and `header` that are left out keep what is stored. `templates` are {kind: {title, body}}.
    """

    name: str = Field(min_length=1, max_length=200)
    kind: Kind
    host: str = Field("", max_length=253)
    port: int | None = Field(None, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = Field("", max_length=254)
    password: SecretStr | None = Field(None, max_length=1_000)
    sender: str = Field("", max_length=254)
    recipients: list[Annotated[str, Field(max_length=254)]] = Field(default_factory=list, max_length=50)
    address: SecretStr | None = Field(None, max_length=2_000)
    header: SecretStr | None = Field(None, max_length=2_000)
    verify: bool = True
    events: list[Told] = Field(default=["raised", "escalated", "reminder", "ended"], min_length=1, max_length=10)
    least_severity: Severity = Severity.LOW
    templates: dict[str, dict[Literal["title", "body"], Text]] = Field(default_factory=dict)
    for_people: bool = False
    enabled: bool = True
    rate_messages: int = Field(20, ge=1, le=1_000)
    rate_s: int = Field(600, ge=1, le=86_400)

    model_config = example(WEBHOOK)

    def channel(self) -> actions.Channel:
        """As actions take it."""
        values = self.model_dump()
        for name in ("password", "address", "header"):
            secret = getattr(self, name)
            values[name] = None if secret is None else secret.get_secret_value()
        return actions.Channel(**{**values, "recipients": tuple(self.recipients), "events": tuple(self.events)})


class Channel(Out):
    """A channel with how it does. `hint` says where it goes, without what is secret."""

    id: int
    name: str
    kind: Kind
    settings: dict[str, Any]
    hint: str
    events: list[str]
    least_severity: Severity
    templates: dict[str, dict[str, str]]
    for_people: bool
    enabled: bool
    rate_messages: int
    rate_s: int
    failures: int
    paused_until: Time | None
    last_sent_at: Time | None
    last_error: str | None
    last_error_at: Time | None
    waiting: int = Field(description="Notices that wait to be sent.")
    failed: int = Field(description="Notices that failed in the last 24 hours.")
    policies: list[str] | None


class Tested(Out):
    """What became of a test: how many messages were taken, and what the first that was not said."""

    sent: int
    error: str | None


class Notice(Out):
    """A message to one recipient by one channel."""

    id: int
    created_at: Time
    sent_at: Time | None
    channel_id: int | None
    channel: str
    recipient: str
    person: str | None
    what: str
    severity: Severity
    level: int
    title: str
    state: NOTICE_STATES
    attempts: int
    error: str | None
    alert_id: int | None


class Notices(Page):
    """The delivery log, the newest first."""

    notices: list[Notice]


@router.get("")
def list_channels(request: Request, actor: Manager) -> list[Channel]:
    """Every channel by name."""
    return _channels(request, actor)


@router.get("/notices")
def list_notices(
    request: Request,
    actor: Manager,
    channel_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    state: Annotated[list[NOTICE_STATES] | None, Query()] = None,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Notices:
    """What was sent to whom, and what was not and why."""
    before = None
    if cursor is not None:
        parts = read_cursor(cursor)
        if len(parts) != 1 or type(parts[0]) is not int or not 0 < parts[0] < 2**62:
            raise ActionError("cursor", "this is no cursor of ours")
        before = parts[0]
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        rows = queries.delivery_log(connection, channel_id=channel_id, states=state, before=before, limit=limit + 1)
    following = make_cursor(rows[limit - 1].id) if len(rows) > limit else None
    return Notices(notices=[Notice.model_validate(row) for row in rows[:limit]], next_cursor=following)


@router.get("/{channel_id}")
def get_channel(request: Request, actor: Manager, channel_id: Id) -> Channel:
    """One channel."""
    found = next((channel for channel in _channels(request, actor) if channel.id == channel_id), None)
    if found is None:
        raise ActionError("channel_id", "there is no such channel", status=404)
    return found


@router.post("", status_code=201)
def post_channel(request: Request, response: Response, actor: Manager, wish: ChannelWish) -> Channel:
    """Adds a channel. Where notices may go is a setting (docs/notices.md)."""
    services = services_of(request)
    channel_id = actions.create_channel(services.database, services.settings, actor, wish.channel())
    response.headers["Location"] = f"/api/v1/channels/{channel_id}"
    return get_channel(request, actor, channel_id)


@router.put("/{channel_id}")
def put_channel(request: Request, actor: Manager, channel_id: Id, wish: ChannelWish) -> Channel:
    """Changes a channel, which begins anew: no pause, no error. Its kind stays what it is."""
    services = services_of(request)
    actions.change_channel(services.database, services.settings, actor, channel_id, wish.channel())
    return get_channel(request, actor, channel_id)


@router.post("/{channel_id}/enable")
def enable_channel(request: Request, actor: Manager, channel_id: Id) -> Channel:
    """Switches it on."""
    actions.switch_channel(database_of(request), actor, channel_id, enabled=True)
    return get_channel(request, actor, channel_id)


@router.post("/{channel_id}/disable")
def disable_channel(request: Request, actor: Manager, channel_id: Id) -> Channel:
    """Switches it off."""
    actions.switch_channel(database_of(request), actor, channel_id, enabled=False)
    return get_channel(request, actor, channel_id)


@router.post("/{channel_id}/test")
def test_channel(request: Request, actor: Manager, channel_id: Id) -> Tested:
    """Sends a real message at once, and waits for what the service says."""
    services = services_of(request)
    return Tested.model_validate(actions.send_test(services.database, services.settings, actor, channel_id, datetime.now(UTC)))


@router.delete("/{channel_id}", status_code=204)
def delete_channel(request: Request, actor: Manager, channel_id: Id) -> None:
    """Removes it; policies no longer name it, its log stays."""
    actions.remove_channel(database_of(request), actor, channel_id)


def _channels(request: Request, actor: Actor) -> list[Channel]:
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        return [Channel.model_validate(row) for row in queries.channels(connection, datetime.now(UTC))]
