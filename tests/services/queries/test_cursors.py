"""Cursors: written by the database, read back for their own list alone."""

import json
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Text, literal, select

from services.errors import InvalidInput
from services.queries.cursors import decode_cursor, encode_cursor, list_fingerprint
from services.queries.filter_parsing import AllOf, FieldCondition
from tests.support.factories import World
from tests.support.service_client import ServiceClient, invalid_paths

ROW_ID = UUID("01a2283a-8ac7-702d-bbe5-3d9c0750a2a6")


def written(*parts: Any) -> str:
    return urlsafe_b64encode(json.dumps(list(parts)).encode()).decode().rstrip("=")


@pytest.mark.parametrize("key", ["", "plain", 'quotes " and \\', "Überflug \U0001f600", "x" * 200])
async def test_what_the_database_writes_is_read_back(rules: ServiceClient, world: World, key: str) -> None:
    statement = select(encode_cursor(literal(key, Text()), literal(ROW_ID)))
    async with rules.database.read(rules.identity(world.acme.member)) as session:
        token = (await session.exec(statement, params={"fingerprint": "mark"})).scalar_one()
    assert not set(token) & set("+/=\n")
    assert decode_cursor(token, [str], "mark") == ((key,), ROW_ID)


@pytest.mark.parametrize(
    ("kind", "key", "expected"),
    [
        (int, "5", "5"),
        (int, str(2**63 - 1), str(2**63 - 1)),
        (int, str(-(2**63)), str(-(2**63))),
        (float, "0.5", "0.5"),
        (datetime, "2026-01-01 12:00:00+02", "2026-01-01T10:00:00+00:00"),
        (datetime, "infinity", "infinity"),
    ],
)
def test_a_key_is_what_its_order_sorts_by(kind: type, key: str, expected: str) -> None:
    assert decode_cursor(written("mark", key, str(ROW_ID)), [kind], "mark") == ((expected,), ROW_ID)


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("", str),
        ("ä", str),
        ("not base64!", str),
        (written("mark"), str),
        (written("mark", str(ROW_ID)), str),
        (written("mark", "a", "b", str(ROW_ID)), str),
        (written("other", "a", str(ROW_ID)), str),
        (written("mark", 5, str(ROW_ID)), str),
        (written("mark", "a\0", str(ROW_ID)), str),
        (written("mark", "a", "no id"), str),
        (written("mark", "a", None), str),
        (written("mark", "five", str(ROW_ID)), int),
        (written("mark", str(2**63), str(ROW_ID)), int),
        (written("mark", str(-(2**63) - 1), str(ROW_ID)), int),
        (written("mark", "yesterday", str(ROW_ID)), datetime),
    ],
)
def test_whatever_else_is_refused(token: str, kind: type) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_cursor(token, [kind], "mark")
    assert invalid_paths(refused.value) == ["cursor"]


def test_a_fingerprint_tells_lists_orders_and_filters_apart() -> None:
    name, order = "tasks", (("created_at", True),)
    base = (name, order, FieldCondition("status", "eq", 0), ("DONE",))
    others = [
        ("projects", *base[1:]),
        (name, (("created_at", False),), *base[2:]),
        (name, (("title", True),), *base[2:]),
        (name, (*order, ("title", True)), *base[2:]),
        (name, order, FieldCondition("status", "not", 0), ("DONE",)),
        (name, order, FieldCondition("title", "eq", 0), ("DONE",)),
        (*base[:3], ("TODO",)),
        (name, order, AllOf(), ()),
    ]
    marks = {list_fingerprint(*given) for given in (base, *others)}
    assert len(marks) == 9
    assert {len(mark) for mark in marks} == {12}
    assert list_fingerprint(*base) == list_fingerprint(*base)
