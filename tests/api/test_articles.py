"""Articles: who writes and reads them, and how they are found."""

from typing import Any

import pytest

from tests.support.factories import Person, World

SEARCH = """
query Search($query: String!, $first: Int, $after: String, $last: Int, $before: String, $language: ArticleLanguage,
    $filter: ArticleSearchFilter, $orderBy: ArticleSearchOrder! = RELEVANCE) {
  searchArticles(query: $query, first: $first, after: $after, last: $last, before: $before, language: $language,
      filter: $filter, orderBy: $orderBy) {
    totalCount corrected correctedQuery
    pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
    nodes { id }
    edges {
      cursor rank node { id title status }
      titleSegments { text match } snippetSegments { text match }
    }
    facets { languages { value count } authors { value { id } count } months { value count } }
  }
}
"""


async def create_article(person: Person, title: str, content: str = "", **given: Any) -> dict[str, Any]:
    given = {"status": "PUBLISHED", **given} if person.role != "MEMBER" else given
    fields = "... on Article { id title version status publishedAt } ... on Error { code message }"
    return await person.client.mutate("createArticle", fields, title=title, content=content, **given)


async def search(person: Person, query: str, **wanted: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await person.client.run(SEARCH, query=query, **wanted))["searchArticles"]
    return found


def titles(found: dict[str, Any]) -> list[str]:
    return [edge["node"]["title"] for edge in found["edges"]]


def joined_text(segments: list[dict[str, Any]]) -> str:
    return "".join(segment["text"] for segment in segments)


def matched_texts(segments: list[dict[str, Any]]) -> list[str]:
    return [segment["text"] for segment in segments if segment["match"]]


async def test_what_is_in_the_title_comes_first(world: World) -> None:
    owner = world.acme.owner
    await create_article(owner, "Gardens", "Much about databases here.")
    await create_article(owner, "Databases", "All about them.")
    await create_article(owner, "Cooking", "Nothing to see.")
    found = await search(owner, "database")
    assert titles(found) == ["Databases", "Gardens"]
    assert found["totalCount"] == 2
    first, second = found["edges"]
    assert first["rank"] > second["rank"] > 0
    assert matched_texts(first["titleSegments"]) == ["Databases"]
    assert matched_texts(second["snippetSegments"]) == ["databases"]
    assert not found["corrected"]


async def test_quotes_or_and_minus(world: World) -> None:
    owner = world.acme.owner
    await create_article(owner, "A", "the red house by the lake")
    await create_article(owner, "B", "the house is red")
    await create_article(owner, "C", "a blue boat")
    assert sorted(titles(await search(owner, "red house"))) == ["A", "B"]
    assert titles(await search(owner, '"red house"')) == ["A"]
    assert sorted(titles(await search(owner, '"red house" or boat'))) == ["A", "C"]
    assert titles(await search(owner, "red -lake")) == ["B"]


async def test_each_article_is_compared_in_its_own_language(world: World) -> None:
    owner = world.acme.owner
    await create_article(owner, "German", "Die Häuser am See", language="GERMAN")
    await create_article(owner, "English", "running houses", language="ENGLISH")
    await create_article(owner, "Estonian", "majad ja järved", language="ESTONIAN")
    await create_article(owner, "Simple", "running houses", language="SIMPLE")
    assert titles(await search(owner, "Haus")) == ["German"]
    assert titles(await search(owner, "house")) == ["English"]
    assert sorted(titles(await search(owner, "houses"))) == ["English", "Simple"]
    assert titles(await search(owner, "houses", language="SIMPLE")) == ["Simple"]
    assert titles(await search(owner, "houses", filter={"language": {"eq": "SIMPLE"}})) == ["Simple"]
    both = await search(owner, "houses", language="SIMPLE", filter={"language": {"eq": "GERMAN"}})
    assert titles(both) == []


async def test_markup_is_text(world: World) -> None:
    owner = world.acme.owner
    markup = "<img src=x onerror=alert(1)>"
    await create_article(owner, f"Bold {markup} claim", f"A bold claim {markup} and <b>more</b> &lt; \ufdd0x\ufdd1")
    (edge,) = (await search(owner, "bold claim"))["edges"]
    assert joined_text(edge["titleSegments"]) == f"Bold {markup} claim"
    assert joined_text(edge["snippetSegments"]) == f"A bold claim {markup} and <b>more</b> &lt; x"
    assert matched_texts(edge["snippetSegments"]) == ["bold", "claim"]
    assert titles(await search(owner, "onerror")) == [f"Bold {markup} claim"]


async def test_a_snippet_has_fifty_words_at_most(world: World) -> None:
    owner = world.acme.owner
    await create_article(owner, "Long", " - ".join(f"word{n}" for n in range(400)) + " needle " + "hay , " * 400)
    (edge,) = (await search(owner, "needle"))["edges"]
    assert 10 < len(joined_text(edge["snippetSegments"]).split()) <= 50
    assert matched_texts(edge["snippetSegments"]) == ["needle"]


async def test_a_misspelled_query_is_corrected_and_says_so(world: World) -> None:
    owner, member = world.acme.owner, world.acme.member
    await create_article(owner, "Databases", "Everything about relational databases and gardening.")
    await create_article(owner, "Unfinished", "confidential takeover", status="DRAFT")
    found = await search(member, "relatoinal -cooking gardning")
    assert titles(found) == ["Databases"]
    assert (found["corrected"], found["correctedQuery"]) == (True, "relational -cooking gardening")
    assert matched_texts(found["edges"][0]["snippetSegments"]) == ["relational", "gardening"]
    hidden = await search(member, "confidentail")
    assert (hidden["corrected"], hidden["correctedQuery"], hidden["totalCount"]) == (False, None, 0)
    assert titles(await search(owner, "confidentail")) == ["Unfinished"]


async def test_members_find_what_is_published_and_their_own_drafts(world: World) -> None:
    acme = world.acme
    await create_article(acme.owner, "Published", "zebra")
    await create_article(acme.owner, "Draft", "zebra", status="DRAFT")
    await create_article(acme.member, "Own", "zebra")
    found = await search(acme.member, "zebra")
    assert sorted(titles(found)) == ["Own", "Published"]
    assert found["totalCount"] == 2
    assert sum(facet["count"] for facet in found["facets"]["authors"]) == 2
    assert found["facets"]["languages"] == [{"value": "ENGLISH", "count": 2}]
    assert sorted(titles(await search(acme.owner, "zebra"))) == ["Draft", "Own", "Published"]
    assert titles(await search(world.globex.owner, "zebra")) == []


@pytest.mark.parametrize(
    "query", ["", "   ", "%", "'", ":*", "&&&", "😀", "the and of", "<>", "a:*b", "\\", "!!", "-", '"', "( & | !)"]
)
async def test_queries_that_say_nothing_find_nothing(world: World, query: str) -> None:
    await create_article(world.acme.owner, "Databases", "the and of everything")
    found = await search(world.acme.owner, query)
    assert (found["totalCount"], found["edges"], found["corrected"]) == (0, [], False)
    assert found["facets"] == {"languages": [], "authors": [], "months": []}


@pytest.mark.parametrize("query", ["x" * 20_000, "word " * 100])
async def test_queries_that_cannot_be_are_refused(world: World, query: str) -> None:
    assert await world.acme.owner.client.error_codes(SEARCH, query=query) == ["BAD_USER_INPUT"]


async def test_an_unknown_language_is_refused(world: World) -> None:
    assert await world.acme.owner.client.error_codes(SEARCH, query="x", language="KLINGON") == ["BAD_USER_INPUT"]
