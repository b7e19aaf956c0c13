"""Operations that cover every root field of the schema, for the generators that clients use."""

from collections.abc import Iterator

from tests.support.graph_schema import SCHEMA
from tests.support.operation_cases import select_all_fields

__all__ = ["root_operations"]


def root_operations(*, module: str | None = None, depth: int = 1) -> Iterator[str]:
    """Return an operation for each root field, with all its arguments as variables and all fields down to a depth.

    Args:
        module: the module that they are written in, for Relay, which wants it in their names, and what they are.
        depth: how many further types are selected.
    """
    for kind, root in (
        ("query", SCHEMA.query_type),
        ("mutation", SCHEMA.mutation_type),
        ("subscription", SCHEMA.subscription_type),
    ):
        assert root is not None
        for name, field in root.fields.items():
            declared = ", ".join(f"${argument}: {definition.type}" for argument, definition in field.args.items())
            given = ", ".join(f"{argument}: ${argument}" for argument in field.args)
            title = name[:1].upper() + name[1:]
            head = f"{kind} {module}{title}{kind.capitalize()}" if module else f"{kind} Every{title}"
            variables, arguments = (f"({declared})", f"({given})") if declared else ("", "")
            yield f"{head}{variables} {{ {name}{arguments} {select_all_fields(field.type, depth)} }}"
