"""Escalation policies: who is told of an alert, and who next while nobody answers. REQUIREMENTS AL-4, docs/notices.md."""

from fastapi import APIRouter, Request, Response
from pydantic import Field

from dashapp.actions import policies as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.api.rest.common import database_of
from dashapp.api.routes import Route
from dashapp.api.security import Manager
from dashapp.api.shapes import Id, In, Number, Out, example
from dashapp.domain.fleet import Role
from db.queries import notices as queries
from db.queries.notices import Step, Target
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/policies", tags=["notices"], route_class=Route)
EXAMPLE = {
    "name": "Night shift", "reminder_every_s": 900,
    "steps": [{"after_s": 0, "targets": [{"role": "operator"}]}, {"after_s": 600, "targets": [{"role": "manager"}]}],
}  # fmt: skip


class TargetWish(In):
    """Whom a step tells: a channel, a person, or everyone of a role."""

    channel_id: Number | None = None
    user_id: Number | None = None
    role: Role | None = None


class StepWish(In):
    """A step: whom it tells, so many seconds after the alert was announced. The first is at 0."""

    after_s: int = Field(ge=0, le=7 * 86_400)
    targets: list[TargetWish] = Field(min_length=1, max_length=50)


class PolicyWish(In):
    """A policy. Without `reminder_every_s` nobody is reminded; the default one is for rules that name none."""

    name: str = Field(min_length=1, max_length=200)
    steps: list[StepWish] = Field(min_length=1, max_length=10)
    reminder_every_s: int | None = Field(None, ge=60, le=7 * 86_400)
    is_default: bool = False

    model_config = example(EXAMPLE)

    def policy(self) -> actions.Policy:
        """As actions take it."""
        steps = [
            Step(position, step.after_s, tuple(Target(one.channel_id, one.user_id, one.role) for one in step.targets))
            for position, step in enumerate(self.steps)
        ]
        return actions.Policy(self.name, steps, self.reminder_every_s, self.is_default)


class TargetOut(Out):
    """Whom a step tells."""

    channel_id: int | None
    user_id: int | None
    role: Role | None


class StepOut(Out):
    """A step."""

    after_s: int
    targets: list[TargetOut]


class PolicyOut(Out):
    """A policy with its steps."""

    id: int
    name: str
    is_default: bool
    reminder_every_s: int | None
    steps: list[StepOut]


@router.get("")
def list_policies(request: Request, actor: Manager) -> list[PolicyOut]:
    """Every policy, the default one first."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        return [PolicyOut.model_validate(policy) for policy in queries.policies(connection)]


@router.get("/{policy_id}")
def get_policy(request: Request, actor: Manager, policy_id: Id) -> PolicyOut:
    """One policy."""
    return _one(request, actor, policy_id)


@router.post("", status_code=201)
def post_policy(request: Request, response: Response, actor: Manager, wish: PolicyWish) -> PolicyOut:
    """Makes a policy. 409 where the name is taken."""
    policy_id = actions.create_policy(database_of(request), actor, wish.policy())
    response.headers["Location"] = f"/api/v1/policies/{policy_id}"
    return _one(request, actor, policy_id)


@router.put("/{policy_id}")
def put_policy(request: Request, actor: Manager, policy_id: Id, wish: PolicyWish) -> PolicyOut:
    """Changes it, from the next event on."""
    actions.change_policy(database_of(request), actor, policy_id, wish.policy())
    return _one(request, actor, policy_id)


@router.delete("/{policy_id}", status_code=204)
def delete_policy(request: Request, actor: Manager, policy_id: Id) -> None:
    """Removes it; rules that name it go by the default one."""
    actions.remove_policy(database_of(request), actor, policy_id)


def _one(request: Request, actor: Actor, policy_id: int) -> PolicyOut:
    found = next((policy for policy in list_policies(request, actor) if policy.id == policy_id), None)
    if found is None:
        raise ActionError("policy_id", "there is no such policy", status=404)
    return found
