"""Random filters, made from the input types of the schema: any operators, in any combination, mostly valid."""

from typing import TYPE_CHECKING, Any

from graphql import GraphQLArgument, GraphQLInputField, GraphQLInputObjectType, GraphQLNonNull, get_named_type

from tests.support.random_values import EnumLiteral, RawLiteral, to_json, to_literal

if TYPE_CHECKING:
    from tests.support.random_queries import QueryMaker

__all__ = ["filter_argument", "other_operators", "random_filter"]

DEPTH = 3
COMBINATORS = ("and", "or", "not")
RARELY = 0.001
OTHER_OPERATORS = {
    "eq": "not", "gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt", "some": "none", "none": "some", "and": "or",
    "or": "and",
}  # fmt: skip


def filter_argument(maker: "QueryMaker", argument: GraphQLArgument) -> str:
    """Return the argument `filter`: in a variable, written out, or written out with variables within it."""
    type_ = get_named_type(argument.type)
    assert isinstance(type_, GraphQLInputObjectType)
    if maker.chance(0.3):
        value = to_json(random_filter(maker, type_))
        return f"filter: {maker.variable(str(argument.type), value)}"
    return f"filter: {to_literal(_FilterMaker(maker, variables=0.2).filter(type_, DEPTH))}"


def random_filter(maker: "QueryMaker", type_: GraphQLInputObjectType) -> dict[str, Any]:
    """Return a filter of lists of a type, without variables."""
    return _FilterMaker(maker, variables=0).filter(type_, DEPTH)


def is_relation(field: GraphQLInputField) -> bool:
    """Whether an input field is a condition on related rows."""
    return bool({"and", "some"} & set(getattr(get_named_type(field.type), "fields", ())))


class _FilterMaker:
    def __init__(self, maker: "QueryMaker", *, variables: float) -> None:
        """Args: variables: the share of values that become variables of their own."""
        self.maker = maker
        self.variables = variables
        self.is_related = False

    def filter(self, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        """Return a filter of a list of this type."""
        names = [name for name in sorted(type_.fields) if name not in COMBINATORS and self.is_near(type_, name)]
        chosen = self.maker.random.sample(names, min(len(names), self.maker.random.choice([0, 1, 1, 1, 2])))
        found: dict[str, Any] = {name: self.condition(type_.fields[name], name) for name in chosen}
        for name in COMBINATORS:
            if depth and self.maker.chance(0.2):
                found[name] = self.combined(name, type_, depth - 1)
        if self.maker.chance(RARELY):
            found[self.maker.random.choice(COMBINATORS)] = None
        return found

    def is_near(self, type_: GraphQLInputObjectType, name: str) -> bool:
        """Whether a condition is one on the rows themselves, or on related ones where that is allowed."""
        if is_relation(type_.fields[name]):
            return not self.is_related or self.maker.chance(RARELY)
        return name != "email" or self.maker.known.may_filter_by_email or self.maker.chance(RARELY)

    def combined(self, name: str, type_: GraphQLInputObjectType, depth: int) -> Any:
        """Return what a combinator holds."""
        if name == "not":
            return self.filter(type_, depth)
        count = 0 if self.maker.chance(RARELY) else self.maker.random.choice([1, 2, 2, 3])
        return [self.filter(type_, depth) for _ in range(count)]

    def condition(self, field: GraphQLInputField, name: str) -> Any:
        """Return the condition of one field."""
        type_ = get_named_type(field.type)
        if not isinstance(type_, GraphQLInputObjectType):
            return self.given(field, self.maker.chance(0.5))
        if is_relation(field):
            return self.relation(type_)
        is_nullable = "isNull" in type_.fields
        if self.maker.chance(0.1 if is_nullable else RARELY):
            return None
        required = [key for key, each in type_.fields.items() if isinstance(each.type, GraphQLNonNull)]
        optional = [key for key in sorted(type_.fields) if key not in required]
        count = min(len(optional), self.maker.random.choice([1, 1, 1, 2]))
        keys = required + self.maker.random.sample(optional, count)
        return {key: self.operand(key, type_.fields[key], field, name, is_nullable=is_nullable) for key in keys}

    def relation(self, type_: GraphQLInputObjectType) -> Any:
        """Return the condition on related rows."""
        if self.maker.chance(RARELY):
            return None
        outside, self.is_related = self.is_related, True
        if "some" in type_.fields:
            inner = get_named_type(type_.fields["some"].type)
            assert isinstance(inner, GraphQLInputObjectType)
            found = {self.maker.random.choice(["some", "none"]): self.filter(inner, 1)}
        else:
            found = self.filter(type_, 1)
        self.is_related = outside
        return found

    def operand(
        self, key: str, operator: GraphQLInputField, field: GraphQLInputField, name: str, *, is_nullable: bool
    ) -> Any:
        """Return the value of one operator."""
        nullable = is_nullable and key in {"eq", "not"}
        if not isinstance(operator.type, GraphQLNonNull) and self.maker.chance(0.1 if nullable else RARELY):
            return self.given(operator, None)
        if key == "currency":
            return self.given(operator, EnumLiteral(self.maker.random.choice(["EUR", "JPY"])))
        if key == "in":
            count = self.maker.random.choice([1, 2, 3])
            return self.given(operator, [self.value(operator.type, field, name) for _ in range(count)])
        return self.given(operator, self.value(operator.type, field, name))

    def value(self, type_: Any, field: GraphQLInputField, name: str) -> Any:
        return self.maker.value(get_named_type(type_), name, field)

    def given(self, operator: GraphQLInputField, value: Any) -> Any:
        """Return a value as it is, or as a variable that has it."""
        if self.maker.chance(self.variables):
            return RawLiteral(self.maker.variable(str(operator.type), to_json(value)))
        return value


def other_operators(condition: Any) -> Any:
    """Make a filter of another meaning with the same values, in the same order."""
    if isinstance(condition, list):
        return [other_operators(each) for each in condition]
    if not isinstance(condition, dict):
        return condition
    others = {name: OTHER_OPERATORS.get(name, name) for name in condition}
    if len(set(others.values())) < len(others):
        others = dict(zip(condition, condition, strict=True))
    return {others[name]: other_operators(value) for name, value in condition.items()}
