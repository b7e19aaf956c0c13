"""What was: one thing as it was at some moment."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from strawberry.types.arguments import StrawberryArgument

from graph.fields.declared import NotCompilable, argument
from graph.fields.relations import ByIdField

__all__ = ["AS_OF_RULES", "AsOfRule", "ByIdAsOfField", "by_id_as_of"]

AsOfRule = Callable[..., Awaitable[Any]]
"""A rule of the services that finds a row as it was at a moment."""

AS_OF_RULES: dict[str, AsOfRule] = {}
"""By its name, each type that can be read as of a moment, with its rule."""


class ByIdAsOfField(ByIdField, compilable=True):
    """One thing by its id, as it is or as it was."""

    resolve_as_of: AsOfRule
    """The rule that finds it as it was."""

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Return the arguments: the id and the moment."""
        description = (
            f"Date and time for which to read the {self.target.name} as it was then; objects that it refers to are "
            "returned as they are now. The past object has a global ID of its own, with which `node` finds it. Null to "
            "read the current one."
        )
        return [*super().arguments, argument("as_of", datetime, description)]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Load it, or find it as it was."""
        moment = kwargs.get("as_of") or None
        if moment is None:
            return super().get_result(source, info, args, kwargs)
        return self._load_as_of(info.context, super().parse_arguments(kwargs), moment)

    def parse_arguments(self, kwargs: dict[str, Any]) -> UUID:
        """Return the id of the row, which is read as it is now."""
        if kwargs.get("as_of"):
            raise NotCompilable
        return super().parse_arguments(kwargs)

    async def _load_as_of(self, context: Any, row_id: UUID, moment: datetime) -> Any:
        return await self.resolve_as_of(await context.read(), context.actor, id=row_id, moment=moment)


def by_id_as_of(type_name: str, resolve_as_of: AsOfRule) -> Any:
    """Declare one object of the annotated type, which has this name, by its id: as it is or as it was at a moment."""
    AS_OF_RULES[type_name] = resolve_as_of
    field = ByIdAsOfField()
    field.resolve_as_of = resolve_as_of
    return field
