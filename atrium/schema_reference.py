"""The reference of the schema in docs/schema: one page for each domain, made of what the schema says of itself.

A type stands on the page of the domain whose module declares it; what belongs to a type by its name, such as
`TaskConnection` and `TaskFilter`, stands beside it. What all domains use stands on the page `shared`.
"""

import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    is_introspection_type,
    is_leaf_type,
    is_specified_scalar_type,
    print_ast,
)
from graphql.utilities import value_to_literal

from graph.fields.mutations import Mutation
from graph.schema import create_schema

__all__ = ["EXAMPLES_FOLDER", "PAGE_WIDTH", "REFERENCE_FOLDER", "reference_pages"]

REFERENCE_FOLDER = "docs/schema"
EXAMPLES_FOLDER = f"{REFERENCE_FOLDER}/examples"
PAGE_WIDTH = 120
SHARED = "shared"
COMPANIONS = ("Connection", "Edge", "OrderField", "Order", "Filter", "ViewerCan")
"""What the name of a type ends in that belongs to the type named before it."""
ROOTS = {"Query": "Queries", "Mutation": "Mutations", "Subscription": "Subscriptions"}


def reference_pages(root: Path) -> dict[Path, str]:
    """Return every page of the reference; each shows the domain's operation from the folder of examples."""
    schema = create_schema().graphql
    pages = _Pages(schema)
    folder = root / REFERENCE_FOLDER
    found = {folder / f"{page}.md": pages.page(page, root / EXAMPLES_FOLDER) for page in pages.names}
    found[folder / "README.md"] = pages.index()
    return found


class _Pages:
    """The pages of one schema, and what stands on which of them."""

    def __init__(self, schema: GraphQLSchema) -> None:
        types = [
            type_
            for type_ in schema.type_map.values()
            if not is_introspection_type(type_) and not is_specified_scalar_type(type_) and type_.name not in ROOTS
        ]
        self.fields: dict[str, dict[str, list[tuple[str, GraphQLField]]]] = {
            name: self._by_domain(schema.type_map[name]) for name in ROOTS
        }
        domains = {domain for fields in self.fields.values() for domain in fields} - {SHARED}
        self.page_of = {type_.name: _declared_on(type_, domains) for type_ in types}
        used_on = self._types_used_on_one_page(types)
        for name, page in self.page_of.items():
            self.page_of[name] = page or used_on.get(name) or self._companion_page(name) or SHARED
        self.types: dict[str, list[GraphQLNamedType]] = defaultdict(list)
        for type_ in sorted(types, key=lambda type_: type_.name):
            self.types[self.page_of[type_.name]].append(type_)
        self.names = [*sorted(domains), SHARED]

    @staticmethod
    def _by_domain(type_: GraphQLNamedType) -> dict[str, list[tuple[str, GraphQLField]]]:
        assert isinstance(type_, GraphQLObjectType)
        found: dict[str, list[tuple[str, GraphQLField]]] = defaultdict(list)
        for name, field in type_.fields.items():
            found[_domain_of_field(field)].append((name, field))
        return found

    def _types_used_on_one_page(self, types: list[GraphQLNamedType]) -> dict[str, str]:
        """Return the pages of what the root fields of one domain alone take or give, and of what one type alone has."""
        pages: dict[str, set[str]] = defaultdict(set)
        for fields in self.fields.values():
            for page, named in fields.items():
                for _, field in named:
                    pages[get_named_type(field.type).name].add(page)
                    for argument in field.args.values():
                        pages[get_named_type(argument.type).name].add(page)
        for type_ in types:
            for field in type_.fields.values() if isinstance(type_, GraphQLObjectType) else ():
                named = get_named_type(field.type)
                if isinstance(named, GraphQLUnionType):
                    pages[named.name].add(self.page_of[type_.name])
        return {name: next(iter(found)) for name, found in pages.items() if len(found) == 1}

    def _companion_page(self, name: str) -> str:
        """Return the page of the type that another one belongs to by its name, such as `Task` of `TaskFilter`."""
        names = [name.removesuffix(suffix) for suffix in COMPANIONS if name.endswith(suffix)]
        names += [f"{each}Filter" for each in names]
        return next((page for each in names if (page := self.page_of.get(each))), "")

    def index(self) -> str:
        """Return the first page: all root fields by domain."""
        lines = [
            "# Reference of the schema",
            "",
            "Made of [schema.graphql](../../schema.graphql) by `uv run atrium docs`; one page for each domain, each",
            "with an operation that a test runs.",
            "",
            "| Page | Queries | Mutations | Subscriptions |",
            "| --- | --- | --- | --- |",
        ]
        for page in self.names:
            cells = [
                ", ".join(f"[`{name}`]({page}.md#{name.lower()})" for name, _ in self.fields[root].get(page, []))
                for root in ROOTS
            ]
            lines.append(f"| [{_title(page)}]({page}.md) | {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"

    def page(self, page: str, examples: Path) -> str:
        """Return one page: the example, the root fields, and the types."""
        parts = [f"# {_title(page)}", "[All pages](README.md)"]
        if page != SHARED:
            parts += ["## Example", f"```graphql\n{self._example(page, examples / f'{page}.graphql')}\n```"]
        for root, title in ROOTS.items():
            if fields := self.fields[root].get(page):
                parts += [f"## {title}", *[part for name, field in fields for part in self._root_field(name, field)]]
        for title, kinds, describe in self._sections():
            if types := [type_ for type_ in self.types[page] if isinstance(type_, kinds)]:
                parts.append(f"## {title}")
                parts += [part for type_ in types for part in (f"### {type_.name}", *describe(type_)) if part]
        if scalars := [type_ for type_ in self.types[page] if not isinstance(type_, _COMPOSED)]:
            parts += ["## Scalars", *[part for type_ in scalars for part in (f"### {type_.name}", _text(type_))]]
        return "\n\n".join(map(_wrapped, parts)) + "\n"

    def _example(self, page: str, path: Path) -> str:
        """Return the operation that shows the domain: the one that was written for it, or else its first list."""
        if path.exists():
            return path.read_text(encoding="utf-8").strip()
        for name, field in self.fields["Query"].get(page, []):
            connection = get_named_type(field.type)
            if isinstance(connection, GraphQLObjectType) and "nodes" in connection.fields:
                node = get_named_type(connection.fields["nodes"].type)
                assert isinstance(node, GraphQLObjectType)
                shown = [
                    each for each, of in node.fields.items() if is_leaf_type(get_named_type(of.type)) and not of.args
                ]
                return f"query {{\n  {name}(first: 5) {{\n    totalCount\n    nodes {{ {' '.join(shown)} }}\n  }}\n}}"
        raise ValueError(f"Write an operation into {path}.")

    def _sections(self) -> list[tuple[str, Any, Callable[[Any], Iterator[str]]]]:
        return [
            ("Types", (GraphQLObjectType, GraphQLInterfaceType), self._object),
            ("Inputs", GraphQLInputObjectType, self._input),
            ("Enums", GraphQLEnumType, self._enum),
            ("Results", GraphQLUnionType, self._union),
        ]

    def _root_field(self, name: str, field: GraphQLField) -> Iterator[str]:
        yield f"### {name}"
        yield _text(field)
        yield f"Gives {self._linked(field.type)}."
        if field.args:
            yield self._table("Argument", field.args)

    def _object(self, type_: GraphQLObjectType | GraphQLInterfaceType) -> Iterator[str]:
        yield _text(type_)
        if type_.interfaces:
            yield f"Implements {', '.join(self._linked(each) for each in type_.interfaces)}."
        yield self._table("Field", type_.fields)

    def _input(self, type_: GraphQLInputObjectType) -> Iterator[str]:
        yield _text(type_)
        yield self._table("Field", type_.fields)

    def _union(self, type_: GraphQLUnionType) -> Iterator[str]:
        yield _text(type_)
        yield f"One of {', '.join(self._linked(each) for each in type_.types)}."

    @staticmethod
    def _enum(type_: GraphQLEnumType) -> Iterator[str]:
        yield _text(type_)
        yield _rows(("Value", "Meaning"), [(f"`{name}`", _text(value)) for name, value in type_.values.items()])

    def _table(self, first: str, fields: Mapping[str, Any]) -> str:
        return _rows(
            (first, "Type", "Meaning"),
            [
                (f"`{name}`{_arguments(field)}", self._linked(field.type) + _default(field), _text(field))
                for name, field in fields.items()
            ],
        )

    def _linked(self, type_: Any) -> str:
        """Return a type as a link to where it is described."""
        named = get_named_type(type_)
        page = self.page_of.get(named.name)
        return f"[`{type_}`]({page}.md#{named.name.lower()})" if page else f"`{type_}`"


_COMPOSED = (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType, GraphQLEnumType, GraphQLUnionType)


def _module_of_domain(module: str) -> str:
    """Return the domain that a module of graph or models belongs to, or nothing."""
    package, _, rest = module.partition(".")
    name = rest.partition(".")[0]
    return name if package in {"graph", "models"} and name not in {"fields", "database"} else ""


def _domain_of_field(field: GraphQLField) -> str:
    definition = field.extensions["strawberry-definition"]
    if isinstance(definition, Mutation):
        return _module_of_domain(definition.handler.__module__)
    return _module_of_domain(definition.origin.__module__) or SHARED


def _declared_on(type_: GraphQLNamedType, domains: set[str]) -> str:
    """Return the page of the module that declares a type; nothing for what is made from other types."""
    definition = type_.extensions.get("strawberry-definition")
    origin = getattr(definition, "origin", None) or getattr(definition, "wrapped_cls", None)
    domain = _module_of_domain(getattr(origin, "__module__", ""))
    return domain if domain in domains else ""


def _title(page: str) -> str:
    return page.replace("_", " ").capitalize().replace("Api ", "API ")


def _text(described: Any) -> str:
    """Return what the schema says of something, on one line, with its deprecation."""
    reason = getattr(described, "deprecation_reason", None)
    text = " ".join((described.description or "").split())
    return f"{text} **Deprecated:** {reason}" if reason else text


def _wrapped(part: str) -> str:
    """Return a paragraph in lines of the documents' width; headings, tables and operations as they are."""
    if part.startswith(("#", "|", "`")):
        return part
    return textwrap.fill(part, PAGE_WIDTH, break_long_words=False, break_on_hyphens=False)


def _arguments(field: Any) -> str:
    arguments = getattr(field, "args", None)
    return f"({', '.join(f'`{name}: {each.type}`' for name, each in arguments.items())})" if arguments else ""


def _default(field: Any) -> str:
    value = getattr(field, "default_value", Undefined)
    if value is Undefined:
        return ""
    literal = value_to_literal(value, field.type)
    return f" = `{print_ast(literal)}`" if literal else ""


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, tuple("---" for _ in head), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
