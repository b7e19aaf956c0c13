"""JSON as a statement writes it: texts joined to texts, of which all but the values are known before.

`row_to_json` and `json_agg` look up the types of what they are given for every row, and copy each level as a value of
its own; to join texts costs less. In return, whatever is joined must be proved never to be null, for one null makes the
whole null. A value that may be null says so here: by `or_null`, or, where the schema allows no null, by `or_fail`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from graph.compiler.sql import FAILURE, text

__all__ = ["Json", "Letters"]

CHAIN = 30  # texts joined in one expression; more of them in groups, since PostgreSQL descends once for each


class Letters(str):
    """Letters of JSON as they are; all other strings in here are SQL."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Json:
    """A piece of JSON: letters, and expressions of the type text between them."""

    parts: tuple[str, ...]

    NULL: ClassVar["Json"]

    @classmethod
    def of(cls, *pieces: "str | Json") -> "Json":
        """These pieces, one behind the other."""
        parts: list[str] = []
        for piece in pieces:
            for part in piece.parts if isinstance(piece, Json) else (piece,):
                if parts and isinstance(part, Letters) and isinstance(parts[-1], Letters):
                    parts[-1] = Letters(parts[-1] + part)
                else:
                    parts.append(part)
        return cls(tuple(parts))

    @classmethod
    def name(cls, value: str) -> "Json":
        """A string that is known before, of letters that need no escape."""
        return cls.of(Letters(f'"{value}"'))

    @classmethod
    def string(cls, sql: str) -> "Json":
        """A string whose letters need no escape; null where it is."""
        return cls.of(Letters('"'), sql, Letters('"'))

    @classmethod
    def object_of(cls, shown: Iterable[tuple[str, "Json"]]) -> "Json":
        """An object of these keys and values; a key is one of GraphQL's names, which need no escape."""
        pieces: list[str | Json] = []
        for key, value in shown:
            pieces += [Letters(f'{"," if pieces else "{"}"{key}":'), value]
        return cls.of(*(pieces or [Letters("{")]), Letters("}"))

    @classmethod
    def list_of(cls, item: "Json", order: str = "", filter_: str = "") -> "Json":
        """The list of what there is in each row of a source, by an aggregate; `order` and `filter_` are clauses."""
        return cls.of(Letters("["), f"coalesce(string_agg({item.sql()}, ','{order}){filter_}, '')", Letters("]"))

    def sql(self) -> str:
        """The whole as one expression."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Letters):
            return f"{text(self.parts[0])}::text"
        return _joined([text(part) if isinstance(part, Letters) else part for part in self.parts])

    def read_from(self, source: str) -> "Json":
        """The same, of the one row of a source; null if it has none."""
        return Json.of(f"(SELECT {self.sql()} FROM {source})")

    def or_null(self) -> "Json":
        """The same; where it is null, the word for that."""
        return Json.of(f"coalesce({self.sql()}, 'null')")

    def or_fail(self) -> "Json":
        """The same; where it is null, the statement fails, as the schema allows none."""
        return Json.of(f"coalesce({self.sql()}, {FAILURE})")


Json.NULL = Json.of(Letters("null"))


def _joined(texts: list[str]) -> str:
    while len(texts) > CHAIN:
        texts = [f"({' || '.join(texts[i : i + CHAIN])})" for i in range(0, len(texts), CHAIN)]
    return " || ".join(texts)
