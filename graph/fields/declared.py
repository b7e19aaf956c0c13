"""Fields that are data: what a type shows of its table, declared once.

    @backed_by(TASKS, filter=TaskFilter, order=TaskOrder)
    class Task(Node):
        title: str                                     the column of that name
        joined_at: datetime = column("created_at")     a column of another name
        project: Project | None = to_one("project_id")    the row that a column references
        tasks: Connection[Task] = to_many("project_id")   the rows that reference this one, paged per parent
        next_statuses: list[Status] = expression("next_statuses")   an expression that the services name

and for the root, `task: Task | None = by_id()` and `tasks: Connection[Task] = connection()`.

Each declaration is a Strawberry field whose attributes say all there is to know: the schema is printed from it, the
loaders answer it, and the compiler turns it into SQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar

from strawberry import UNSET
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryContainer, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

from models.base import table_of
from services.queries.collection import Collection

__all__ = [
    "NODE_FIELDS",
    "NODE_TYPES",
    "DeclaredField",
    "NotCompilable",
    "TypeBinding",
    "argument",
    "binding_of",
    "node_of_table",
    "require_filter_type",
    "with_attributes",
]


@dataclass(frozen=True, slots=True)
class TypeBinding:
    """What a GraphQL type stands for: its name, the collection of its rows, and the inputs that its lists take."""

    name: str
    collection: Collection
    filter: type | None = None
    """The input type of the argument `filter` of its lists; None if they cannot be filtered."""
    order: type | None = None
    """The input type of the argument `orderBy` of its lists; None if they have one order only."""


NODE_TYPES: dict[str, TypeBinding] = {}
"""Every type that is a `Node`, by its name."""

NODE_FIELDS: dict[str, Sequence[StrawberryField]] = {}
"""The fields of every type that is a `Node`, by the type's name."""


class DeclaredField(StrawberryField):
    """A field that needs no code of its own.

    Each kind says whether it is compilable, as in `class Column(DeclaredField, compilable=True)`. A kind that derives
    from another says so anew, since it may answer in another way.
    """

    compilable: ClassVar[bool] = False
    """Whether a statement can answer fields of this kind, as `graph.compiler.statement.FIELD_COMPILERS` says."""
    binding: TypeBinding
    """The type that it belongs to; the root's fields have none."""

    def __init_subclass__(cls, *, compilable: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.compilable = compilable

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.init = self.repr = self.compare = False  # it is answered, never given to an instance

    @property
    def is_basic_field(self) -> bool:
        """Return whether it can be answered without knowing the caller; only columns can."""
        return False

    @cached_property
    def target(self) -> TypeBinding:
        """Return the binding of the type that this field leads to."""
        return binding_of(self.type)

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the field's value for one row; Strawberry calls this in place of a resolver."""
        raise NotImplementedError  # each kind answers in its own way

    def parse_arguments(self, kwargs: dict[str, Any]) -> Any:  # noqa: ARG002  # those without arguments
        """Parse and check the arguments for the compiler. A subclass that overrides `get_result` overrides this too.

        Raises: InvalidInput, for what breaks a rule; NeedsPython, for what no statement can answer in its place.
        """
        return None


class NotCompilable(Exception):
    """What is asked for can be answered by code only."""


@cache
def node_of_table(table: str) -> TypeBinding | None:
    """Return the node type whose rows a table holds; None if it has none."""
    return next((node for node in NODE_TYPES.values() if table_of(node.collection.model).name == table), None)


def binding_of(type_: Any) -> TypeBinding:
    """Return the binding behind a field's type: of the type itself, of a list's items, or of a connection's nodes."""
    if isinstance(type_, StrawberryContainer):
        return binding_of(type_.of_type)
    if isinstance(type_, LazyType):
        return binding_of(type_.resolve_type())
    if binding := getattr(type_, "__type_binding__", None):
        assert isinstance(binding, TypeBinding)
        return binding
    generic = get_object_definition(type_, strict=True)
    return binding_of(next(iter(generic.type_var_map.values())))


def require_filter_type(collection: Collection, filter: type | None) -> None:
    """Refuse a list whose input type for filters is missing, or has nothing to filter by.

    Raises:
        TypeError: one of the two.
    """
    if (filter is not None) != bool(collection.filters):
        table = collection.model.__tablename__
        raise TypeError(
            f"Say `filter=` and `order=` for lists of {table} if their collection has filters, and only then."
        )


def with_attributes(field: Any, **attributes: Any) -> Any:
    """Set attributes of a declared field; return it."""
    vars(field).update(attributes)
    return field


def argument(name: str, type_: Any, description: str, *, required: bool = False) -> StrawberryArgument:
    """Declare an argument; absent and null mean the same."""
    return StrawberryArgument(
        python_name=name,
        graphql_name=None,
        type_annotation=StrawberryAnnotation(type_ if required else type_ | None),
        description=description,
        default=UNSET,
    )
