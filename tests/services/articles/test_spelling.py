"""Corrections: which words of a query are put right, and by what."""

import pytest

from services.articles.spelling import MAX_CORRECTED_WORDS, correct_spelling, correctable_words
from services.errors import Forbidden
from services.permissions import Actor, Permission
from tests.support.factories import Person, World
from tests.support.service_client import ServiceClient


async def correct(rules: ServiceClient, person: Person, query: str) -> str | None:
    async with rules.database.read(rules.identity(person)) as session:
        return await correct_spelling(session, rules.actor(person), query)


async def write(world: World, content: str, **values: str) -> None:
    given = {"tenant_id": world.acme.tenant_id, "author_id": world.acme.owner.user_id, "status": "PUBLISHED"}
    await world.add("articles", **{**given, "title": "Tea", "content": content, **values})


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", []),
        ("tea", []),
        ("teas", ["teas"]),
        ("Gardn gardn", ["gardn"]),
        ("x" * 30, ["x" * 30]),
        ("x" * 31, []),
        ("-gardn rivr", ["rivr"]),
        ('-"gardn stons" rivr', ["rivr"]),
        ("-gardn-stons rivr", ["rivr"]),
        ("- gardn", ["gardn"]),
        ("well-known", ["well", "known"]),
        ("gard3n", []),
        ("snake_case", ["snake", "case"]),
        ("Überflug", ["überflug"]),
    ],
)
def test_words_are_of_4_to_30_letters_and_wanted(query: str, words: list[str]) -> None:
    assert correctable_words(query) == words


def test_the_first_eight_words_are_put_right() -> None:
    words = [f"word{letter}" for letter in "abcdefghij"]
    assert MAX_CORRECTED_WORDS == 8
    assert correctable_words(" ".join(words)) == words[:8]


async def test_a_word_is_put_right_by_the_most_similar_one_that_is_to_be_seen(
    rules: ServiceClient, world: World
) -> None:
    await write(world, "The garden lies behind the bridge")
    await write(world, "A windmill", status="DRAFT")
    assert await correct(rules, world.acme.member, "Gardn and bridg -rivr") == "garden and bridge -rivr"
    assert await correct(rules, world.acme.member, "garden bridge") is None
    assert await correct(rules, world.acme.member, "zzzzzz") is None
    assert await correct(rules, world.globex.owner, "gardn") is None
    assert await correct(rules, world.acme.member, "windmil") is None
    assert await correct(rules, world.acme.owner, "windmil") == "windmill"


async def test_it_takes_the_permission(rules: ServiceClient, world: World) -> None:
    actor = Actor(rules.identity(world.acme.member), {Permission.TENANT_READ})
    async with rules.database.read(actor.identity) as session:
        with pytest.raises(Forbidden):
            await correct_spelling(session, actor, "gardn")
