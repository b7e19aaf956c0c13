"""Fields that are data: what a type shows of its table, declared once.

    @node(TASKS)
    class Task(Node):
        title: str                                     the column of that name
        joined_at: datetime = column("created_at")     a column of another name
        project: Project | None = one("project_id")    the row that a column points at
        tasks: Connection[Task] = many("project_id")   the rows that point here, paged per parent
        next_statuses: list[Status] = sql("next_statuses")   an expression that the services named

and for the root, `task: Task | None = single()` and `tasks: Connection[Task] = listing()`.

Each declaration is a Strawberry field whose attributes say all there is to know: the schema is printed from it, the
loaders answer it, and the compiler turns it into SQL.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ForwardRef, TypeVar, get_args, get_origin
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryOptional, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType, StrawberryLazyReference

from graph.fields.connection import to_connection_later
from graph.fields.descriptions import describe_attributes, docstring_summary, interface
from graph.fields.inputs import page_kwargs, to_kwargs
from graph.fields.money import Money
from graph.fields.scalars import from_global_id, to_global_id
from models.base import Model, row_class
from services.queries.collection import Collection, PageRequest

__all__ = [
    "NODE_TYPES",
    "ByIdField",
    "Column",
    "ConnectionField",
    "DeclaredField",
    "ExpressionField",
    "MoneyField",
    "Node",
    "NotCompilable",
    "ToMany",
    "ToOne",
    "TypeBinding",
    "argument",
    "backed_by",
    "binding_of",
    "by_id",
    "column",
    "connection",
    "expression",
    "money",
    "to_many",
    "to_one",
    "with_attributes",
]

ClassType = TypeVar("ClassType", bound=type)


@dataclass(frozen=True, slots=True)
class TypeBinding:
    """What a GraphQL type stands for: its name, and the collection that its rows come from."""

    name: str
    collection: Collection


NODE_TYPES: dict[str, TypeBinding] = {}
"""Every type that is a `Node`, by its name."""


class DeclaredField(StrawberryField):
    """A field that needs no code of its own."""

    binding: TypeBinding
    """The type that it belongs to; the root's fields have none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.init = self.repr = self.compare = False  # it is answered, never given to an instance

    @property
    def is_basic_field(self) -> bool:
        """Whether it can be answered without knowing who asks; only columns can."""
        return False

    @cached_property
    def target(self) -> TypeBinding:
        """The type that this leads to."""
        return binding_of(self.type)

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """The field's value for one row; Strawberry calls this in place of a resolver."""
        raise NotImplementedError  # each kind answers in its own way

    def parse_arguments(self, kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # those without arguments
        """What the arguments ask for, checked, as the compiler needs it. Who overrides `get_result` says this anew.

        Raises: InvalidInput, for what breaks a rule; NeedsPython, for what no statement can answer in its place.
        """
        return None


class NotCompilable(Exception):
    """What is asked for can be answered by code only."""


class Column(DeclaredField):
    """A column of the type's own table."""

    column: str = ""

    @property
    def is_basic_field(self) -> bool:
        """It is."""
        return True

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Read it from the row."""
        return getattr(source, self.column or self.python_name)


class GlobalId(DeclaredField):
    """A row's id in the whole schema."""

    @property
    def is_basic_field(self) -> bool:
        """It is."""
        return True

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> str:  # noqa: ARG002  # Strawberry's signature
        """Write it."""
        return to_global_id(self.binding.name, source.id)


class ToOne(DeclaredField):
    """The row that a column of this one points at."""

    column: str
    key: str

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it, together with those of all the other rows."""
        value = getattr(source, self.column)
        return None if value is None else info.context.loaders.one(self.target.collection, self.key, value)


class ExpressionField(DeclaredField):
    """An expression over the type's own table that the services named."""

    expression: str

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Compute it, together with those of all the other rows."""
        return info.context.loaders.expression(self.binding.collection, self.expression, source.id)


class MoneyField(DeclaredField):
    """An amount in minor units, by a column or a named expression, and the column of its currency."""

    minor: str
    currency: str
    computed: bool

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Put the two together."""
        currency = getattr(source, self.currency)
        if not self.computed:
            return Money.from_minor_units(getattr(source, self.minor), currency)
        minor = info.context.loaders.expression(self.binding.collection, self.minor, source.id)
        return _as_money(minor, currency)


class ByIdField(DeclaredField):
    """One thing by its id; null when there is none, or none that may be seen."""

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """Its id."""
        return [argument("id", strawberry.ID, f"The id of the {self.target.name}.", required=True)]

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load it, together with all the others that the operation asks for."""
        return info.context.loaders.one(self.target.collection, "id", ByIdField.parse_arguments(self, kwargs))

    def parse_arguments(self, kwargs: dict[str, Any]) -> UUID:
        """The id of the row."""
        return from_global_id(kwargs["id"], self.target.name)


class ConnectionField(DeclaredField):
    """A page of a collection."""

    base_collection: Collection | None = None
    input_prefix: str | None = None
    """What its filter and order are named after, if not after the type that is listed."""

    @property
    def collection(self) -> Collection:
        """What is listed; unless it is said `base_collection` what, all that there is of the type."""
        return self.base_collection or self.target.collection

    @cached_property
    def list_name(self) -> str:
        """The list's name, which its cursors are bound to."""
        return f"{getattr(self.origin, '__name__', '')}.{self.python_name}"

    @property  # type: ignore[misc]  # nobody sets them, though Strawberry's can be
    def arguments(self) -> list[StrawberryArgument]:
        """How to page, filter and sort."""
        return self._list_arguments

    @cached_property
    def _list_arguments(self) -> list[StrawberryArgument]:
        arguments = [
            argument("first", int, "How many rows from the beginning or after `after`: 1 to 100, 20 by default."),
            argument("after", str, "A cursor of this list; the page begins behind it."),
            argument("last", int, "How many rows from the end or before `before`: 1 to 100."),
            argument("before", str, "A cursor of this list; the page ends before it."),
        ]
        if self.collection.filters:
            type_ = _annotated_target(self.type_annotation)
            arguments += [
                argument("filter", _input_type_of(type_, "Filter", self.input_prefix), "Which rows are listed."),
                argument("order_by", _input_type_of(type_, "Order", self.input_prefix), "How they are sorted."),
            ]
        return arguments

    def parse_arguments(self, kwargs: dict[str, Any]) -> PageRequest:
        """The page that the arguments ask for."""
        order = kwargs.get("order_by") or None
        wanted = kwargs.get("filter") or None
        return PageRequest.of(
            self.collection,
            self.list_name,
            order=(order.field.value, order.direction.value == "desc") if order else None,
            filters=to_kwargs(wanted, "filter") if wanted else None,
            **page_kwargs(kwargs),
        )

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # Strawberry's signature
        """Load the page, and the count when it is asked for."""
        request, collection, loaders = self.parse_arguments(kwargs), self.collection, info.context.loaders
        return to_connection_later(loaders.page(collection, request), lambda: loaders.count(collection, request))


class ToMany(ConnectionField):
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


def column(name: str = "") -> Any:
    """A column of the type's table; by default the one of the field's own name."""
    return with_attributes(Column(), column=name)


def to_one(name: str, key: str = "id") -> Any:
    """The row of the annotated type whose `key` is in this type's column `name`."""
    return with_attributes(ToOne(), column=name, key=key)


def to_many(name: str, key: str = "id") -> Any:
    """The rows of the annotated type whose column `name` holds this type's `key`."""
    return with_attributes(ToMany(), column=name, key=key)


def expression(name: str) -> Any:
    """One of the collection's named expressions."""
    return with_attributes(ExpressionField(), expression=name)


def money(minor: str, currency: str = "currency", *, computed: bool = False) -> Any:
    """An amount: the column of its minor units, or if `computed` the expression of that name; and its currency's."""
    return with_attributes(MoneyField(), minor=minor, currency=currency, computed=computed)


def by_id() -> Any:
    """One thing of the annotated type, by its id."""
    return ByIdField()


def connection(collection: Collection | None = None, input_prefix: str | None = None) -> Any:
    """Everything of the annotated type, or of a collection of its rows, in pages.

    Its filter and order are named after the type, or after `input_prefix`.
    """
    return with_attributes(ConnectionField(), base_collection=collection, input_prefix=input_prefix)


@interface
class Node:
    """Anything with an id of its own."""

    id: strawberry.ID = strawberry.field(description="The id, unique among all things of all types; opaque.")


def backed_by(collection: Collection, name: str | None = None) -> Callable[[ClassType], ClassType]:
    """Make a class the GraphQL type of a collection's rows.

    Its annotations become fields: those without a declaration are columns of the same name. Rows resolve directly;
    they are never copied into instances of the class.
    """

    def decorate(cls: ClassType) -> ClassType:
        binding = TypeBinding(name or cls.__name__, collection)
        annotations = inspect.get_annotations(cls)
        for attribute in annotations:
            if attribute not in cls.__dict__:
                setattr(cls, attribute, column())
        if issubclass(cls, Node):
            cls.id = GlobalId(description="The id, unique among all things of all types; opaque.")  # type: ignore[assignment]  # a declaration
            cls.__annotations__["id"] = strawberry.ID
            NODE_TYPES[binding.name] = binding
        cls.is_type_of = staticmethod(_row_check(collection.model))  # type: ignore[attr-defined]  # Strawberry's hook
        cls.__type_binding__ = binding  # type: ignore[attr-defined]  # where `binding_of` finds it
        type_: ClassType = strawberry.type(
            describe_attributes(cls), name=binding.name, description=docstring_summary(cls)
        )
        for field in get_object_definition(type_, strict=True).fields:
            if isinstance(field, DeclaredField):
                field.binding = binding
        return type_

    return decorate


def binding_of(type_: Any) -> TypeBinding:
    """The definition behind a field's type: of the type itself, or of a connection's nodes."""
    if isinstance(type_, StrawberryOptional):
        return binding_of(type_.of_type)
    if isinstance(type_, LazyType):
        return binding_of(type_.resolve_type())
    if binding := getattr(type_, "__type_binding__", None):
        assert isinstance(binding, TypeBinding)
        return binding
    generic = get_object_definition(type_, strict=True)
    return binding_of(next(iter(generic.type_var_map.values())))


def with_attributes(field: Any, **attributes: Any) -> Any:
    """A declared field with what it says of itself."""
    vars(field).update(attributes)
    return field


async def _as_money(minor: Awaitable[int], currency: str) -> Money:
    return Money.from_minor_units(await minor, currency)


def _row_check(model: type[Model]) -> Callable[[Any, Any], bool]:
    classes = (model, row_class(model))
    return lambda value, _info: isinstance(value, classes)


def argument(name: str, type_: Any, description: str, *, required: bool = False) -> StrawberryArgument:
    """An argument of a declared field; absent and null mean the same."""
    return StrawberryArgument(
        python_name=name,
        graphql_name=None,
        type_annotation=StrawberryAnnotation(type_ if required else type_ | None),
        description=description,
        default=UNSET,
    )


def _annotated_target(annotation: StrawberryAnnotation | None) -> Any:
    """What a connection is of, as it was written: a class, or a lazy reference to one."""
    assert annotation is not None
    return get_args(annotation.raw_annotation)[0]


def _input_type_of(target: Any, suffix: str, prefix: str | None) -> Any:
    """The input type that goes with a type: `TaskFilter` with `Task`, from the same module."""
    if get_origin(target) is Annotated:
        forward, reference = get_args(target)
        assert isinstance(forward, ForwardRef)
        assert isinstance(reference, StrawberryLazyReference)
        return LazyType((prefix or forward.__forward_arg__) + suffix, reference.module, reference.package)
    return LazyType((prefix or target.__name__) + suffix, target.__module__)
