"""JSON as a statement writes it: texts joined to texts, of which all but the values are known before.

`row_to_json` and `json_agg` look up the types of what they are given for every row, and copy each level as a value of
its own; to join texts costs less. In return, whatever is joined must be proved never to be null, for one null makes the
whole null. A value that may be null says so here: by `or_null`, or, where the schema allows no null, by `or_error`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from graph.compiler.sql import RAISE_ERROR, quote_literal

__all__ = ["JsonExpression", "JsonLiteral"]

MAX_OPERANDS = 30  # texts joined in one expression; more of them in groups, since PostgreSQL descends once for each


class JsonLiteral(str):
    """Letters of JSON as they are; all other strings in here are SQL."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class JsonExpression:
    """A piece of JSON: letters, and expressions of the type text between them."""

    parts: tuple[str, ...]

    NULL: ClassVar["JsonExpression"]

    @classmethod
    def concat(cls, *pieces: "str | JsonExpression") -> "JsonExpression":
        """Return the concatenation of these pieces."""
        parts: list[str] = []
        for piece in pieces:
            for part in piece.parts if isinstance(piece, JsonExpression) else (piece,):
                if parts and isinstance(part, JsonLiteral) and isinstance(parts[-1], JsonLiteral):
                    parts[-1] = JsonLiteral(parts[-1] + part)
                else:
                    parts.append(part)
        return cls(tuple(parts))

    @classmethod
    def constant(cls, value: str) -> "JsonExpression":
        """Return a constant JSON string that needs no escapes."""
        return cls.concat(JsonLiteral(f'"{value}"'))

    @classmethod
    def string(cls, sql: str) -> "JsonExpression":
        """Return a JSON string from SQL text that needs no escapes; null for null."""
        return cls.concat(JsonLiteral('"'), sql, JsonLiteral('"'))

    @classmethod
    def object_of(cls, members: Iterable[tuple[str, "JsonExpression"]]) -> "JsonExpression":
        """Return a JSON object of these keys and values; keys are GraphQL names, which need no escapes."""
        pieces: list[str | JsonExpression] = []
        for key, value in members:
            pieces += [JsonLiteral(f'{"," if pieces else "{"}"{key}":'), value]
        return cls.concat(*(pieces or [JsonLiteral("{")]), JsonLiteral("}"))

    @classmethod
    def list_of(cls, item: "JsonExpression", order: str = "", filter_: str = "") -> "JsonExpression":
        """Return a JSON array by an aggregate over a source; `order` and `filter_` are its clauses."""
        return cls.concat(
            JsonLiteral("["), f"coalesce(string_agg({item.to_sql()}, ','{order}){filter_}, '')", JsonLiteral("]")
        )

    def to_sql(self) -> str:
        """Return the whole as one SQL expression."""
        if len(self.parts) == 1 and isinstance(self.parts[0], JsonLiteral):
            return f"{quote_literal(self.parts[0])}::text"
        return _concatenate([quote_literal(part) if isinstance(part, JsonLiteral) else part for part in self.parts])

    def selected_from(self, source: str) -> "JsonExpression":
        """Return the same, selected from the one row of a source; null if it has none."""
        return JsonExpression.concat(f"(SELECT {self.to_sql()} FROM {source})")

    def or_null(self) -> "JsonExpression":
        """Return the same, with the JSON word null where it is null."""
        return JsonExpression.concat(f"coalesce({self.to_sql()}, 'null')")

    def or_error(self) -> "JsonExpression":
        """Return the same; the statement fails where it is null, since the schema allows none."""
        return JsonExpression.concat(f"coalesce({self.to_sql()}, {RAISE_ERROR})")


JsonExpression.NULL = JsonExpression.concat(JsonLiteral("null"))


def _concatenate(texts: list[str]) -> str:
    while len(texts) > MAX_OPERANDS:
        texts = [f"({' || '.join(texts[i : i + MAX_OPERANDS])})" for i in range(0, len(texts), MAX_OPERANDS)]
    return " || ".join(texts)
