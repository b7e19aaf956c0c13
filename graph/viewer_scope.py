"""Viewer scope: for whom the response to a subscription's event is the same: a role, an account, or one session.

Declared fields say which collections they read, and each collection says by its statement whether what is visible
depends on the viewer. Whatever is resolved by code that is not known here counts as different for each session.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import cache, lru_cache
from typing import Any, NamedTuple

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLUnionType,
    Node,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)
from graphql.language import Visitor, visit
from strawberry.types.field import StrawberryField

from graph.fields.columns import Column, ExpressionField, GlobalId, MoneyField
from graph.fields.connection import Connection
from graph.fields.edges import EdgeField
from graph.fields.relations import ByIdField, ByKeyField, ConnectionField, ToMany, ToOne
from graph.fields.row_changes import ChangesField
from graph.fields.viewer_can import ViewerCan
from services import audit
from services.errors import DomainError
from services.eventlog.fanout import depends_on_user
from services.permissions import Actor, Permission
from services.queries.collection import Collection

__all__ = ["ViewerScope", "event_variables", "field_scope", "viewer_scope"]

Permissions = frozenset[Permission]


class ViewerScope(IntEnum):
    """Who gets the same response, from most to fewest."""

    ROLE = 0
    ACCOUNT = 1
    SESSION = 2

    def key(self, actor: Actor) -> Any:
        """Return what those who get the same response have in common, besides tenant and permissions."""
        if self is ViewerScope.ROLE:
            return None
        return actor.identity.user_id if self is ViewerScope.ACCOUNT else actor.identity.without_origin()


class TypedSelection(NamedTuple):
    """A selection set and the type that it selects from."""

    type: GraphQLNamedType
    selections: SelectionSetNode


def viewer_scope(info: GraphQLResolveInfo[Any], actor: Actor, *collections: Collection) -> ViewerScope:
    """Return for whom the response to an event of this subscription is the same.

    Args:
        info: of the subscription's root field.
        actor: who subscribes.
        collections: what the event itself is made of.
    """
    permissions = frozenset(actor.permissions)
    scopes = [_collection_scope(collection, permissions) for collection in collections]
    type_ = get_named_type(info.return_type)
    pending = [TypedSelection(type_, node.selection_set) for node in info.field_nodes if node.selection_set]
    seen: set[tuple[str, int]] = set()
    while pending:
        selection = pending.pop()
        key = (selection.type.name, id(selection.selections))
        if key not in seen:
            seen.add(key)
            for scope, below in _walk(info, selection, permissions):
                scopes.append(scope)
                pending += below
    return max(scopes, default=ViewerScope.ROLE)


def _walk(
    info: GraphQLResolveInfo[Any], selection: TypedSelection, permissions: Permissions
) -> Iterator[tuple[ViewerScope, list[TypedSelection]]]:
    for node in selection.selections.selections:
        if isinstance(node, FieldNode):
            yield from _walk_field(info, selection.type, node, permissions)
            continue
        fragment: Any = info.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
        condition = fragment.type_condition
        type_ = selection.type if condition is None else info.schema.type_map[condition.name.value]
        yield ViewerScope.ROLE, [TypedSelection(type_, fragment.selection_set)]


def _walk_field(
    info: GraphQLResolveInfo[Any], type_: GraphQLNamedType, node: FieldNode, permissions: Permissions
) -> Iterator[tuple[ViewerScope, list[TypedSelection]]]:
    if node.name.value == "__typename":
        return
    for possible in _possible_types(info, type_):
        definition = possible.fields[node.name.value]
        declared = definition.extensions.get("strawberry-definition")
        scope = field_scope(declared, possible, permissions)
        if isinstance(declared, ConnectionField) and any(each.name.value == "filter" for each in node.arguments or ()):
            scope = max(scope, _filter_scope(declared.collection))
        target = get_named_type(definition.type)
        yield scope, [TypedSelection(target, node.selection_set)] if node.selection_set else []


def _possible_types(info: GraphQLResolveInfo[Any], type_: GraphQLNamedType) -> tuple[GraphQLObjectType, ...]:
    if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
        return tuple(info.schema.get_possible_types(type_))
    assert isinstance(type_, GraphQLObjectType), "only these have selections"
    return (type_,)


def field_scope(field: Any, parent: GraphQLObjectType, permissions: Permissions) -> ViewerScope:
    """Return for whom what a field shows is the same, apart from what is selected below it."""
    for kind, scope in _SCOPES.items():
        if type(field) is kind:
            return scope(field, permissions)
    if type(field) is not StrawberryField:
        return ViewerScope.SESSION
    definition = parent.extensions.get("strawberry-definition")
    is_connection = getattr(definition, "origin", None) is Connection
    return ViewerScope.ROLE if field.base_resolver is None or is_connection else ViewerScope.SESSION


def _of_row(_field: Any, _permissions: Permissions) -> ViewerScope:
    return ViewerScope.ROLE


def _of_target(field: Any, permissions: Permissions) -> ViewerScope:
    return _collection_scope(field.target.collection, permissions)


def _of_list(field: Any, permissions: Permissions) -> ViewerScope:
    return _collection_scope(field.collection, permissions)


def _of_expression(field: Any, permissions: Permissions) -> ViewerScope:
    if not hasattr(field, "binding"):  # of what is counted, which the list's own field judges
        return ViewerScope.ROLE
    collection = field.binding.collection
    name = field.minor if isinstance(field, MoneyField) else field.expression
    if depends_on_user(*(expression for expression in [collection.expressions.get(name)] if expression is not None)):
        return ViewerScope.ACCOUNT
    return _collection_scope(collection, permissions)


def _of_abilities(field: Any, permissions: Permissions) -> ViewerScope:
    conditions = [ability.condition(permissions) for ability in field.binding.collection.abilities.values()]
    return ViewerScope.ACCOUNT if depends_on_user(*conditions) else ViewerScope.ROLE


def _of_changes(_field: Any, permissions: Permissions) -> ViewerScope:
    """Amounts are read from the log, as far as one sees it."""
    return _collection_scope(audit.AUDIT, permissions)


_SCOPES: dict[type[StrawberryField], Callable[[Any, Permissions], ViewerScope]] = {
    Column: _of_row,
    GlobalId: _of_row,
    EdgeField: _of_row,
    ViewerCan: _of_abilities,
    ToOne: _of_list,
    ByIdField: _of_target,
    ByKeyField: _of_target,
    ToMany: _of_list,
    ConnectionField: _of_list,
    ExpressionField: _of_expression,
    MoneyField: _of_expression,
    ChangesField: _of_changes,
}
"""How the kinds of declared fields are read that are known here."""


@lru_cache(maxsize=4096)  # who follows with a filter has a collection of entries of their own
def _collection_scope(collection: Collection, permissions: Permissions) -> ViewerScope:
    if "tenant_id" not in collection.model.model_fields:
        return ViewerScope.SESSION  # rows of no tenant are visible to their own account or session
    try:
        visible = collection.visible(permissions)
    except DomainError:
        return ViewerScope.ROLE  # the refusal is the same
    linked = [link(visible.selected_columns[0]) for link in collection.join_conditions.values()]
    depends = depends_on_user(visible, collection.reachable, *linked)
    return ViewerScope.ACCOUNT if depends else ViewerScope.ROLE


@cache
def _filter_scope(collection: Collection) -> ViewerScope:
    """Return for whom a filtered list is the same: a filter may be about the viewer, or about what the viewer sees."""
    fields = collection.filters.values()
    conditions = [field.condition(operator, "value") for field in fields for operator in field.operators]
    depends = collection.relations or depends_on_user(*conditions)
    return ViewerScope.ACCOUNT if depends else ViewerScope.ROLE


class _VariableNames(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.names.add(node.name.value)


def event_variables(info: GraphQLResolveInfo[Any]) -> frozenset[str]:
    """Return the variables that the response to an event depends on: all but those that the root field takes."""
    names = _VariableNames()
    below: list[Node] = [each.selection_set for each in info.field_nodes if each.selection_set]
    directives: list[DirectiveNode] = [directive for each in info.field_nodes for directive in each.directives or ()]
    for node in (*below, *directives, *info.fragments.values()):
        visit(node, names)
    return frozenset(names.names)
