"""The rules of trusted documents: an id stands for one text, for as long as it is stored.

Operators add and remove them, connected as the owner role; the role that serves may only read them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, literal_column, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import col

from models import TrustedDocument
from models.base import table_of
from models.database import ReadSession, WriteSession, fetch
from services.errors import AlreadyExists, NotFound

__all__ = ["NewTrustedDocument", "delete_documents", "fingerprint", "insert_documents", "select_all"]

LOCK = text("LOCK TABLE trusted_documents IN SHARE ROW EXCLUSIVE MODE")


@dataclass(frozen=True, slots=True)
class NewTrustedDocument:
    """A document that is to be stored."""

    id: str
    sha256: str
    operation_type: str
    operation_name: str | None
    source: str


async def insert_documents(session: WriteSession, documents: Sequence[NewTrustedDocument]) -> int:
    """Store documents; return how many of them were not there before. Nothing is stored if one is refused.

    Raises:
        AlreadyExists: ids stand for other texts; a line for each.
    """
    await session.exec(LOCK)
    stored = {each.id: each.sha256 for each in await select_all(session)}
    taken = [each.id for each in documents if stored.get(each.id, each.sha256) != each.sha256]
    if taken:
        lines = (f"The id {id_} stands for another document: remove that first." for id_ in taken)
        raise AlreadyExists("id", "\n".join(lines))
    new = [document for document in documents if document.id not in stored]
    if new:
        rows = [{name: getattr(each, name) for name in NewTrustedDocument.__slots__} for each in new]
        await session.exec(insert(table_of(TrustedDocument)), params=rows)
    return len(new)


async def delete_documents(session: WriteSession, ids: Sequence[str]) -> None:
    """Remove documents, all or none.

    Raises:
        NotFound: there is none of one of these ids.
    """
    await session.exec(LOCK)
    stored = {each.id for each in await select_all(session)}
    if missing := [each for each in ids if each not in stored]:
        raise NotFound(f"There is no trusted document {missing[0]}.")
    await session.exec(delete(table_of(TrustedDocument)).where(col(TrustedDocument.id).in_(ids)))


async def select_all(session: ReadSession) -> list[TrustedDocument]:
    """Return all documents, in the order of their ids."""
    statement = select(*table_of(TrustedDocument).c).order_by(col(TrustedDocument.id).collate("C"))
    return await fetch(session, TrustedDocument, statement)


async def fingerprint(session: ReadSession) -> str:
    """Return a text that is another one whenever other documents are stored."""
    pair = func.concat(col(TrustedDocument.id), " ", col(TrustedDocument.sha256))
    pairs = func.string_agg(pair, aggregate_order_by(literal_column("','"), col(TrustedDocument.id)))
    found: str = (await session.exec(select(func.md5(func.coalesce(pairs, ""))))).scalar_one()
    return found
