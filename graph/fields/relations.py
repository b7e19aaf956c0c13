"""Fields that lead to other rows: to one, to many, by id, and connections."""

from functools import cached_property
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types.arguments import StrawberryArgument

from graph.fields.connection import to_connection_later
from graph.fields.declared import DeclaredField, argument, require_filter_type, with_attributes
from graph.fields.inputs import page_kwargs, to_kwargs
from graph.fields.scalars import from_global_id
from services.queries.collection import Collection
from services.queries.page_request import PageRequest

__all__ = [
    "ByIdField",
    "ByKeyField",
    "ConnectionField",
    "ToMany",
    "ToOne",
    "by_id",
    "by_key",
    "connection",
    "page_arguments",
    "to_many",
    "to_one",
]


class ToOne(DeclaredField, compilable=True):
    """The row that a column of this one points at."""

    column: str
    key: str
    base_collection: Collection | None = None
    """Where the row is looked for, if not among all that there is of the type."""

    @property
    def collection(self) -> Collection:
        """Return where the row is looked for."""
        return self.base_collection or self.target.collection

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it, together with those of all the other rows."""
        value = getattr(source, self.column)
        return None if value is None else info.context.loaders.one(self.collection, self.key, value)


class ByIdField(DeclaredField, compilable=True):
    """One thing by its id; null when there is none, or none that may be seen."""

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Return its id."""
        return [argument("id", strawberry.ID, f"Global ID of the {self.target.name} to read.", required=True)]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it, together with all the others that the operation asks for."""
        return info.context.loaders.one(self.target.collection, "id", ByIdField.parse_arguments(self, kwargs))

    def parse_arguments(self, kwargs: dict[str, Any]) -> UUID:
        """Return the id of the row."""
        return from_global_id(kwargs["id"], self.target.name)


class ByKeyField(DeclaredField, compilable=True):
    """One thing by a column that is unique in the tenant; null when there is none, or none that may be seen."""

    key: str
    value_type: type
    description_of_key: str

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Return the key."""
        return [argument(self.key, self.value_type, self.description_of_key, required=True)]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it, together with all the others that the operation asks for."""
        return info.context.loaders.one(self.target.collection, self.key, self.parse_arguments(kwargs))

    def parse_arguments(self, kwargs: dict[str, Any]) -> Any:
        """Return the value of the key."""
        return kwargs[self.key]


class ConnectionField(DeclaredField, compilable=True):
    """A page of a collection."""

    base_collection: Collection | None = None
    """What is listed, if not all that there is of the type."""
    filter_type: type | None = None
    order_type: type | None = None

    @property
    def collection(self) -> Collection:
        """Return what is listed; unless it is said `base_collection` what, all that there is of the type."""
        return self.base_collection or self.target.collection

    @cached_property
    def list_name(self) -> str:
        """Return the list's name, which its cursors are bound to."""
        return f"{getattr(self.origin, '__name__', '')}.{self.python_name}"

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Return how to page, filter and sort."""
        return self._list_arguments

    @cached_property
    def _list_arguments(self) -> list[StrawberryArgument]:
        arguments = page_arguments()
        own = (self.filter_type, self.order_type)
        filter_type, order_type = (self.target.filter, self.target.order) if self.base_collection is None else own
        if filter_type is not None:
            description = "Conditions that the listed items must meet; omit them to get the default list."
            arguments.append(argument("filter", filter_type, description))
        if order_type is not None:
            description = "Sort order of the listed items; omit it to get the default order."
            arguments.append(argument("order_by", order_type, description))
        return arguments

    def parse_arguments(self, kwargs: dict[str, Any]) -> PageRequest:
        """Return the page that the arguments ask for."""
        order = kwargs.get("order_by") or None
        wanted = kwargs.get("filter") or None
        return PageRequest.of(
            self.collection,
            self.list_name,
            order=(order.field.value, order.direction.value == "desc" if order.direction else None) if order else None,
            filters=to_kwargs(wanted, "filter") if wanted else None,
            **page_kwargs(kwargs),
        )

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load the page, and the count when it is asked for."""
        request, collection, loaders = self.parse_arguments(kwargs), self.collection, info.context.loaders
        return to_connection_later(loaders.page(collection, request), lambda: loaders.count(collection, request))


class ToMany(ConnectionField, compilable=True):
    """A page of the rows that point at this one."""

    column: str
    key: str

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load the page, together with those of all the other rows, and the counts when they are asked for."""
        request, collection, loaders = self.parse_arguments(kwargs), self.collection, info.context.loaders
        parent = getattr(source, self.key)
        return to_connection_later(
            loaders.related_page(collection, request, self.column, parent),
            lambda: loaders.related_count(collection, request, self.column, parent),
        )


def page_arguments() -> list[StrawberryArgument]:
    """Return the paging arguments of a Relay connection."""
    return [
        argument(
            "first",
            int,
            "Maximum number of items to return from the start of the list, or after the cursor `after`: 1 to 100; "
            "20 if neither `first` nor `last` is given.",
        ),
        argument(
            "after",
            str,
            "Cursor from the same list; the page starts after the item with this cursor. Cannot be combined with "
            "`last`.",
        ),
        argument(
            "last",
            int,
            "Maximum number of items to return from the end of the list, or before the cursor `before`: 1 to 100. "
            "Cannot be combined with `first` or `after`.",
        ),
        argument(
            "before",
            str,
            "Cursor from the same list; the page ends before the item with this cursor. Requires `last`.",
        ),
    ]


def to_one(name: str, key: str = "id", *, of: Collection | None = None) -> Any:
    """Return the row of the annotated type, or of a collection of it, whose `key` is in this type's column `name`."""
    return with_attributes(ToOne(), column=name, key=key, base_collection=of)


def to_many(name: str, key: str = "id") -> Any:
    """Return the rows of the annotated type whose column `name` holds this type's `key`."""
    return with_attributes(ToMany(), column=name, key=key)


def by_id() -> Any:
    """Return one thing of the annotated type, by its id."""
    return ByIdField()


def by_key(name: str, value_type: type, description: str) -> Any:
    """Return one thing of the annotated type, by its column `name`, which is unique in the tenant."""
    return with_attributes(ByKeyField(), key=name, value_type=value_type, description_of_key=description)


def connection(collection: Collection | None = None, *, filter: type | None = None, order: type | None = None) -> Any:
    """Return a Relay connection over everything of the annotated type, filtered and sorted as the type says.

    Or over a collection of rows of that type, with a filter and an order of its own.
    """
    if collection is not None:
        require_filter_type(collection, filter)
    return with_attributes(ConnectionField(), base_collection=collection, filter_type=filter, order_type=order)
