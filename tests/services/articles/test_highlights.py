"""Marked texts: what matched is between marks, cut after fifty words and taken apart into pieces."""

import random
import re

import pytest
from sqlalchemy import ARRAY, Text, bindparam, literal, select

from services.articles.highlights import Segment, highlight, parse_segments, select_segments, truncate
from tests.support.factories import World
from tests.support.service_client import ServiceClient

SEED = 20261125
SPACES = " \n\t\r\x0b\x0c\x1c\x1f\x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"


def some_marked_text(chance: random.Random) -> str:
    parts = []
    for _ in range(chance.choice([0, 1, 3, 30, 49, 50, 51, 52, 60])):
        word = chance.choice(["word", "\ufdd0match\ufdd1", "\ufdd0a\ufdd1-\ufdd0b\ufdd1", "-", "ä<b>", "\\"])
        parts.append(word + chance.choice([" ", " ", " ", chance.choice(SPACES) * chance.randint(1, 3)]))
    return chance.choice(["", "", " ", "\n"]) + "".join(parts).removesuffix(" ")


async def test_marked_texts_are_cut_and_taken_apart(rules: ServiceClient, world: World) -> None:
    chance, actor = random.Random(SEED), rules.actor(world.acme.member)  # to be repeatable
    given = bindparam("given", type_=Text())
    async with rules.database.read(actor.identity) as session:
        for _ in range(200):
            text = some_marked_text(chance)
            rows = (await session.exec(select_segments(given), params={"given": text})).all()
            assert [row[:2] for row in sorted(rows, key=lambda row: row.place)] == parse_segments(text)
            words = re.findall(r"\s*\S+", text)
            short = (await session.exec(select(truncate(given)), params={"given": text})).scalar_one()
            assert short == (text if len(words) <= 50 else "".join(words[:50]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("plain", [Segment("plain", match=False)]),
        ("\ufdd0a\ufdd1", [Segment("a", match=True)]),
        ("x \ufdd0a\ufdd1\ufdd0b\ufdd1 y", [("x ", False), ("a", True), ("b", True), (" y", False)]),
        ("<b>\ufdd0<i>\ufdd1", [("<b>", False), ("<i>", True)]),
    ],
)
def test_marks_tell_matches_from_the_rest(text: str, expected: list[Segment]) -> None:
    assert parse_segments(text) == expected


async def test_what_matches_is_marked_and_markup_stays_text(rules: ServiceClient, world: World) -> None:
    given = "A <b>garden</b> and many gardens"
    terms = literal(["garden"], ARRAY(Text()))
    statement = select(highlight(literal("ENGLISH"), literal(given, Text()), terms, whole=True))
    async with rules.database.read(rules.identity(world.acme.member)) as session:
        marked = (await session.exec(statement)).scalar_one()
    pieces = parse_segments(marked)
    assert "".join(piece.text for piece in pieces) == given
    assert [piece.text for piece in pieces if piece.match] == ["garden", "gardens"]
