"""From what a request says of its document to the document's text, by the same rules whatever it travels by.

A request has a text (`query`), or names a document: by `documentId`, by Relay's `id` or `doc_id`, or by the hash in
`extensions.persistedQuery` that Apollo Client and urql send. Nothing is parsed here, and nothing is read but memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from atrium.http.persisted_queries import PersistedQueries
from atrium.http.responses import RequestRefused
from atrium.logs import RequestRecord
from atrium.manifests import document_digest
from atrium.setting_types import DocumentMode

__all__ = ["NO_REFERENCE", "DocumentLookup", "DocumentReference", "TrustedSource", "read_reference"]

# Apollo Client and urql know these two by their words as well as by their codes.
NOT_FOUND_MESSAGE = "PersistedQueryNotFound"
NOT_SUPPORTED_MESSAGE = "PersistedQueryNotSupported"

ID_PARAMETERS = ("documentId", "doc_id", "id")
VERSION = 1  # of `persistedQuery`


@dataclass(frozen=True, slots=True)
class DocumentReference:
    """How a request names its document, beside or instead of its text."""

    ids: tuple[str, ...] = ()
    sha256: str | None = None
    """The hash in `extensions.persistedQuery`."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is named."""
        return not self.ids and self.sha256 is None


NO_REFERENCE = DocumentReference()


def read_reference(data: Mapping[str, Any]) -> DocumentReference:
    """Return how a request's parameters, or the payload of a `subscribe` message, name its document."""
    extensions = data.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    sha256 = None
    if isinstance(persisted, dict) and persisted.get("version", VERSION) == VERSION:
        given = persisted.get("sha256Hash")
        sha256 = given if isinstance(given, str) and given else None
    ids = tuple([value for name in ID_PARAMETERS if isinstance(value := data.get(name), str) and value])
    return DocumentReference(ids, sha256) if ids or sha256 is not None else NO_REFERENCE


class TrustedEntry(Protocol):
    """One trusted document."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def source(self) -> str:
        """Its text."""


class TrustedSource(Protocol):
    """The trusted documents."""

    def find(self, id_: str) -> TrustedEntry | None:
        """Return the document of an id, or of a hash."""

    def find_by_hash(self, sha256: str) -> TrustedEntry | None:
        """Return the document whose text has this SHA-256."""


class DocumentLookup:
    """Finds the text of each operation."""

    def __init__(
        self,
        mode: DocumentMode = "off",
        *,
        trusted: TrustedSource | None = None,
        persisted: PersistedQueries | None = None,
        tenant_of: Callable[[Any], UUID | None] = lambda _context: None,
        longest: int = 0,
    ) -> None:
        """Prepare it.

        Args:
            mode: whether trusted documents are served, beside others or alone.
            trusted: the trusted documents, unless the mode is `off`.
            persisted: the automatic persisted queries, if they are on.
            tenant_of: the tenant that an operation's context has entered.
            longest: characters of the longest text that can be a document.
        """
        self._mode = mode
        self._trusted = None if mode == "off" else trusted
        self._persisted = persisted
        self._tenant_of = tenant_of
        self._longest = longest

    def resolve(self, query: str | None, reference: DocumentReference, context: Any, record: RequestRecord) -> str:
        """Return the text that a request means; note it in its record, and which trusted document it is.

        Raises:
            RequestRefused: BAD_REQUEST, PERSISTED_QUERY_NOT_SUPPORTED, PERSISTED_QUERY_NOT_FOUND,
                PERSISTED_QUERY_MISMATCH or DOCUMENT_NOT_TRUSTED.
        """
        record.document = text = self._resolve(query, reference, context, record)
        return text

    def _resolve(self, query: str | None, reference: DocumentReference, context: Any, record: RequestRecord) -> str:
        if self._trusted is not None:
            found = self._find_trusted(self._trusted, query, reference)
            if found is not None:
                record.document_id = found.id
                return found.source
            if self._mode == "only":
                if not query and reference.is_empty:
                    raise _missing()
                raise RequestRefused("DOCUMENT_NOT_TRUSTED", "Only trusted documents are served here.")
        if query:
            if self._persisted is not None and reference.sha256 is not None:
                self._register(self._persisted, query, reference.sha256, context)
            return query
        if reference.is_empty:
            raise _missing()
        return self._find_persisted(reference, context)

    def _find_trusted(
        self, trusted: TrustedSource, query: str | None, reference: DocumentReference
    ) -> TrustedEntry | None:
        for id_ in (*reference.ids, *((reference.sha256,) if reference.sha256 is not None else ())):
            found = trusted.find(id_)
            if found is not None:
                if query and query != found.source:
                    raise RequestRefused("PERSISTED_QUERY_MISMATCH", "`query` is not the document that is named.")
                return found
        if self._mode == "only" and query and len(query) <= self._longest:
            return trusted.find_by_hash(document_digest(query))
        return None

    def _register(self, persisted: PersistedQueries, query: str, sha256: str, context: Any) -> None:
        if document_digest(query) != sha256.lower():
            raise RequestRefused("PERSISTED_QUERY_MISMATCH", "`sha256Hash` is not the hash of `query`.")
        tenant_id = self._tenant_of(context)
        if tenant_id is not None and len(query) <= self._longest:
            persisted.put(tenant_id, sha256.lower(), query)

    def _find_persisted(self, reference: DocumentReference, context: Any) -> str:
        """Return the text of an automatic persisted query; there are none before a login."""
        if self._persisted is not None and reference.sha256 is not None:
            tenant_id, sha256 = self._tenant_of(context), reference.sha256.lower()
            query = self._persisted.get(tenant_id, sha256) if tenant_id is not None else None
            if query is not None:
                return query
        if self._persisted is None and self._trusted is None:
            raise RequestRefused("PERSISTED_QUERY_NOT_SUPPORTED", NOT_SUPPORTED_MESSAGE)
        raise RequestRefused("PERSISTED_QUERY_NOT_FOUND", NOT_FOUND_MESSAGE)


def _missing() -> RequestRefused:
    return RequestRefused("BAD_REQUEST", "`query` is missing.")
