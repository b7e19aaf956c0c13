"""Random queries, made from the schema: valid, within the budget, and mostly about rows that are there.

They alias, merge, spread fragments, skip and include, put values into variables or leave them to their defaults, page
both ways, and now and then ask for what is refused.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_composite_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graph.fields.declared import DeclaredField
from graph.fields.match_fields import ArticleSearchField
from graph.fields.relations import ByIdField, ConnectionField
from graph.fields.statistics import StatisticsField
from tests.support.random_filters import filter_argument, other_operators
from tests.support.random_values import EnumLiteral, KnownValues, to_json, to_literal

__all__ = ["KnownValues", "QueryMaker", "RandomQuery"]

DEPTH = 4
RARELY = 0.002
FOR_SUPERUSERS = {"accounts", "tenants", "accountLog", "superuserActs"}
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]
LANGUAGES = ["ENGLISH", "GERMAN"]  # the languages that something is written in
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def is_resolved_in_python(definition: GraphQLField) -> bool:
    """Whether the reference executor has to be asked for a field."""
    declared = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if isinstance(declared, DeclaredField):
        return not declared.compilable
    return getattr(declared, "base_resolver", None) is not None


@dataclass
class RandomQuery:
    """A query, and the lists in it whose cursors were asked for."""

    text: str
    variables: dict[str, Any]
    lists: list["ListSite"]

    def at(self, site: "ListSite | None", cursor: str = "") -> str:
        """The text, with a cursor in one of its lists."""
        text = self.text
        for each in self.lists:
            argument = f'{"before" if each.backwards else "after"}: "{cursor}"' if each is site else ""
            text = text.replace(each.mark, argument)
        return text.replace("()", "").replace("(, ", "(").replace(", )", ")").replace(", ,", ",")


@dataclass
class ListSite:
    """A list within a query, by the keys that lead to it."""

    path: tuple[str, ...]
    mark: str
    backwards: bool


@dataclass
class QueryMaker:
    """Makes queries; each with a random of its own, so that one can be made again by its seed."""

    schema: GraphQLSchema
    known: KnownValues
    random: random.Random
    variables: dict[str, Any] = field(default_factory=dict)
    declared: list[str] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)
    lists: list[ListSite] = field(default_factory=list)
    marks: int = 0

    def query(self) -> RandomQuery:
        """One query with a few root fields."""
        root = self.schema.query_type
        assert root is not None
        body = self.selection(root, (), DEPTH, most=self.random.choice([1, 1, 1, 2, 3]), composite=True)
        self.forget_unused("\n".join([body, *self.fragments]))
        head = f"({', '.join(self.declared)})" if self.declared else ""
        start, name = self.random.choice(["query", '"words" query']), self.random.choice(["", "", " Random"])
        prefix = f"{start}{name}{head} " if head or name or self.random.random() < 0.5 else ""
        return RandomQuery("\n".join([f"{prefix}{body}", *self.fragments]), self.variables, self.lists)

    def forget_unused(self, text: str) -> None:
        """Take back the variables of what was made and then left out."""
        used = set(re.findall(r"\$(\w+)", text))
        self.declared = [each for each in self.declared if each[1:].partition(":")[0] in used]
        self.variables = {name: value for name, value in self.variables.items() if name in used}

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def selection(
        self, type_: Any, path: tuple[str, ...], depth: int, *, most: int = 5, composite: bool = False
    ) -> str:
        """What is asked of a type, in braces."""
        if isinstance(type_, GraphQLInterfaceType):
            return self.abstract(type_)
        names = [
            name
            for name, each in type_.fields.items()
            if (depth > 0 or not is_composite_type(get_named_type(each.type)) or name == "amount")
            and (not composite or is_composite_type(get_named_type(each.type)))
            and (self.known.allows(type_, name) or self.chance(RARELY))
            and (not is_resolved_in_python(each) or self.chance(RARELY))
            and (name not in FOR_SUPERUSERS or self.chance(RARELY))
        ]
        names = names or ["__typename"]
        chosen = self.random.sample(names, min(len(names), self.random.randint(1, most)))
        parts: list[str] = []
        used: set[str] = set()
        for name in chosen:
            parts += self.selected(type_, name, path, depth, used)
        if self.chance(0.15):
            parts.append(self.random.choice(["__typename", "kind: __typename"]))
        if len(parts) > 1 and self.chance(0.15):
            parts = self.fragmented(type_, parts)
        return "{ " + " ".join(parts) + " }"

    def abstract(self, type_: GraphQLInterfaceType) -> str:
        types = [each for each in self.schema.get_possible_types(type_) if each.name in self.known.ids]
        chosen = self.random.sample(types, min(len(types), 3))
        parts = ["id"] if self.chance(0.7) else ["__typename"]
        for each in chosen:
            used: set[str] = {"id"}
            inner: list[str] = []
            plain = [n for n, f in each.fields.items() if not is_composite_type(get_named_type(f.type)) and n != "id"]
            for name in self.random.sample(plain, min(len(plain), 2)):
                if self.known.allows(each, name):
                    key = f"{each.name}_{name}"  # of another type, a field of this name may have another one
                    inner.append(f"{key}: {name}")
                    used.add(key)
            if inner:
                parts.append(f"... on {each.name} {{ {' '.join(inner)} }}")
        return "{ " + " ".join(parts) + " }"

    def selected(self, type_: Any, name: str, path: tuple[str, ...], depth: int, used: set[str]) -> list[str]:
        """A field; sometimes twice, merged, or under two names."""
        if name == "__typename":
            return [name]
        definition = type_.fields[name]
        key = name
        if self.chance(0.1):
            key = self.random.choice(["a", "b", "j", "n", "t1", "entered"]) + f"_{name}"
        if key in used:
            return []
        used.add(key)
        arguments, mark = self.arguments(definition, (*path, key))
        inner = self.below(definition, (*path, key), depth, mark)
        alias = "" if key == name else f"{key}: "
        directive = self.directive() if len(path) > 0 else ""
        parts = [f"{alias}{name}{arguments}{directive}{inner}"]
        if inner and self.chance(0.1):
            parts.append(f"{alias}{name}{arguments}{self.below(definition, (*path, key), 0, None)}")
        return parts

    def below(self, definition: GraphQLField, path: tuple[str, ...], depth: int, mark: ListSite | None) -> str:
        named = get_named_type(definition.type)
        if not is_composite_type(named):
            return ""
        if named.name.endswith("Connection"):
            return self.connection(named, path, depth, mark)
        return " {}" if self.chance(0.02) else f" {self.selection(named, path, depth - 1)}"

    def connection(self, type_: Any, path: tuple[str, ...], depth: int, mark: ListSite | None) -> str:
        parts = []
        node = get_named_type(type_.fields["nodes"].type)
        if self.chance(0.75):
            inner = "{}" if self.chance(0.01) else self.selection(node, (*path, "nodes"), depth - 1)
            parts.append(f"nodes {inner}")
        of_edge = get_named_type(type_.fields["edges"].type)
        if self.chance(0.7 if len(of_edge.fields) > 2 else 0.3) or not parts:
            edge = [f"node {self.selection(node, (*path, 'edges', 'node'), depth - 1)}"]
            edge += self.random.choice([["cursor"], []])
            edge += self.some_of(of_edge, path, depth, 0.6, but={"node", "cursor"})
            parts.append(f"edges {{ {' '.join(edge)} }}")
        if mark is not None:
            parts.append("pageInfo { hasNextPage endCursor hasPreviousPage startCursor }")
        elif self.chance(0.2):
            parts.append(f"pageInfo {self.selection(self.schema.get_type('PageInfo'), path, 0)}")
        if self.chance(0.3):
            parts.append("totalCount")
        parts += self.some_of(type_, path, depth, 0.3, but={"edges", "nodes", "pageInfo", "totalCount"})
        self.random.shuffle(parts)
        return " { " + " ".join(parts) + " }"

    def some_of(self, type_: Any, path: tuple[str, ...], depth: int, share: float, *, but: set[str]) -> list[str]:
        """Some fields of a type, each with this chance."""
        parts: list[str] = []
        for name, each in type_.fields.items():
            if name not in but and self.chance(RARELY if is_resolved_in_python(each) else share):
                parts += self.selected(type_, name, path, depth, set())
        return parts

    def directive(self) -> str:
        if not self.chance(0.06):
            return ""
        name, value = self.random.choice([("include", True), ("include", True), ("skip", False), ("skip", True)])
        if self.chance(0.5):
            return f" @{name}(if: {str(value).lower()})"
        return f" @{name}(if: {self.variable('Boolean!', value)})"

    def variable(self, type_: str, value: Any) -> str:
        """A variable with this value, or with it as its default."""
        name = f"v{len(self.declared)}"
        if isinstance(value, bool | int) and self.chance(0.3):
            self.declared.append(f"${name}: {type_} = {str(value).lower()}")
            if self.chance(0.3):
                self.variables[name] = value
        else:
            self.declared.append(f"${name}: {type_}")
            self.variables[name] = value
        return f"${name}"

    def varied(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Other values for the same variables; some of those that may be left out are."""
        found = dict(variables)
        for name, value in variables.items():
            required = any(each.startswith(f"${name}: ") and each.endswith("!") for each in self.declared)
            if isinstance(value, bool):
                found[name] = self.chance(0.5)
            elif isinstance(value, int):
                found[name] = self.random.randint(1, 4)
            elif isinstance(value, list) and value and isinstance(value[0], dict) and "field" in value[0]:
                found[name] = [{**key, "direction": self.random.choice(["ASC", "DESC"])} for key in value]
            elif isinstance(value, dict) and self.chance(0.6):
                found[name] = other_operators(value)
            elif not required and self.chance(0.4):
                found[name] = None
                if self.chance(0.9):
                    del found[name]
        return found

    def fragmented(self, type_: Any, parts: list[str]) -> list[str]:
        cut = self.random.randint(1, len(parts) - 1)
        body = " ".join(parts[cut:])
        if self.chance(0.5):
            condition = self.random.choice([f" on {type_.name}", ""])
            return [*parts[:cut], f"...{condition} {{ {body} }}"]
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {type_.name} {{ {body} }}")
        return [*parts[:cut], f"...{name}"]

    # Arguments

    def arguments(self, definition: GraphQLField, path: tuple[str, ...]) -> tuple[str, ListSite | None]:
        declared = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if isinstance(declared, ConnectionField | ArticleSearchField):
            return self.page(definition, path)
        if isinstance(declared, StatisticsField):
            return self.statistics(definition), None
        given = []
        for name, argument in definition.args.items():
            if name == "id":
                target = declared.target.name if isinstance(declared, ByIdField) else None
                given.append(self.given(name, argument, self.an_id(target)))
            elif name == "ids":
                ids = [self.an_id(None) for _ in range(self.random.choice([0, 1, 2, 3, 3, 4, 4]))]
                given.append(self.given(name, argument, ids))
            elif isinstance(argument.type, GraphQLNonNull):
                given.append(self.given(name, argument, self.value(argument.type, name)))
        return (f"({', '.join(given)})" if given else ""), None

    def statistics(self, definition: GraphQLField) -> str:
        given, arguments = [], definition.args
        if self.chance(0.3):
            given.append(filter_argument(self, arguments["filter"]))
        if self.chance(0.8):
            named = get_named_type(arguments["groupBy"].type)
            assert isinstance(named, GraphQLEnumType)
            keys = sorted(named.values)
            chosen = self.random.sample(keys, self.random.randint(0, len(keys)))
            given.append(self.given("groupBy", arguments["groupBy"], list(map(EnumLiteral, chosen))))
        given += [
            self.given(name, arguments[name], self.value(arguments[name].type, name))
            for name in ("by", "byField")
            if self.chance(0.5)
        ]
        if self.chance(0.5):
            zone = self.random.choice(ZONES)
            given.append(self.given("timeZone", arguments["timeZone"], zone))
        self.random.shuffle(given)
        return f"({', '.join(given)})" if given else ""

    def page(self, definition: GraphQLField, path: tuple[str, ...]) -> tuple[str, ListSite | None]:
        backwards = self.chance(0.3)
        size = self.random.choice([0, 1, 1, 2, 2, 3, 3, 5])
        if self.chance(RARELY):
            size = self.random.choice([101, -1])
        given = []
        name = "last" if backwards else "first"
        if backwards or len(path) > 1 or self.chance(0.8):
            given.append(self.given(name, definition.args[name], size))
        if "filter" in definition.args and self.chance(0.3):
            given.append(filter_argument(self, definition.args["filter"]))
        if "orderBy" in definition.args and self.chance(0.4):
            order = definition.args["orderBy"]
            given.append(self.given("orderBy", order, self.order(order)))
        if "query" in definition.args:
            given.append(self.given("query", definition.args["query"], self.random.choice(self.known.searches)))
        if "language" in definition.args and self.chance(0.15):
            language = definition.args["language"]
            given.append(self.given("language", language, self.value(language.type, "language")))
        site = None
        if self.chance(0.3):
            self.marks += 1
            site = ListSite(path, f"%CURSOR{self.marks}%", backwards)
            self.lists.append(site)
            given.append(site.mark)
        if self.chance(RARELY):
            given.append('after: "bm9uc2Vuc2U"')
        self.random.shuffle(given)
        return (f"({', '.join(given)})" if given else ""), site

    def given(self, name: str, argument: GraphQLArgument, value: Any) -> str:
        if self.chance(0.3):
            return f"{name}: {self.variable(str(argument.type), to_json(value))}"
        return f"{name}: {to_literal(value)}"

    def an_id(self, type_name: str | Callable[[str], bool] | None) -> str:
        if self.chance(RARELY):
            return self.random.choice(["nonsense", "Task:1", "Nothing:0190b5a0-0000-7000-8000-000000000000"])
        if not isinstance(type_name, str) or self.chance(RARELY):
            types = [name for name in sorted(self.known.ids) if not callable(type_name) or type_name(name)]
            type_name = self.random.choice(types)
        if self.chance(0.05) or not self.known.ids.get(type_name):
            return f"{type_name}:0190b5a0-0000-7000-8000-000000000000"
        return self.random.choice(self.known.ids[type_name])

    def order(self, argument: GraphQLArgument) -> Any:
        type_ = get_named_type(argument.type)
        if isinstance(type_, GraphQLEnumType):
            return self.value(type_, "orderBy")
        assert isinstance(type_, GraphQLInputObjectType)
        fields = sorted(get_named_type(type_.fields["field"].type).values)
        count = self.random.choice([1, 1, 1, 2, 2, 3])
        if self.chance(RARELY):
            fields, count = fields * 2, self.random.choice([0, 2, 5])
        keys = []
        for name in self.random.sample(fields, min(count, len(fields))):
            key = {"field": EnumLiteral(name)}
            if self.chance(0.6):
                key["direction"] = self.value(type_.fields["direction"].type, "direction")
            keys.append(key)
        return keys

    def value(self, type_: Any, name: str, input_field: GraphQLInputField | None = None) -> Any:
        plain = get_nullable_type(type_)
        if isinstance(plain, GraphQLList):
            return [self.value(plain.of_type, name)]
        if isinstance(plain, GraphQLEnumType):
            values = sorted(plain.values)
            if set(LANGUAGES) <= set(values) and self.chance(0.9):
                values = LANGUAGES
            return EnumLiteral(self.random.choice(values))
        if isinstance(plain, GraphQLInputObjectType):
            return {key: self.value(each.type, key) for key, each in plain.fields.items()}
        moment = EPOCH + timedelta(days=self.random.randint(-100, 400))
        made: dict[str, Callable[[], Any]] = {
            "Boolean": lambda: self.chance(0.5),
            "Int": lambda: self.random.randint(0, 50),
            "Decimal": lambda: str(self.random.randint(1, 300)),
            "DateTime": moment.isoformat,
            "ID": lambda: self.an_id(_id_type(input_field)),
        }
        return made.get(plain.name, lambda: self.random.choice(self.known.words))()


def _id_type(input_field: GraphQLInputField | None) -> str | Callable[[str], bool] | None:
    if input_field is None:
        return None
    declared = input_field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    found: str | Callable[[str], bool] | None = getattr(declared, "metadata", {}).get("ref")
    return found
