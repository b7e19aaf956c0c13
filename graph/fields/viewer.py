"""Fields about who asks: what their identity says, and what it names.

tenant: Tenant | None = own("tenant_id")             the thing that the identity names
role: Role | None = claim("role")                    something that it says
is_current: bool = matches("id", "session_id")       whether a column holds the same
token: str | None = shown_once()                     a secret that this operation made
"""

from typing import Any

from graph.fields.declared import Declared, with_attributes

__all__ = ["Claim", "Matches", "Own", "ShownOnce", "claim", "matches", "own", "shown_once"]


class Own(Declared):
    """The thing that the actor's own identity names: their account, their tenant; null without one."""

    attribute: str

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it."""
        value = getattr(info.context.actor.identity, self.attribute)
        if value is None:
            info.context.require_good_token()
            return None
        return info.context.loaders.one(self.target.collection, "id", value)


class Claim(Declared):
    """Something that the actor's identity says, whatever the row."""

    attribute: str

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Read it from the identity."""
        return getattr(info.context.actor.identity, self.attribute)


class Matches(Declared):
    """Whether a column holds what the actor's identity says."""

    column: str
    attribute: str

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> bool:  # noqa: ARG002  # Strawberry's signature
        """Compare the two."""
        return bool(getattr(source, self.column) == getattr(info.context.actor.identity, self.attribute))


class ShownOnce(Declared):
    """A secret that is shown in the answer of the mutation that made it, and null ever after."""

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> str | None:  # noqa: ARG002  # Strawberry's signature
        """Look whether this operation made it."""
        secret: str | None = info.context.shown_once.get(source.id)
        return secret


def own(attribute: str) -> Any:
    """The thing of the annotated type whose id is in the actor's identity."""
    return with_attributes(Own(), attribute=attribute)


def claim(attribute: str) -> Any:
    """What the actor's identity says under this name."""
    return with_attributes(Claim(), attribute=attribute)


def matches(name: str, attribute: str) -> Any:
    """Whether this type's column `name` holds what the actor's identity says."""
    return with_attributes(Matches(), column=name, attribute=attribute)


def shown_once() -> Any:
    """The secret that this operation made for the row."""
    return ShownOnce()
