"""Titles, names, texts, addresses and passwords: what is kept of them, what is refused, and what is the same."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import Urls
from tests.support.bulk_mutations import create_task, result_paths, results, run_bulk
from tests.support.case_context import table_digests
from tests.support.client import App, run_app
from tests.support.factories import PASSWORD, World
from tests.support.order_helpers import PRODUCT_FIELDS

FIELDS = "... on InvalidInput { fields { path message } } ... on Error { message code }"
EMPTY = [
    "", " ", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u3164", "\u115f\u1160", "\uffa0", "\u2800", "\u00a0\u3000",
    "\u200b \u200d", "\ufe0f", "\u061c\u180e",
]  # fmt: skip
LINES = ["a\nb", "a\r\n", "\ta", "a\u2028b", "a\u2029", "\u0007", "a\u0007", "a\u0085b", "a\x7f", "\x1b[1m"]
COMPOSED, DECOMPOSED = "R\u00e9sum\u00e9", "Re\u0301sume\u0301"
PRICE = {"amount": "1", "currency": "EUR"}


@pytest.fixture(params=[True, False], ids=["compiled", "reference"])
async def app(urls: Urls, request: pytest.FixtureRequest) -> AsyncIterator[App]:
    """The application, with its compiler and without."""
    async with run_app(urls, compiler=request.param) as made:
        yield made


async def titled(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """Every mutation that takes a title or a name, that field, and what else the mutation is given."""
    acme = {"tenant_id": world.acme.tenant_id}
    project = f"Project:{await world.add('projects', **acme, name='P')}"
    author = {"created_by": world.acme.owner.user_id}
    document = f"Document:{await world.add('documents', **acme, **author, title='D', content='')}"
    article = await world.add(
        "articles", **acme, title="A", content="c", language="ENGLISH", author_id=world.acme.owner.user_id
    )
    price = {"price_minor": 1, "currency": "EUR"}
    product = f"Product:{await world.add('products', **acme, sku='old', name='Old', **price)}"
    return [
        ("createTask", "title", {}),
        ("updateTask", "title", {"id": await create_task(world, "T")}),
        ("createProject", "name", {}),
        ("updateProject", "name", {"id": project}),
        ("createDocument", "title", {}),
        ("updateDocument", "title", {"id": document}),
        ("createArticle", "title", {"content": "c"}),
        ("updateArticle", "title", {"id": f"Article:{article}"}),
        ("createProduct", "name", {"sku": "s", "price": PRICE}),
        ("createProduct", "sku", {"name": "n", "price": PRICE}),
        ("updateProduct", "name", {"id": product}),
        ("updateProduct", "sku", {"id": product}),
        ("createTenant", "name", {"slug": "fresh"}),
        ("updateTenant", "name", {}),
        ("updateViewer", "fullName", {}),
        ("createApiKey", "name", {"role": "MEMBER"}),
        ("register", "fullName", {"email": "new@example.com", "password": PASSWORD}),
    ]


async def test_a_title_shows_something_in_one_line(world: World) -> None:
    client, given = world.acme.owner.client, await titled(world)
    before = await table_digests(world.connection)
    for mutation, field, more in given:
        for text in (*EMPTY, *LINES):
            answer = await client.mutate(mutation, FIELDS, **more, **{field: text})
            assert [problem["path"] for problem in answer.get("fields", [])] == [field], (mutation, text)
            said = "This must be one line, without control characters." if text in LINES else "This must not be empty."
            assert answer["fields"][0]["message"] == said, (mutation, text)
    assert await table_digests(world.connection) == before


async def test_titles_in_bulk_calls_are_held_to_the_same(world: World) -> None:
    row = await create_task(world, "T")
    for text in ("\u3164", "a\nb"):
        (made,) = results(await run_bulk(world.acme.owner, "updateTasks", [{"id": row, "title": text}]))
        assert result_paths(made) == ["tasks.0.title"]
        people = [{"email": "new@example.com", "fullName": text}]
        (made,) = results(await run_bulk(world.acme.owner, "createUsers", people))
        assert result_paths(made) == ["users.0.fullName"]


async def test_a_title_may_hold_what_shapes_its_letters(world: World) -> None:
    for title in (
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f468\u200d\U0001f4bb",
        "\u05d0\u200f!",
    ):
        made = await world.acme.owner.client.mutate("createTask", "... on Task { title }", title=f" {title}\u3000")
        assert made["title"] == title


async def test_texts_are_kept_verbatim(world: World) -> None:
    client, text = world.acme.owner.client, "\n  code:\n\n\tindented \u200b\n "
    article = await client.mutate("createArticle", "... on Article { id content }", title="A", content=text)
    document = await client.mutate("createDocument", "... on Document { id content }", title="D", content=text)
    noted = await client.mutate("createTask", "... on Task { id description }", title="T", description=text)
    product = await client.mutate("createProduct", PRODUCT_FIELDS + "... on Product { description }", sku="s", name="n",
                              price=PRICE, description=text)  # fmt: skip
    assert (article["content"], document["content"]) == (text, text)
    assert (noted["description"], product["description"]) == (text, text)
    more = f"{text} more "
    changed = [
        await client.mutate("updateArticle", "... on Article { text: content }", id=article["id"], content=more),
        await client.mutate("updateDocument", "... on Document { text: content }", id=document["id"], content=more),
        await client.mutate("updateTask", "... on Task { text: description }", id=noted["id"], description=more),
        await client.mutate(
            "updateProduct", "... on Product { text: description }", id=product["id"], description=more
        ),
    ]
    assert [each["text"] for each in changed] == [more] * 4


async def test_composed_and_decomposed_letters_are_the_same(world: World) -> None:
    client = world.acme.owner.client
    for title in (COMPOSED, DECOMPOSED):
        await client.mutate("createTask", FIELDS, title=title, description=title)
    found = "query($text: String!) { tasks(filter: { text: { contains: $text } }) { nodes { title description } } }"
    for text in (COMPOSED, DECOMPOSED):
        answer = await client.run(found, text=text)
        assert answer["tasks"]["nodes"] == [{"title": COMPOSED, "description": COMPOSED}] * 2
    made = [
        await client.mutate("createProduct", "... on Error { code }", sku=sku, name="n", price=PRICE)
        for sku in (COMPOSED, DECOMPOSED)
    ]
    assert [each.get("code") for each in made] == [None, "ALREADY_EXISTS"]
    by_sku = "query($sku: String) { products(filter: { sku: { eq: $sku } }) { totalCount } }"
    assert (await client.run(by_sku, sku=DECOMPOSED.upper()))["products"]["totalCount"] == 1
    titles = [
        await client.mutate("createDocument", "... on Error { code }", title=title) for title in (DECOMPOSED, COMPOSED)
    ]
    assert [each.get("code") for each in titles] == [None, "ALREADY_EXISTS"]


ADDRESSES = ["u@xn--bcher-kva.example", "U@B\u00dcCHER.example", "u@bu\u0308cher.example", " u@b\u00fccher.example "]


@pytest.mark.parametrize("registered", ADDRESSES)
async def test_an_address_is_the_same_at_every_door(world: World, registered: str) -> None:
    nobody, owner = world.nobody, world.acme.owner
    session = "... on Session { viewer { email } } ... on Error { code }"
    made = await nobody.mutate("register", session, email=registered, fullName="U", password=PASSWORD)
    assert made["viewer"]["email"] == "u@b\u00fccher.example"
    for address in ADDRESSES:
        assert "viewer" in await nobody.mutate("login", session, email=address, password=PASSWORD), address
        again = await nobody.mutate("register", session, email=address, fullName="U", password=PASSWORD)
        assert again["code"] == "ALREADY_EXISTS"
        invited = await owner.client.mutate("inviteMember", "... on Invitation { email }", email=address)
        assert invited["email"] == "u@b\u00fccher.example"
    (user,) = await world.connection.fetch("SELECT id FROM users WHERE email = 'u@b\u00fccher.example'")
    for address in ADDRESSES[:2]:
        await nobody.mutate("requestPasswordReset", FIELDS, email=address)
    mailed = "SELECT count(*) FROM mailed_tokens WHERE user_id = $1 AND kind = 'reset'"
    assert await world.connection.fetchval(mailed, user["id"])
    await world.connection.execute(
        "INSERT INTO memberships (tenant_id, id, user_id, role, full_name, email)"
        " VALUES ($1, gen_random_uuid(), $2, 'MEMBER', '', '')",
        world.acme.tenant_id,
        user["id"],
    )
    filtered = "query($email: String) { users(filter: { email: { eq: $email } }) { totalCount } }"
    for address in ADDRESSES:
        assert (await owner.client.run(filtered, email=address))["users"]["totalCount"] == 1, address
        (row,) = results(await run_bulk(owner, "createUsers", [{"email": address, "fullName": "U"}]))
        assert row["__typename"] == "AlreadyExists"
    assert (await owner.client.run(filtered, email="no address"))["users"]["totalCount"] == 0


async def test_a_password_is_the_same_however_it_was_typed(world: World) -> None:
    session = "... on Session { accessToken } ... on Error { code }"
    composed, decomposed = "Passw\u00f6rd1!", "Passwo\u0308rd1!"
    await world.nobody.mutate("register", session, email="a@example.com", fullName="A", password=decomposed)
    await world.nobody.mutate("register", session, email="b@example.com", fullName="B", password=composed)
    for email in ("a@example.com", "b@example.com"):
        for password in (composed, decomposed):
            assert "accessToken" in await world.nobody.mutate("login", session, email=email, password=password)
        wrong = await world.nobody.mutate("login", session, email=email, password="Password1!")
        assert wrong["code"] == "INVALID_CREDENTIALS"


async def test_case_is_compared_as_the_documents_say(world: World) -> None:
    client = world.acme.owner.client
    for title in ("Stra\u00dfe", "\u039f\u0394\u039f\u03a3", "\u00c4rger"):
        await client.mutate("createTask", FIELDS, title=title)
    found = "query($text: String!) { tasks(filter: { text: { contains: $text } }) { totalCount } }"
    counts = {
        "STRA\u00dfE": 1,
        "STRASSE": 0,
        "\u03bf\u03b4\u03bf\u03c3": 1,
        "\u03bf\u03b4\u03bf\u03c2": 0,
        "\u00e4RGER": 1,
    }
    for text, count in counts.items():
        assert (await client.run(found, text=text))["tasks"]["totalCount"] == count, text
