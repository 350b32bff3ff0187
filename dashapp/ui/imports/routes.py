"""Two routes of the import pages: a file comes in as the body of a request, and the list of what was not stored goes out."""

import json
import threading
from collections.abc import Iterator

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import ClientDisconnected

from dashapp.actions.actor import require
from dashapp.actions.imports import register_upload
from dashapp.domain.fleet import Role
from dashapp.ingest import uploads
from dashapp.ingest.services import Services
from dashapp.ingest.uploads import UploadRefused
from dashapp.sheets import Row
from dashapp.ui import csrf
from dashapp.ui.context import actor, services, tenant_id
from dashapp.ui.exports import FORMS, streamed
from dashapp.ui.refusals import refusal
from db.queries.imports import find_import, import_problems
from db.tenancy import tenant_reading

AT_ONCE = 2  # each upload holds one of the threads that pages are answered by
UPLOAD = "/import/upload"
PROBLEMS = ("line", "what", "column or sensor", "reason", "value in the file", "value that is kept")

imports = Blueprint("imports", __name__)
_places = threading.BoundedSemaphore(AT_ONCE)


def register_imports(server: Flask) -> None:
    """Adds the routes."""
    server.register_blueprint(imports)


@imports.post(UPLOAD)
def upload() -> Response:
    """`?name=` is the file's name, the body its bytes. 201 with the address of the import that begins with it."""
    who, running = actor(), services()
    require(who, Role.MANAGER)
    if not csrf.is_surely_ours(request):
        return refusal(403, "Not allowed", "Please choose the file on the page Import.")
    size = request.content_length or 0
    if not size and "Transfer-Encoding" in request.headers:
        return refusal(411, "Not taken", "The request does not say how long the file is.")
    if not _places.acquire(blocking=False):
        return refusal(503, "Not now", "Other files are being sent. Try again in a moment.", headers={"Retry-After": "10"})
    try:
        uploads.check_room(running.settings, size)
        request.max_content_length = running.settings.upload_bytes  # of this route alone, and of nothing but its bytes
        kept = uploads.receive(running.settings, request.stream.read, size)
    except UploadRefused as refused:
        return refusal(refused.status, "Not taken", refused.reason)
    except (ClientDisconnected, ConnectionError):
        return refusal(400, "Not taken", "The connection ended before the whole file was here.")
    finally:
        _places.release()
    made = register_upload(running.database, who, request.args.get("name", ""), kept, size)
    return Response(json.dumps({"id": made, "href": f"/import/{made}"}), 201, mimetype="application/json")


@imports.get(f"/import/<int:number>/problems.<{FORMS}:form>")
def problems(number: int, form: str) -> Response:
    """Conflicts and refused rows of an import, line by line, as far as they are listed."""
    require(actor(), Role.MANAGER)
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        found = find_import(connection, number)
    if found is None:
        return Response(f"There is no import {number}.\n", 404, mimetype="text/plain")
    stem = f"{found.file_name.rsplit('.', 1)[0]}_not_stored"
    return streamed(stem, form, PROBLEMS, lambda app, tenant: _problem_rows(app, tenant, number))


def _problem_rows(app: Services, tenant: int, number: int) -> Iterator[Row]:
    with tenant_reading(app.database.engine, tenant) as connection:
        for piece in import_problems(connection, number):
            yield from piece
