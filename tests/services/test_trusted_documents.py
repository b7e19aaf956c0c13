"""Trusted documents as rows: an id stands for one text, the owner writes, and the role that serves reads."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.database import Database
from services import trusted_documents
from services.errors import AlreadyExists, NotFound
from services.trusted_documents import NewTrustedDocument
from tests.conftest import Urls


def document(id_: str, digit: str = "0") -> NewTrustedDocument:
    return NewTrustedDocument(id_, digit * 64, "query", "Q", f"query Q {{ a{digit}: __typename }}")


@pytest.fixture
async def owner(urls: Urls) -> AsyncIterator[Database]:
    database = Database(urls.owner, pool_size=2)
    yield database
    await database.close()


@pytest.fixture
async def server(urls: Urls) -> AsyncIterator[Database]:
    """The database as the role that serves."""
    database = Database(urls.runtime, pool_size=1, has_reserve=False)
    yield database
    await database.close()


async def stored_ids(database: Database) -> list[str]:
    async with database.installation_transaction() as session:
        return [each.id for each in await trusted_documents.select_all(session)]


async def test_documents_are_added_once_and_seen_by_the_server(owner: Database, server: Database) -> None:
    async with owner.installation_transaction() as session:
        assert await trusted_documents.insert_documents(session, [document("b"), document("a", "1")]) == 2
    async with owner.installation_transaction() as session:
        assert await trusted_documents.insert_documents(session, [document("b"), document("c")]) == 1
    assert await stored_ids(server) == ["a", "b", "c"]


async def test_an_id_stands_for_one_text(owner: Database) -> None:
    async with owner.installation_transaction() as session:
        await trusted_documents.insert_documents(session, [document("a")])
    with pytest.raises(AlreadyExists, match="The id a stands for another document"):
        async with owner.installation_transaction() as session:
            await trusted_documents.insert_documents(session, [document("new"), document("a", "1")])
    assert await stored_ids(owner) == ["a"]


async def test_all_are_removed_or_none(owner: Database) -> None:
    async with owner.installation_transaction() as session:
        await trusted_documents.insert_documents(session, [document("a"), document("b"), document("c")])
    with pytest.raises(NotFound, match="There is no trusted document x"):
        async with owner.installation_transaction() as session:
            await trusted_documents.delete_documents(session, ["a", "x"])
    async with owner.installation_transaction() as session:
        await trusted_documents.delete_documents(session, ["a", "c"])
    assert await stored_ids(owner) == ["b"]


async def test_the_fingerprint_moves_with_every_change(owner: Database, server: Database) -> None:
    seen = []

    async def look() -> None:
        async with server.installation_transaction() as session:
            seen.append(await trusted_documents.fingerprint(session))

    await look()
    for change in (
        lambda session: trusted_documents.insert_documents(session, [document("a"), document("b")]),
        lambda session: trusted_documents.delete_documents(session, ["b"]),
        lambda session: trusted_documents.insert_documents(session, [document("b", "1")]),
    ):
        async with owner.installation_transaction() as session:
            await change(session)
        await look()
    assert len(set(seen)) == len(seen) == 4
    await look()
    assert seen[-1] == seen[-2], "nothing changed"


async def test_the_server_writes_none(server: Database) -> None:
    for statement in (
        "INSERT INTO trusted_documents (id, sha256, operation_type, source) VALUES ('a', 'b', 'query', 'c')",
        "UPDATE trusted_documents SET id = 'x'",
        "DELETE FROM trusted_documents",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with server.installation_transaction() as session:
                await session.exec(text(statement))
