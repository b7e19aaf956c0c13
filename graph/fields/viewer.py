"""Fields about the viewer: attributes of the identity, and the objects that it references.

tenant: Tenant | None = viewer_reference("tenant_id")      the object that the identity references
role: Role | None = viewer_attribute("role")               an attribute of the identity
is_current: bool = equals_viewer("id", "session_id")       whether a column equals such an attribute
token: str | None = one_time_secret()                      a secret that this operation made
permissions: list[Permission] = viewer_permissions(Permission)   what the caller is permitted
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

from graph.fields.declared import DeclaredField, with_attributes

__all__ = [
    "EqualsViewer",
    "OneTimeSecret",
    "ViewerAttribute",
    "ViewerPermissions",
    "ViewerReference",
    "equals_viewer",
    "one_time_secret",
    "viewer_attribute",
    "viewer_permissions",
    "viewer_reference",
]


class ViewerReference(DeclaredField, compilable=True):
    """The thing that the actor's own identity names: their account, their tenant; null without one."""

    attribute: str
    key: str = "id"
    needs: str = ""
    """Another attribute of the identity without which there is none."""

    @property
    def required_attributes(self) -> tuple[str, ...]:
        """Return the attributes without any of which there is nothing to refer to."""
        return (self.attribute, self.needs) if self.needs else (self.attribute,)

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it."""
        identity = info.context.actor.identity
        if any(getattr(identity, name) is None for name in self.required_attributes):
            info.context.caller.reject_invalid_token()
            return None
        return info.context.loaders.one(self.target.collection, self.key, getattr(identity, self.attribute))


class ViewerAttribute(DeclaredField, compilable=True):
    """Something that the actor's identity says, whatever the row."""

    attribute: str

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Read it from the identity."""
        return getattr(info.context.actor.identity, self.attribute)


class ViewerPermissions(DeclaredField, compilable=True):
    """The permissions that the actor has, as members of an enum."""

    told: Sequence[Enum]

    def told_of(self, permissions: AbstractSet[str]) -> list[Enum]:
        """Return those permissions that are told, in the order of the enum."""
        return [each for each in self.told if each.value in permissions]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> list[Enum]:  # noqa: ARG002  # Strawberry's signature
        """Read them from the actor."""
        return self.told_of(info.context.actor.permissions)


class EqualsViewer(DeclaredField, compilable=True):
    """Whether a column holds what the actor's identity says."""

    column: str
    attribute: str

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> bool:  # noqa: ARG002  # Strawberry's signature
        """Compare the two."""
        return bool(getattr(source, self.column) == getattr(info.context.actor.identity, self.attribute))


class OneTimeSecret(DeclaredField, compilable=True):
    """A secret that is shown in the answer of the mutation that made it, and null ever after."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> str | None:  # noqa: ARG002  # Strawberry's signature
        """Look whether this operation made it."""
        secret: str | None = info.context.one_time_secrets.get(source.id)
        return secret


def viewer_reference(attribute: str, key: str = "id", *, needs: str = "") -> Any:
    """Return the thing of the annotated type whose `key` is in the actor's identity; null without what it `needs`."""
    return with_attributes(ViewerReference(), attribute=attribute, key=key, needs=needs)


def viewer_permissions(told: Iterable[Enum]) -> Any:
    """Return the actor's permissions, as far as they are among these members of an enum."""
    return with_attributes(ViewerPermissions(), told=tuple(told))


def viewer_attribute(attribute: str) -> Any:
    """Return what the actor's identity says under this name."""
    return with_attributes(ViewerAttribute(), attribute=attribute)


def equals_viewer(name: str, attribute: str) -> Any:
    """Return whether this type's column `name` holds what the actor's identity says."""
    return with_attributes(EqualsViewer(), column=name, attribute=attribute)


def one_time_secret() -> Any:
    """Return the secret that this operation made for the row."""
    return OneTimeSecret()
