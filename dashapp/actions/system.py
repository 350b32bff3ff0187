"""What people of the platform can do with the installation as a whole."""

from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.domain.fleet import Role
from db.commands import audit
from db.commands import system as commands
from db.engine import Database
from db.tenancy import tenant_transaction


def run_job(database: Database, actor: Actor, name: str) -> int:
    """Asks whichever replica runs the jobs to run one now; the request's id.

    Raises Forbidden for people of a plant, ActionError 409 where a run is waiting already or there is no such job.
    """
    if not actor.is_platform or not actor.role.includes(Role.ADMIN):
        raise Forbidden("platform")
    with tenant_transaction(database.engine, actor.home) as connection:
        request_id = commands.request_job(connection, name, actor.label)
        if request_id is None:
            raise ActionError("job", f"there is no job {name}, or a run of it is waiting already", status=409)
        audit.record(connection, actor, "run_job", name, {"request": request_id})
    return request_id
