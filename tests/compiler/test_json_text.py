"""How the compiler writes JSON: to the last letter, and never a null that nobody thought of."""

import json
import struct

import asyncpg
import pytest
from graphql import GraphQLEnumType, GraphQLFloat, GraphQLID, GraphQLNonNull, GraphQLOutputType, GraphQLString
from sqlalchemy import REAL, Text

from graph.compiler.derived_table import NO_FACTS, ColumnFacts
from graph.compiler.json_text import MAX_OPERANDS, JsonExpression
from graph.compiler.selection import Unsupported
from graph.compiler.serialization import serialize, serialize_money
from graph.compiler.sql import ENTER_ALIAS
from models import Model, Order, OrderItem, Product
from models.base import choices_of, table_of
from models.money import DECIMALS


@pytest.mark.parametrize("number", [0.0, 1.0, -2.0, 0.1, 1e-7, 0.081920184, 123456.0, 123456.7, None])
async def test_numbers_are_written_with_decimals(owner_connection: asyncpg.Connection, number: float | None) -> None:
    shown = JsonExpression.object_of([("n", serialize("$1::real", REAL(), GraphQLFloat))])
    text = await owner_connection.fetchval(f"SELECT {shown.to_sql()}", number)
    exact = None if number is None else struct.unpack("f", struct.pack("f", number))[0]
    assert repr(json.loads(text)["n"]) == repr(exact)


async def test_an_object_may_have_any_number_of_values(owner_connection: asyncpg.Connection) -> None:
    for count in (0, 1, MAX_OPERANDS, MAX_OPERANDS + 1, MAX_OPERANDS * MAX_OPERANDS + 1):
        shown = JsonExpression.object_of(
            (f"n{number}", JsonExpression.concat(f"{number}::text")) for number in range(count)
        )
        text = await owner_connection.fetchval(f"SELECT {shown.to_sql()}")
        assert json.loads(text) == {f"n{number}": number for number in range(count)}


async def test_letters_come_out_as_they_went_in(owner_connection: asyncpg.Connection) -> None:
    value = "it's \"quoted\", \\, \n\t\x01, || ' and \U0001f600"
    shown = JsonExpression.object_of(
        [("it's", serialize("$1::text", Text(), GraphQLString)), ("none", JsonExpression.NULL)]
    )
    many = JsonExpression.list_of(shown).selected_from("generate_series(1, 2)")
    assert json.loads(await owner_connection.fetchval(f"SELECT {many.to_sql()}", value)) == 2 * [
        {"it's": value, "none": None}
    ]
    assert json.loads(await owner_connection.fetchval(f"SELECT {many.to_sql()}", None))[0]["it's"] is None


@pytest.mark.parametrize("wanted", [GraphQLNonNull(GraphQLString), GraphQLNonNull(GraphQLID)])
async def test_a_null_that_must_not_be_fails_the_statement(
    owner_connection: asyncpg.Connection, wanted: GraphQLOutputType
) -> None:
    shown = serialize("given.value", Text(), wanted)
    source = f"(SELECT $1::text AS value) given, (SELECT gen_random_uuid() AS user_id) {ENTER_ALIAS}"
    assert json.loads(await owner_connection.fetchval(f"SELECT {shown.to_sql()} FROM {source}", "is")) == "is"
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await owner_connection.fetchval(f"SELECT {shown.to_sql()} FROM {source}", None)


async def test_a_choice_is_compared_unless_the_table_promises_it(owner_connection: asyncpg.Connection) -> None:
    wanted = GraphQLNonNull(GraphQLEnumType("Letter", {"A": "A", "B": "B"}))
    source = f"(SELECT $1::text AS value) given, (SELECT gen_random_uuid() AS user_id) {ENTER_ALIAS}"
    promised = serialize("given.value", Text(), wanted, ColumnFacts(never_null=True, choices=frozenset("AB")))
    assert promised.to_sql() == """'"' || given.value || '"'"""
    for proof in (NO_FACTS, ColumnFacts(never_null=True), ColumnFacts(never_null=True, choices=frozenset("ABC"))):
        compared = serialize("given.value", Text(), wanted, proof)
        assert await owner_connection.fetchval(f"SELECT {compared.to_sql()} FROM {source}", "B") == '"B"'
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await owner_connection.fetchval(f"SELECT {compared.to_sql()} FROM {source}", "C")


@pytest.mark.parametrize(
    "proof",
    [
        NO_FACTS,
        ColumnFacts(never_null=True),
        ColumnFacts(never_null=False, choices=frozenset({"EUR"})),
        ColumnFacts(never_null=True, choices=frozenset({"EUR", "XXX"})),
    ],
)
def test_an_amount_needs_a_promise_of_its_currency(proof: ColumnFacts) -> None:
    with pytest.raises(Unsupported):
        serialize_money("1", "'EUR'", proof)


@pytest.mark.parametrize("model", [Product, Order, OrderItem])
def test_tables_promise_their_currencies(model: type[Model]) -> None:
    assert choices_of(table_of(model).c.currency) == DECIMALS.keys()
