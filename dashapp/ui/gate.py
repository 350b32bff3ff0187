"""The way in and out: `/sign-in`, `/set-up` for the first visitor, `/sign-out`. Plain HTML forms that need no script."""

import hmac
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import flask
from flask import Blueprint, Response, request

from dashapp.actions import access, sessions, views
from dashapp.actions.access import SignInRefused
from dashapp.actions.actor import ActionError
from dashapp.domain.addresses import local_address
from dashapp.ui import csrf, visitor
from dashapp.ui.bundle import asset, styles_url
from dashapp.ui.refusals import CHALLENGE, refusal
from db.queries import people

SIGN_IN_PATH, SET_UP_PATH, SIGN_OUT_PATH = "/sign-in", "/set-up", "/sign-out"
PATHS = (SIGN_IN_PATH, SET_UP_PATH, SIGN_OUT_PATH)
EXPIRED = "This form was open for too long. Please send it again."
LARGEST_FORM = 50_000  # bytes
MOST_CODES = 10  # set-up codes tried from one network address in five minutes

gate = Blueprint("gate", __name__, template_folder="templates")
gate.after_request(csrf.keep)


@gate.before_request
def _take_little() -> None:
    request.max_content_length = LARGEST_FORM  # whoever fills these forms in is not known yet


@gate.get(SIGN_IN_PATH)
def show_sign_in() -> Any:
    """The form; past it for who is signed in, to the set-up while there is nobody."""
    wanted = safe_next(request.args.get("next"))
    if visitor.current_actor() is not None:
        return flask.redirect(wanted, 303)
    if not anybody():
        return flask.redirect(SET_UP_PATH, 303)
    return _sign_in_page(wanted)


@gate.post(SIGN_IN_PATH)
def take_sign_in() -> Any:
    """A session for the right e-mail address and password."""
    wanted, email = safe_next(request.form.get("next")), request.form.get("email", "")[:254]
    if not csrf.has_token(request):
        return _sign_in_page(wanted, email, EXPIRED, 403)
    try:
        signed_in = _sign_in(email, request.form.get("password", ""))
    except SignInRefused as refused:
        many = refused.reason == "too_many"
        response = _sign_in_page(wanted, email, f"{_sentence(str(refused))}.", 429 if many else 401)
        response.headers.update({"Retry-After": str(refused.retry_after_s)} if many else CHALLENGE)
        return response
    return _let_in(signed_in, wanted)


@gate.get(SET_UP_PATH)
def show_set_up() -> Any:
    """The first visitor's form; it is gone once somebody has an account."""
    return flask.redirect(SIGN_IN_PATH, 303) if anybody() else _set_up_page()


@gate.post(SET_UP_PATH)
def take_set_up() -> Any:
    """Makes the owner and signs them in. The set-up code proves that they can read the server's console."""
    services = visitor.running()
    if anybody():
        return flask.redirect(SIGN_IN_PATH, 303)
    if not csrf.has_token(request):
        return _set_up_page(ActionError("form", EXPIRED, status=403))
    email, password = request.form.get("email", ""), request.form.get("password", "")
    subject = access.address_subject("set-up", request.remote_addr)
    try:
        access.count_attempt(services.database, [(subject, MOST_CODES)], datetime.now(UTC))
        _check_code(request.form.get("code", ""))
        access.create_owner(
            services.database, tenant_id=_own_tenant().id, email=email, name=request.form.get("name", ""), password=password,
            address=request.remote_addr,
        )  # fmt: skip
    except SignInRefused as refused:
        return _set_up_page(ActionError("form", f"{_sentence(str(refused))}.", status=429))
    except ActionError as error:
        if anybody():
            return flask.redirect(SIGN_IN_PATH, 303)  # somebody else was first
        return _set_up_page(error)
    services.set_up_code = None
    return _let_in(_sign_in(email, password), "/")


@gate.post(SIGN_OUT_PATH)
def take_sign_out() -> Any:
    """Ends the session. Works from any of our pages, with the form's token or without."""
    actor = visitor.current_actor()
    if not csrf.is_surely_ours(request):
        return refusal(403, "Not signed out", "Please sign out with the button on one of the pages.")
    if actor is not None:
        sessions.sign_out(visitor.running().database, actor)
    response = flask.redirect(SIGN_IN_PATH, 303)
    visitor.take_cookie(response)
    return response


def anybody() -> bool:
    """Whether there is an account; asked of the database until there is one."""
    services = visitor.running()
    if "andon_anybody" not in flask.current_app.extensions and access.has_users(services.database):
        flask.current_app.extensions["andon_anybody"] = True
    return "andon_anybody" in flask.current_app.extensions


def safe_next(wanted: str | None) -> str:
    """Where to go after signing in: a path of this site with its query, else the first page."""
    address = local_address(wanted)
    return "/" if address is None or urlsplit(address).path in PATHS else address


def way_in() -> Response:
    """Sends a person who is not signed in to the form that is for them; where they wanted to go goes with them."""
    if not anybody():
        return _redirect(SET_UP_PATH)
    wanted = safe_next(request.full_path if request.query_string else request.path)
    return _redirect(SIGN_IN_PATH if wanted == "/" else f"{SIGN_IN_PATH}?{urlencode({'next': wanted}, safe='/')}")


def _redirect(target: str) -> Response:
    response = flask.redirect(target, 302)
    if visitor.COOKIE in request.cookies:
        visitor.take_cookie(response)  # of a session that has ended
    return response


def _sign_in(email: str, password: str) -> access.SignedIn:
    agent = request.headers.get("User-Agent")
    now, database = datetime.now(UTC), visitor.running().database
    return access.sign_in(database, email, password, request.remote_addr, agent, now, visitor.lasts())


def _let_in(signed_in: access.SignedIn, wanted: str) -> Response:
    before = visitor.current_actor()
    if before is not None:
        sessions.sign_out(visitor.running().database, before)  # one browser, one session
    if wanted == "/":
        running = visitor.running()
        wanted = views.start_address(running.database, signed_in.tenant_id, signed_in.user_id, signed_in.active_tenant_id)
    response = flask.redirect(wanted, 303)
    visitor.give_cookie(response, signed_in)
    return response


def _own_tenant() -> people.Tenant:
    """The plant of who runs this installation."""
    services = visitor.running()
    with services.database.engine.connect() as connection:
        tenants = people.tenants(connection)
    return next(tenant for tenant in tenants if services.open_tenant_id in (tenant.id, None) and not tenant.is_demo)


def _plant_name() -> str:
    name = _own_tenant().name
    return "your plant" if name == "Plant" else name


def _check_code(code: str) -> None:
    expected = visitor.running().set_up_code
    if expected is None:
        raise ActionError("code", "this server has printed none; start it again, then it does")
    given = "".join(code.split()).lower().encode("utf-8", "replace")
    if not hmac.compare_digest(given, expected.lower().encode()):
        raise ActionError("code", "this is not the code that the server printed when it started")


def _sign_in_page(wanted: str, email: str = "", error: str = "", status: int = 200) -> Response:
    return _page("sign-in.html", status, next=wanted, email=email, error=error)


def _set_up_page(error: ActionError | None = None) -> Response:
    typed = {name: request.form.get(name, "")[:254] for name in ("code", "name", "email")}
    errors = {} if error is None else {error.field: error.reason if error.field == "form" else f"{_sentence(error.reason)}."}
    return _page("set-up.html", 200 if error is None else error.status, typed=typed, errors=errors, plant=_plant_name())


def _page(template: str, status: int, **values: Any) -> Response:
    body = flask.render_template(f"andon/{template}", csrf=csrf.token(), csrf_field=csrf.FIELD, **values)
    return Response(body, status, mimetype="text/html")


@gate.app_context_processor
def _assets() -> dict[str, Any]:
    return {"asset": asset, "styles": styles_url()}


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
