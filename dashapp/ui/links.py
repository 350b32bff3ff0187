"""Addresses that somebody else sent: of which plant they are (`?tenant=KEY`), and where Andon opens when nothing else is asked for."""

from typing import Any

import flask

from dashapp.actions import sessions, views
from dashapp.actions.actor import Actor
from dashapp.domain.addresses import TENANT, local_address, without
from dashapp.ingest.services import Services
from dashapp.ui.refusals import refusal
from db.queries import people


def arrive(who: Actor, running: Services) -> Any:
    """For a page that a person navigates to: None where it is to be shown, else where they go instead.

    An address of another plant is gone on with there by who may look into it, and refused to everyone else in words; whether there is
    such a plant is not said.
    """
    key = flask.request.args.get(TENANT)
    if key is None:
        return _opening(who, running)
    asked = flask.request.full_path if flask.request.query_string else flask.request.path
    address = without(local_address(asked) or "/", TENANT)
    plant = next((one for one in _plants(running) if one.key == key), None)
    if plant is not None and plant.id == who.tenant_id:
        return flask.redirect(address, 302)
    if plant is None or not (who.is_platform or plant.id == who.home):
        here = running.catalogue.of(who.tenant_id).name
        return refusal(
            403, "This link is of another plant",
            f"You are signed in to {here}, and the link is of a plant that your account does not belong to. Ask whoever sent it for access,"
            " or sign in with an account of that plant.",
        )  # fmt: skip
    sessions.enter_tenant(running.database, who, plant.id)
    return flask.redirect(address, 302)


def _opening(who: Actor, running: Services) -> Any:
    """Somebody who types Andon's bare address, or comes by a bookmark, gets to the page that they chose; who loads a page anew stays."""
    headers = flask.request.headers
    typed = headers.get("Sec-Fetch-Site") == "none" and "Cache-Control" not in headers
    if flask.request.path != "/" or flask.request.query_string or not typed or who.kind != "user":
        return None
    start = views.start_address(running.database, who.home, who.id, who.tenant_id)
    return None if start == "/" else flask.redirect(start, 302)


def _plants(running: Services) -> list[people.Tenant]:
    with running.database.engine.connect() as connection:
        return people.tenants(connection)
