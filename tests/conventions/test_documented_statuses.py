"""The HTTP statuses in docs/clients.md are those of the code."""

from atrium.http.negotiation import OK, PARTIAL_SUCCESS
from atrium.http.responses import UNPROCESSABLE
from graph.fields.errors import STATUS
from tests.support.doc_pages import code_spans, table_rows

CLIENTS = "docs/clients.md"

OF_FIELDS = {
    *("UNAUTHENTICATED", "REAUTHENTICATION_REQUIRED", "ALREADY_EXISTS", "VERSION_CONFLICT", "ILLEGAL_TRANSITION"),
    *("OUT_OF_STOCK", "IDEMPOTENCY_CONFLICT", "INVALID_CREDENTIALS", "INVALID_TOKEN"),
}
"""Codes of fields alone, which come with data, and of operations on a WebSocket."""
OF_SOCKETS = {"TOO_MANY_OPERATIONS"}


def test_every_code_stands_beside_its_status() -> None:
    rows = [(int(status), code_spans(codes)) for status, _, codes in table_rows(CLIENTS, "Status")]
    found = {(code, status) for status, codes in rows for code in codes}
    alone = {(code, status) for code, status in STATUS.items() if code not in OF_FIELDS | OF_SOCKETS}
    assert found == alone | {("BAD_REQUEST", UNPROCESSABLE)}
    assert [status for status, codes in rows if not codes] == [OK, PARTIAL_SUCCESS]


def test_every_code_is_explained() -> None:
    rows = table_rows(CLIENTS, "Code")
    assert {code for cell, *_ in rows for code in code_spans(cell)} == set(STATUS)
