"""Fields of one name can be selected together on all members of a union or an interface."""

from graphql import (
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    is_leaf_type,
)

from graph import schema as graph_schema

PRINTED = graph_schema.create_schema().as_str()

UNMERGEABLE = {
    ("Node", "status"): "tasks, orders and articles each have a status of their own kind: clients use an alias",
    ("Node", "number"): "orders are counted, while a domain that is added may number its things by texts: likewise",
}
"""Fields of one name and unmergeable types within an interface or a union, each with its reason."""


def response_shape(type_: GraphQLOutputType) -> str:
    """Return the shape that two fields of one response name must share, as validation compares them."""
    if isinstance(type_, GraphQLNonNull):
        return f"{response_shape(type_.of_type)}!"
    if isinstance(type_, GraphQLList):
        return f"[{response_shape(type_.of_type)}]"
    return type_.name if is_leaf_type(type_) else "an object"


def unmergeable(schema: GraphQLSchema) -> set[tuple[str, str]]:
    """Return the abstract types with the fields that cannot be selected together on two of their members."""
    found = set()
    for name, type_ in schema.type_map.items():
        if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
            shapes: dict[str, set[str]] = {}
            for member in schema.get_possible_types(type_):
                for field, definition in member.fields.items():
                    shapes.setdefault(field, set()).add(response_shape(definition.type))
            found |= {(name, field) for field, kinds in shapes.items() if len(kinds) > 1}
    return found


def test_members_of_an_abstract_type_can_be_selected_together() -> None:
    unknown = unmergeable(build_schema(PRINTED)) - set(UNMERGEABLE)
    assert not unknown, f"Give these fields one type, or one of them another name: {unknown}"


def test_a_field_that_cannot_be_selected_together_is_seen() -> None:
    changed = PRINTED.replace("  currentStatus: String\n", "  current: String\n")
    assert ("ShipOrderResult", "current") in unmergeable(build_schema(changed))
