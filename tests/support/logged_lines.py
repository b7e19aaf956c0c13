"""The lines that are logged while tests run, as the log of a process in production would have them."""

import logging
import re
from collections.abc import Iterable

import orjson

from atrium.logs import JsonFormatter

__all__ = ["LoggedLines"]

EXPECTED_LOGGERS = ("atrium.mail", "httpx")
"""What writes e-mails to the log, in development and never in production; and the client of the tests."""
REPEATED_FIELDS = ("operation_name", "document_id", "client_address")
"""What of a request's line is not made by the server, and neither an id nor a figure."""

_FRAMES = re.compile(r"^(?:  File |    ).*$", re.MULTILINE)
"""Lines of the program in a trace: what a client sends may be a word of them by chance."""


class LoggedLines(logging.Handler):
    """Keeps each line once that says something new."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._seen: set[object] = set()
        self._fresh: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name in EXPECTED_LOGGERS:
            return
        fields = getattr(record, "fields", {})
        names = REPEATED_FIELDS if record.name == "atrium.request" else sorted(fields.keys() - {"request_id"})
        key = (record.name, record.getMessage(), *(str(fields.get(name)) for name in names))
        if record.exc_info or key not in self._seen:
            self._seen.add(key)
            said = orjson.loads(self.format(record)).items()  # without the backslashes of JSON
            self._fresh.append(_FRAMES.sub("", "\n".join(f"{name}: {value}" for name, value in said)))

    def take_leaks(self, values: Iterable[str]) -> list[tuple[str, str]]:
        """The values that are in lines since the last look, each with its line."""
        lines, self._fresh = list(dict.fromkeys(self._fresh)), []
        found = [(value, line) for value in values for line in lines if value in line] if lines else []
        return [(value, line) for value, line in found if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", line)]
