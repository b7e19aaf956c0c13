"""The identity of a caller, their tenant and their address: the arguments of `atrium_enter`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any
from uuid import UUID

__all__ = [
    "CHECK_SESSIONS_QUERY",
    "ENTER_CALL",
    "ENTER_PARAMETERS",
    "NOBODY",
    "Identity",
    "check_sessions_arguments",
    "enter_arguments",
    "read_enter_arguments",
]


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller, their tenant and their address; `NOBODY` is an anonymous caller."""

    tenant_id: UUID | None = None
    user_id: UUID | None = None
    role: str | None = None
    session_id: UUID | None = None
    request_id: str = ""
    ip: str = ""
    user_agent: str = ""
    operation: str = ""
    """What it does, such as `createTask`; the audit log keeps it."""
    api_key_id: UUID | None = None
    """The API key of the request, which acts in the name of its maker; there is no session then."""

    def without_user(self) -> "Identity":
        """Return where the request comes from, without the user."""
        return Identity(request_id=self.request_id, ip=self.ip, user_agent=self.user_agent)

    def without_origin(self) -> "Identity":
        """Return the caller and their tenant, without address and request."""
        return Identity(self.tenant_id, self.user_id, self.role, self.session_id, api_key_id=self.api_key_id)


NOBODY = Identity()


ENTER_PARAMETERS: Mapping[str, str] = {
    "tenant_id": "uuid",
    "user_id": "uuid",
    "role": "text",
    "session_id": "uuid",
    "request_id": "text",
    "ip": "text",
    "user_agent": "text",
    "operation": "text",
    "api_key_id": "uuid",
}
"""What `atrium_enter` takes of an identity, in its order, and the types of that."""

ENTER_CALL = (
    f"atrium_enter({', '.join(f'${number}::{type_}' for number, type_ in enumerate(ENTER_PARAMETERS.values(), 1))})"
)
"""The entry as the driver takes it, as the first parameters of a statement."""

enter_arguments: Callable[[Identity], tuple[Any, ...]] = attrgetter(*ENTER_PARAMETERS)
"""The values of those parameters."""


def read_enter_arguments(identity: Identity) -> tuple[Any, ...]:
    """Return the arguments of `atrium_enter` for a reader: without those that only the audit log needs."""
    return (
        identity.tenant_id,
        identity.user_id,
        identity.role,
        identity.session_id,
        None,
        None,
        None,
        None,
        identity.api_key_id,
    )


LIVENESS_PARAMETERS: Mapping[str, str] = {
    name: ENTER_PARAMETERS[name] for name in ("tenant_id", "user_id", "role", "session_id", "api_key_id")
}
"""The parts of an identity that decide whether it is authorized."""

_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(LIVENESS_PARAMETERS.values(), 1))
_ENTERED = ", ".join(f"asked.{name}" if name in LIVENESS_PARAMETERS else "NULL" for name in ENTER_PARAMETERS)

CHECK_SESSIONS_QUERY = (
    f"SELECT array_agg(asked.number) FROM unnest({_ARRAYS})"  # noqa: S608  # names of ours
    f" WITH ORDINALITY AS asked({', '.join(LIVENESS_PARAMETERS)}, number), LATERAL atrium_enter({_ENTERED}) AS entered"
)
"""Which of many identities, counted from 1, are authorized. The settings that are made end with the statement."""


def check_sessions_arguments(identities: Sequence[Identity]) -> list[list[Any]]:
    """Return the parameters of `CHECK_SESSIONS_QUERY`: one list for each column."""
    return [[getattr(identity, name) for identity in identities] for name in LIVENESS_PARAMETERS]
