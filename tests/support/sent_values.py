"""What clients send that is nobody else's business: values of variables and literals, tokens, keys and cookies."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import orjson

__all__ = ["SENT", "SentValues", "note_request"]

MIN_CHARACTERS = 5  # shorter ones are parts of words by chance
SECRET_HEADERS = ("authorization", "cookie", "idempotency-key", "atrium-consistency")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')

# Ids may be logged, names of the API are in it anyway, figures are like other figures, and single words are also the
# log's own.
_PUBLIC = re.compile(
    r"(?:[A-Za-z]+:)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[A-Z][A-Z_]*|[\d.:TZ+-]*|[a-z]+[A-Z]\w*|[A-Za-z]{1,12}:?"
)


class SentValues:
    """The values that were sent so far in this process, while it takes them down."""

    def __init__(self) -> None:
        self.values: set[str] = set()
        self.is_taking = False

    def note(self, request: httpx.Request) -> None:
        """Take down what a request holds."""
        if not self.is_taking:
            return
        for name in SECRET_HEADERS:
            for word in request.headers.get(name, "").split():
                self.add(word)
        try:
            body = orjson.loads(request.content)
        except ValueError:
            return  # nothing that can be told apart
        if isinstance(body, dict):
            self.note_operation(body)

    def note_operation(self, body: dict[str, Any]) -> None:
        """Take down the variables and literals of an operation."""
        for value in _texts(body.get("variables")):
            self.add(value)
        query = body.get("query")
        for literal in LITERAL.findall(query) if isinstance(query, str) else ():
            self.add(literal)

    def add(self, value: str) -> None:
        """Take down one value, if it could not be anything else."""
        if len(value) >= MIN_CHARACTERS and not value.isspace() and not _PUBLIC.fullmatch(value):
            self.values.add(value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


SENT = SentValues()


async def note_request(request: httpx.Request) -> None:
    """Take down what a client of the tests is about to send."""
    SENT.note(request)
