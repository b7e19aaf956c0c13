"""Finding articles as people mean it: what is pasted, by its parts and whole; accents; scripts without spaces."""

import re
import unicodedata
from typing import Any

import pytest

from tests.support.factories import Person, World

SEARCH = """
query ($query: String!, $language: ArticleLanguage) {
  searchArticles(query: $query, language: $language) {
    corrected
    edges { rank node { title } titleSegments { text match } snippetSegments { text match } }
  }
}
"""

PASTED = {
    "https://docs.example.org/guide/setup?step=2#first": [
        "https://docs.example.org/guide/setup",
        "docs.example.org",
        "example.org/guide",
        "guide",
        "setup",
        "step=2",
    ],
    "TCP/IP": ["tcp", "IP", "tcp/ip", "TCP-IP"],
    "screenshot.png": ["screenshot", "png", "screenshot.png"],
    "jane.doe+news@example.com": ["jane", "doe", "example.com", "jane.doe+news@example.com"],
    "poseidon-1234": ["poseidon", "1234", "poseidon-1234", "Poseidon 1234"],
    "covid-19": ["covid", "19", "covid-19", '"covid 19"'],
    "Node.js": ["node", "js", "node.js", "Node.JS"],
    "state-of-the-art": ["state", "art", "state-of-the-art", '"state-of-the-art"', "of-the-art"],
    "v1.22.3": ["1.22.3", "v1.22.3", "1.22", "v1.22"],
    "C++ and C#": ["c++", "C#", "c"],
    r"C:\Temp\report_final.docx": ["temp", "report", r"c:\temp\report_final.docx", r"Temp\report_final"],
    "/usr/local/bin/thing": ["usr", "local", "bin/thing", "/usr/local/bin/thing"],
    "snake_case_name": ["snake", "case", "snake_case_name", "case_name"],
    "--dry-run": ["--dry-run", "dry", "dry-run"],
    "O\u2019Hara": ["hara", "O'Hara", "O\u2019Hara"],
    "3.14159": ["3.14159", "14159"],
    "soft\u00adware": ["software", "soft\u00adware"],
}


async def write(person: Person, title: str, content: str, language: str = "ENGLISH") -> None:
    given = {"title": title, "content": content, "language": language, "status": "PUBLISHED"}
    made = await person.client.mutate("createArticle", "... on Error { message }", **given)
    assert made == {"__typename": "Article"}


async def search(person: Person, query: str, **wanted: Any) -> list[dict[str, Any]]:
    found = (await person.client.run(SEARCH, query=query, **wanted))["searchArticles"]
    assert not found["corrected"]
    edges: list[dict[str, Any]] = found["edges"]
    return edges


async def search_titles(person: Person, query: str, **wanted: Any) -> list[str]:
    return sorted(edge["node"]["title"] for edge in await search(person, query, **wanted))


def joined_text(segments: list[dict[str, Any]]) -> str:
    return "".join(segment["text"] for segment in segments)


def matched_texts(segments: list[dict[str, Any]]) -> list[str]:
    return [segment["text"] for segment in segments if segment["match"]]


async def test_what_is_pasted_is_found_by_its_parts_and_whole(world: World) -> None:
    owner = world.acme.owner
    for pasted in PASTED:
        await write(owner, pasted, f"Something about {pasted} and more of it.")
    await write(owner, "Nothing", "of all that")
    missed = [
        (pasted, query)
        for pasted, queries in PASTED.items()
        for query in queries
        if pasted not in await search_titles(owner, query)
    ]
    assert missed == []
    assert await search_titles(owner, "tcp/udp") == []
    assert await search_titles(owner, "poseidon-12345") == []
    assert await search_titles(owner, "C++") == ["C++ and C#"]


async def test_the_parts_of_what_is_pasted_stand_together(world: World) -> None:
    owner = world.acme.owner
    await write(owner, "Together", "See docs.example.org/setup for it.")
    await write(owner, "Apart", "The setup of an example is in the org chart, with docs.")
    assert await search_titles(owner, "docs.example.org") == ["Together"]
    assert await search_titles(owner, "docs example org") == ["Apart", "Together"]


async def test_what_is_pasted_is_highlighted_and_stays_as_it_is(world: World) -> None:
    owner = world.acme.owner
    text = r"Open https://docs.example.org/guide or <b>C:\guide_2</b>, v1.5 &amp; more"
    await write(owner, text, text)
    for query, marked in (
        ("example.org/guide", ["example", "org", "guide", "guide"]),
        ("v1.5", ["v", "1", "5"]),
        (r"C:\guide_2", ["guide", "C", "guide", "2"]),
    ):
        (edge,) = await search(owner, query)
        for segments in (edge["titleSegments"], edge["snippetSegments"]):
            assert joined_text(segments) == text
            assert matched_texts(segments) == marked


async def test_a_dash_excludes_only_what_it_stands_before(world: World) -> None:
    owner = world.acme.owner
    await write(owner, "Both", "alpha and beta, well-known")
    await write(owner, "One", "alpha alone")
    assert await search_titles(owner, "alpha - beta") == ["Both"]
    assert await search_titles(owner, "alpha – beta") == ["Both"]  # noqa: RUF001  # as word processors make it
    assert await search_titles(owner, "alpha -- beta") == ["Both"]
    assert await search_titles(owner, "alpha -beta") == ["One"]
    assert await search_titles(owner, "alpha -well-known") == ["One"]
    assert await search_titles(owner, 'alpha -"well known"') == ["One"]
    assert await search_titles(owner, "alpha-beta") == []
    assert await search_titles(owner, "well-known") == ["Both"]
    assert await search_titles(owner, "“well known”") == ["Both"]
    assert await search_titles(owner, "“alpha beta” or alone") == ["One"]


ACCENTED = [
    ("ENGLISH", "résumé", ["resume", "résumé", "RESUME", "Résumés"]),
    ("ENGLISH", "Ångström", ["angstrom", "ångström"]),
    ("FRENCH", "mangée", ["mangee", "mangée", "manger"]),
    ("FRENCH", "œuvre à cœur", ["oeuvre", "œuvres", "coeur"]),
    ("GERMAN", "Häuser der Straße", ["Haus", "hauser", "strasse", "Straßen"]),
    ("SPANISH", "mañana", ["manana", "mañana"]),
    ("DANISH", "smørrebrød", ["smorrebrod", "smørrebrød"]),
    ("GREEK", "Αθήνα", ["αθηνα", "Αθήνα"]),
    ("RUSSIAN", "ёлка", ["елка", "ёлка"]),
    ("SIMPLE", "Việt Nam Łódź", ["viet nam", "lodz", "Việt"]),
    ("SIMPLE", "ＡＢＣ１２３", ["abc123", "ＡＢＣ１２３"]),  # noqa: RUF001  # fullwidth, as in Japanese
]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_words_are_found_with_and_without_accents_however_composed(world: World, form: Any) -> None:
    owner = world.acme.owner
    for language, text, _ in ACCENTED:
        await write(owner, text, unicodedata.normalize(form, f"Here is {text}."), language)
    for language, text, queries in ACCENTED:
        for query in queries:
            for given in (query, unicodedata.normalize("NFD", query)):
                (edge,) = await search(owner, given, language=language)
                assert edge["node"]["title"] == text
                assert joined_text(edge["snippetSegments"]) == f"Here is {text}."
                assert matched_texts(edge["snippetSegments"])
    assert await search_titles(owner, "resume -résumé") == []
    assert await search_titles(owner, "angstrom -resume") == ["Ångström"]


async def test_scripts_without_spaces_are_found_by_any_two_characters(world: World) -> None:
    owner = world.acme.owner
    texts = {
        "Japanese": "東京都庁舎は新宿区にあります。コンピューターを使う。",
        "Chinese": "我们在北京大学学习中文。iPhone手机很贵。",
        "Korean": "대한민국의 수도는 서울특별시입니다.",
    }
    for title, text in texts.items():
        await write(owner, title, text)
    for title, queries in {
        "Japanese": ["東京", "京都", "都庁舎", "新宿区に", "ピュ", "東京都庁舎は新宿区", "舎", "東 区"],
        "Chinese": ["北京", "京大", "大学学习", "手机", "iPhone", "iPhone手机", "贵", "北京大学"],
        "Korean": ["대한", "한민", "서울", "특별시", "수", "서울특별시"],
    }.items():
        for query in queries:
            assert await search_titles(owner, query) == [title], query
    for query in ("東都", "京北", "울서", "大中文", "京都府"):
        assert await search_titles(owner, query) == []
    assert await search_titles(owner, "東京 or 北京") == ["Chinese", "Japanese"]
    assert await search_titles(owner, "北京 -手机") == []
    (edge,) = await search(owner, "都庁")
    assert joined_text(edge["snippetSegments"]) == texts["Japanese"]
    assert matched_texts(edge["snippetSegments"]) == ["都庁"]


async def test_the_snippet_is_where_the_match_is(world: World) -> None:
    owner = world.acme.owner
    words = " ".join(f"word{n}" for n in range(60))
    await write(owner, "alpha", f"{words} omega")
    (edge,) = await search(owner, "alpha omega")
    assert matched_texts(edge["snippetSegments"]) == ["omega"]
    await write(owner, "Far", f"gamma {words} {words} delta, and gamma {words}")
    (edge,) = await search(owner, "gamma delta")
    assert matched_texts(edge["snippetSegments"]) == ["delta", "gamma"]
    assert 25 < len(joined_text(edge["snippetSegments"]).split()) <= 50
    await write(owner, "Kanji", "東京都庁舎" * 4_000 + "大学" + "東京都庁舎" * 4_000)
    (edge,) = await search(owner, "大学")
    assert matched_texts(edge["snippetSegments"]) == ["大学"]
    assert 200 < len(joined_text(edge["snippetSegments"])) <= 300
    await write(owner, "Blob", "x" * 60_000 + " needle " + "y" * 30_000)
    (edge,) = await search(owner, "needle")
    assert matched_texts(edge["snippetSegments"]) == ["needle"]
    assert len(joined_text(edge["snippetSegments"])) <= 300


async def test_a_match_in_the_title_comes_before_any_number_in_the_content(world: World) -> None:
    owner = world.acme.owner
    await write(owner, "Gardening", "gardens " * 50 + "soil " * 50)
    await write(owner, "A garden in the long title of something else", "Not a word more.")
    await write(owner, "The soil of a garden", "Not a word more.")
    await write(owner, "Databases", "garden soil " * 5_000)
    ranks = {edge["node"]["title"]: edge["rank"] for edge in await search(owner, "garden")}
    assert list(ranks)[-1] == "Databases"
    assert sorted(ranks.values(), reverse=True) == list(ranks.values())
    assert [edge["node"]["title"] for edge in await search(owner, "garden soil")] == [
        "The soil of a garden",
        "Gardening",
        "Databases",
    ]


TRICKY = [
    "garden",
    "garden and a garden",
    'garden ,{"text":"","match":false} "garden"',
    '[,{"text":"garden","match":true}] \\"garden\\',
    "a garden \u00e9garden garden-garden \u00e9 garden",
    'plain ","match":true},{"text":" and no match',
]


@pytest.mark.parametrize(
    ("selection", "text", "match"),
    [
        ("text match", "text", "match"),
        ("match text", "text", "match"),
        ("a: text m: match __typename", "a", "m"),
        ("__typename text", "text", None),
        ("match b: text again: text", "b", "match"),
    ],
)
async def test_segments_are_whole_in_any_selection(world: World, selection: str, text: str, match: str | None) -> None:
    for number, title in enumerate(TRICKY):
        await write(world.acme.owner, title, f"{title}\t{'garden' if number % 2 else ''}".strip())
    await write(world.acme.owner, "The garden", "")
    query = f"""{{ searchArticles(query: "garden") {{
        edges {{ node {{ title content }} titleSegments {{ {selection} }} snippetSegments {{ {selection} }} }} }} }}"""
    edges = (await world.acme.owner.client.run(query))["searchArticles"]["edges"]
    assert len(edges) == len(TRICKY) + 1
    for edge in edges:
        for field, whole in (("titleSegments", edge["node"]["title"]), ("snippetSegments", edge["node"]["content"])):
            found = edge[field]
            assert [segment[text] for segment in found] == [part for part in re.split(r"\b(garden)\b", whole) if part]
            if match:
                assert [segment[match] for segment in found] == [segment[text] == "garden" for segment in found]
            keys = [each.split(":")[0] for each in selection.replace(": ", ":").split()]
            assert [list(segment) for segment in found] == [keys] * len(found)
