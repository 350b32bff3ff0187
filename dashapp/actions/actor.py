"""Who does something, and what stops them: the first thing that every action looks at."""

from dataclasses import dataclass
from typing import Literal

from dashapp.domain.fleet import Role

Kind = Literal["user", "key", "kiosk", "job", "command"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in the tenant `tenant_id`. Frozen: a changed role is a new actor, read from the database again.

    `lines` narrows a person to lines of the plant (None: every line). `home_tenant_id` is the tenant that the person belongs
    to, another one than `tenant_id` while somebody of the platform looks into a customer's plant. `device_id` is the one device that a key
    is for (None: every device).
    """

    kind: Kind
    id: int
    tenant_id: int
    role: Role
    lines: tuple[str, ...] | None = None
    name: str = ""
    address: str | None = None
    is_platform: bool = False
    home_tenant_id: int | None = None
    session_id: int | None = None
    device_id: int | None = None

    @property
    def label(self) -> str:
        """How the audit log names the actor: `user:7`, `key:3`, `kiosk:2`, `job:simulate`, `command`."""
        if self.kind in ("user", "key", "kiosk"):
            return f"{self.kind}:{self.id}"
        return f"{self.kind}:{self.name}" if self.kind == "job" and self.name else self.kind

    @property
    def home(self) -> int:
        """The tenant that holds the actor's own account and sessions."""
        return self.tenant_id if self.home_tenant_id is None else self.home_tenant_id


class ActionError(Exception):
    """An action that cannot be done as asked. `field` names what is wrong, `reason` says why, `status` is HTTP's number."""

    def __init__(self, field: str, reason: str, status: int = 422) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.status = status


class Forbidden(Exception):
    """The actor's role does not include what is asked. `required` is the least role that may; "person": no wall screen may."""

    def __init__(self, required: Role | Literal["platform", "person"]) -> None:
        super().__init__(f"this needs the role {required}")
        self.required = required


def require(actor: Actor, role: Role) -> None:
    """Passes an actor whose role includes `role`. Raises Forbidden for everyone else, and for every wall screen: it only shows."""
    require_no_screen(actor)
    if not actor.role.includes(role):
        raise Forbidden(role)


def require_no_screen(actor: Actor) -> None:
    """Passes everyone but a wall screen. Raises Forbidden."""
    if actor.kind == "kiosk":
        raise Forbidden("person")
