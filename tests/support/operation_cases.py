"""Every operation of the schema, with things of a tenant to try it on.

Each root field has at least one case here, and each id that a field takes has a case that gives one; a test compares
both with the schema. A case says what it gives. The document is made from the schema and selects every field of the
answer, so a new field is tried without another word.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg
import graphql

from graph.schema import create_schema
from tests.support import case_documents, case_objects
from tests.support.case_context import CaseBuilder, CaseContext, Identifier, secret_text
from tests.support.client import run_app
from tests.support.factories import World, create_world

__all__ = [
    "ALL_OPERATIONS",
    "RESTRICTED_FIELDS",
    "SCHEMA",
    "CaseContext",
    "Identifier",
    "OperationCase",
    "argument_paths",
    "build_values",
    "built_paths",
    "field_of",
    "identifiers_in",
    "is_id",
    "outcome_code",
    "replace_at",
    "run_world",
]

SCHEMA = create_schema()._schema  # noqa: SLF001  # the way Strawberry's own tools reach it
assert SCHEMA.query_type is not None
assert SCHEMA.mutation_type is not None
ROOTS = {"query": SCHEMA.query_type, "mutation": SCHEMA.mutation_type}
Path = tuple[str | int, ...]


class HasUrls(Protocol):
    """The addresses of a database."""

    @property
    def runtime(self) -> str: ...

    def plain(self, role: str) -> str: ...


NODE_BUILDERS: dict[str, CaseBuilder] = {
    "Task": case_objects.task,
    "Project": case_objects.project,
    "Document": case_documents.document,
    "User": case_objects.member,
    "Tenant": case_objects.tenant,
    "Invitation": case_objects.invitation,
    "LoginSession": case_objects.login_session,
    "ApiKey": case_objects.api_key,
    "Product": case_objects.product,
    "Order": case_objects.order,
    "OrderItem": case_objects.order_item,
    "OrderEvent": case_objects.order_event,
    "AuditEntry": case_objects.audit_entry,
    "Article": case_documents.article,
}
"""For each type with an id, something of it."""

RESTRICTED_FIELDS = {"unitsSold", "revenue"}
"""Fields that are null, with an error, for whoever may see the rest; that is no outcome of the operation."""

PAGE = {"first": 2}
"""A page of a list that other things made before may be in front of."""

PRICE = {"amount": "5.00", "currency": "EUR"}

OPERATION_CASES: dict[str, Any] = {
    "viewer": {},
    "tenant": {},
    **{f"node: {name}": {"id": maker} for name, maker in NODE_BUILDERS.items()},
    "nodes": {"ids": list(NODE_BUILDERS.values())},
    "project": {"id": case_objects.project},
    "projects": {"orderBy": {"field": "NAME"}},
    "projects: holding a text": {"filter": {"text": case_objects.text_in_archived_project, "archived": True}},
    "projects: after": {**PAGE, "after": case_objects.first_cursor("projects", case_objects.project)},
    "task": {"id": case_objects.task},
    "tasks": {"orderBy": {"field": "DUE_DATE"}},
    "tasks: holding a text": {"filter": {"text": case_objects.text_in_task}},
    "tasks: of a project": {"filter": {"projectId": case_objects.project}},
    "tasks: of somebody": {"filter": {"assigneeId": case_objects.member}},
    "tasks: after": {**PAGE, "after": case_objects.first_cursor("tasks", case_objects.task)},
    "document": {"id": case_documents.document},
    "document: as it was": {"id": case_documents.document, "asOf": "2999-01-01"},
    "documents": {"orderBy": {"field": "TITLE"}},
    "documents: holding a text": {"filter": {"text": case_documents.text_in_document}},
    "documents: of a project": {"filter": {"projectId": case_documents.project_of_documents}},
    "documents: of somebody": {"filter": {"createdBy": case_documents.document_author}},
    "documents: after": {**PAGE, "after": case_objects.first_cursor("documents", case_documents.document)},
    "trash": {**PAGE, "orderBy": {"field": "DELETED_AT"}},
    "trash: holding a text": {"filter": {"text": case_documents.text_in_document}},
    "trash: of somebody": {"filter": {"deletedBy": case_documents.document_author}},
    "trash: after": {**PAGE, "after": case_objects.first_cursor("trash", case_documents.deleted_document)},
    "users": {"orderBy": {"field": "CREATED_AT"}},
    "users: by address": {"filter": {"email": case_objects.member_email, "isFormer": None}},
    "users: after": {**PAGE, "after": case_objects.first_cursor("users", case_objects.member)},
    "invitations": PAGE,
    "invitations: after": {**PAGE, "after": case_objects.first_cursor("invitations", case_objects.invitation)},
    "apiKeys": PAGE,
    "apiKeys: after": {**PAGE, "after": case_objects.first_cursor("apiKeys", case_objects.own_key)},
    "product": {"id": case_objects.product},
    "products: holding a text": {"filter": {"text": case_objects.text_in_product}, "orderBy": {"field": "PRICE"}},
    "products: by number": {"filter": {"sku": case_objects.product_sku}},
    "products: after": {**PAGE, "after": case_objects.first_cursor("products", case_objects.product)},
    "order": {"id": case_objects.order},
    "order: one's own": {"id": case_objects.own_order},
    "order: as it was": {"id": case_objects.own_order, "asOf": "2999-01-01"},
    "orders: of somebody": {"filter": {"placedBy": case_objects.buyer}, "orderBy": {"field": "TOTAL_AMOUNT"}},
    "orders: with a product": {"filter": {"productId": case_objects.ordered_product}},
    "orders: after": {**PAGE, "after": case_objects.first_cursor("orders", case_objects.own_order)},
    "auditLog": PAGE,
    "auditLog: about something": {"filter": {"rowId": case_objects.task, "table": "tasks"}},
    "auditLog: by somebody": {"filter": {"actor": case_objects.audit_author}},
    "auditLog: after": {**PAGE, "after": case_objects.first_cursor("auditLog", case_objects.audit_entry)},
    "article": {"id": case_documents.article},
    "article: somebody's draft": {"id": case_documents.draft_article},
    "articles": {"orderBy": {"field": "TITLE"}},
    "articles: of somebody": {"filter": {"authorId": case_documents.article_author}},
    "articles: after": {**PAGE, "after": case_objects.first_cursor("articles", case_documents.article)},
    "searchArticles": {"query": case_documents.text_in_article},
    "searchArticles: of somebody": {
        "query": "secret",
        "filter": {"authorId": case_documents.article_author},
        "orderBy": "NEWEST",
    },
    "searchArticles: after": {"query": "secret", **PAGE, "orderBy": "NEWEST", "after": case_documents.search_cursor},
    "suggestArticles": {"prefix": case_documents.article_title_prefix},
    "register": {
        "input": {"email": case_objects.new_email, "fullName": secret_text, "password": case_objects.password}
    },
    "login": {"input": {"email": case_objects.email, "password": case_objects.password}},
    "login: to a tenant": {
        "input": {"email": case_objects.email, "password": case_objects.password, "tenant": case_objects.slug}
    },
    "refresh": {"input": {"refreshToken": case_objects.refresh_token}},
    "logout": {},
    "logoutEverywhere": {},
    "switchTenant": {"input": {"tenant": case_objects.slug}},
    "changePassword": {"input": {"currentPassword": case_objects.password, "newPassword": "An0ther-one!"}},
    "updateViewer": {"input": {"fullName": secret_text}},
    "revokeSession": {"input": {"id": case_objects.login_session}},
    "requestPasswordReset": {"input": {"email": case_objects.email}},
    "resetPassword": {"input": {"token": case_objects.email_token("reset"), "newPassword": "An0ther-one!"}},
    "requestEmailVerification": {},
    "requestEmailChange": {"input": {"email": case_objects.new_email, "password": case_objects.password}},
    "verifyEmail": {"input": {"token": case_objects.email_token("verify")}},
    "verifyEmail: another": {"input": {"token": case_objects.email_token("change")}},
    "createApiKey": {"input": {"name": secret_text, "role": "ADMIN", "expiresAt": "2999-01-01T00:00:00Z"}},
    "createApiKey: of an owner": {"input": {"name": secret_text, "role": "OWNER"}},
    "revokeApiKey": {"input": {"id": case_objects.api_key}},
    "createTenant": {"input": {"name": case_objects.new_name, "slug": case_objects.new_slug}},
    "updateTenant": {"input": {"name": case_objects.new_name}},
    "inviteMember": {"input": {"email": case_objects.new_email}},
    "inviteMember: an owner": {"input": {"email": case_objects.new_email, "role": "OWNER"}},
    "revokeInvitation": {"input": {"id": case_objects.invitation}},
    "acceptInvitation": {"input": {"token": case_objects.invitation_token_elsewhere}},
    "acceptInvitation: of this tenant": {"input": {"token": case_objects.invitation_token_here}},
    "changeMemberRole": {"input": {"id": case_objects.member, "role": "ADMIN"}},
    "changeMemberRole: to owner": {"input": {"id": case_objects.member, "role": "OWNER"}},
    "changeMemberRole: of an owner": {"input": {"id": case_objects.owner, "role": "MEMBER"}},
    "removeMember": {"input": {"id": case_objects.member}},
    "removeMember: an owner": {"input": {"id": case_objects.owner}},
    "leaveTenant": {},
    "leaveTenant: alone": case_objects.sole_owner,
    "createProject": {"input": {"name": secret_text, "idempotencyKey": case_objects.new_name}},
    "updateProject": {"input": {"id": case_objects.project, "name": secret_text, "expectedVersion": 1}},
    "archiveProject": {"input": {"id": case_objects.project}},
    "deleteProject": {"input": {"id": case_objects.project}},
    "restoreProject": {"input": {"id": case_objects.deleted_project}},
    "createTask": {
        "input": {"title": secret_text, "projectId": case_objects.project, "assigneeId": case_objects.member}
    },
    "updateTask": {
        "input": {
            "id": case_objects.task,
            "title": secret_text,
            "projectId": case_objects.project,
            "assigneeId": case_objects.member,
        }
    },
    "updateTask: at a version": {"input": {"id": case_objects.task, "status": "DONE", "expectedVersion": 1}},
    "deleteTask": {"input": {"id": case_objects.task}},
    "updateTasks": {
        "input": {
            "tasks": [{"id": case_objects.task, "projectId": case_objects.project, "assigneeId": case_objects.member}]
        }
    },
    "createDocument": {
        "input": {"title": case_objects.new_name, "content": secret_text, "projectId": case_objects.project}
    },
    "updateDocument": {
        "input": {
            "id": case_documents.document,
            "content": case_objects.new_name,
            "projectId": case_objects.project,
            "expectedVersion": 1,
        }
    },
    "deleteDocument": {"input": {"id": case_documents.document, "expectedVersion": 1}},
    "restoreDocument": {"input": {"id": case_documents.deleted_document}},
    "purgeDocument": {"input": {"id": case_documents.deleted_document}},
    "revertDocument": {"input": {"id": case_documents.changed_document, "to": case_documents.entry_before}},
    "createUsers": {
        "input": {
            "users": [
                {"email": case_objects.new_email, "fullName": secret_text, "password": case_objects.password},
                {"email": case_objects.new_email, "fullName": secret_text},
            ]
        }
    },
    "createUsers: an owner": {
        "input": {"users": [{"email": case_objects.new_email, "fullName": secret_text, "role": "OWNER"}]}
    },
    "setUsersActive": {"input": {"ids": [case_objects.member], "isActive": False}},
    "setUsersActive: an owner": {"input": {"ids": [case_objects.owner], "isActive": False}},
    "createProduct": {"input": {"sku": case_objects.new_name, "name": secret_text, "price": PRICE}},
    "updateProduct": {"input": {"id": case_objects.product, "name": secret_text, "expectedVersion": 1}},
    "updateProducts": {"input": {"products": [{"id": case_objects.product, "name": secret_text, "price": PRICE}]}},
    "restockProduct": {"input": {"id": case_objects.product, "quantity": 2, "idempotencyKey": case_objects.new_name}},
    "restockProducts": {"input": {"products": [{"id": case_objects.product, "quantity": 2}]}},
    "placeOrder": {
        "input": {"items": [{"productId": case_objects.product, "quantity": 2}], "shippingAddress": secret_text}
    },
    "confirmOrder": {"input": {"id": case_objects.order}},
    "shipOrder": {"input": {"id": case_objects.confirmed_order, "expectedVersion": 2}},
    "deliverOrder": {"input": {"id": case_objects.shipped_order}},
    "cancelOrder": {"input": {"id": case_objects.own_order, "reason": secret_text}},
    "cancelOrder: somebody's": {"input": {"id": case_objects.order}},
    "createArticle": {"input": {"title": secret_text, "content": secret_text}},
    "createArticle: published": {"input": {"title": secret_text, "content": "", "status": "PUBLISHED"}},
    "updateArticle": {"input": {"id": case_documents.own_draft, "title": secret_text, "expectedVersion": 1}},
    "updateArticle: published": {"input": {"id": case_documents.article, "content": secret_text}},
    "deleteArticle": {"input": {"id": case_documents.own_draft}},
    "deleteArticle: somebody's draft": {"input": {"id": case_documents.draft_article}},
    "importArticles": {"input": {"articles": [{"title": secret_text, "content": secret_text}]}},
}
"""By root field, and what is special about it, the arguments; whatever is callable is made for the occasion."""


def argument_paths(wanted: Callable[[Any], bool]) -> Iterator[tuple[str, ...]]:
    """Where a type that is wanted stands in the arguments of the root fields, and in the inputs within them."""

    def within(type_: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if wanted(type_):
            yield path
        for name, field in getattr(graphql.get_named_type(type_), "fields", {}).items():
            yield from within(field.type, (*path, name))

    for root in ROOTS.values():
        for name, field in root.fields.items():
            for argument, declared in field.args.items():
                yield from within(declared.type, (name, argument))


def field_of(case: str) -> str:
    """The root field that a case is about."""
    return case.partition(":")[0]


def is_id(type_: Any) -> bool:
    """Whether a type is an id, or many."""
    return graphql.get_named_type(type_).name == "ID"


def built_paths(case: str) -> set[tuple[str, ...]]:
    """The places in which a case makes something for the occasion; the rows of a list are one place."""

    def within(given: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if callable(given):
            yield path
        for value in given if isinstance(given, list) else ():
            yield from within(value, path)
        for name, value in given.items() if isinstance(given, dict) else ():
            yield from within(value, (*path, name))

    return set(within(OPERATION_CASES[case], (field_of(case),)))


@dataclass(frozen=True)
class OperationCase:
    """One case."""

    case: str

    @property
    def field(self) -> str:
        """Its root field."""
        return field_of(self.case)

    @property
    def is_mutation(self) -> bool:
        """Whether it changes anything."""
        return self.field in ROOTS["mutation"].fields

    async def arguments(self, stage: CaseContext) -> dict[str, Any]:
        """Make what it needs; give its arguments."""
        made: dict[str, Any] = await build_values(OPERATION_CASES[self.case], stage)
        return made

    def body(self, arguments: dict[str, Any], depth: int = 2) -> dict[str, Any]:
        """The request that gives these arguments and selects everything, down to a depth."""
        kind = "mutation" if self.is_mutation else "query"
        field = ROOTS[kind].fields[self.field]
        declared = ", ".join(f"${name}: {field.args[name].type}" for name in arguments)
        given = ", ".join(f"{name}: ${name}" for name in arguments)
        head = f"{kind} Case({declared})" if arguments else kind
        call = f"{self.field}({given})" if arguments else self.field
        if self.field == "leaveTenant":
            depth = 0  # whoever has left may read nothing but the answer itself
        return {"query": f"{head} {{ {call} {select_all_fields(field.type, depth)} }}", "variables": arguments}


ALL_OPERATIONS = [OperationCase(case) for case in OPERATION_CASES]


def select_all_fields(type_: graphql.GraphQLOutputType, depth: int) -> str:
    """Select all fields of a type, down to `depth` further types; pages are small."""
    named = graphql.get_named_type(type_)
    if graphql.is_leaf_type(named):
        return ""
    if not graphql.is_abstract_type(named):
        return f"{{ __typename {' '.join(_fields(named, depth))} }}"
    members = SCHEMA.get_possible_types(named)
    shapes: dict[str, set[str]] = {}
    for member_ in members:
        for name, field in member_.fields.items():
            shapes.setdefault(name, set()).add(str(field.type))
    differing = {name for name, found in shapes.items() if len(found) > 1}
    inner = (f"... on {m.name} {{ {' '.join(_fields(m, depth, differing))} }}" for m in members)
    return f"{{ __typename {' '.join(inner)} }}"


def _fields(type_: Any, depth: int, differing: Collection[str] = ()) -> Iterator[str]:
    for name, field in type_.fields.items():
        named = graphql.get_named_type(field.type)
        alias = f"{type_.name}_{name}: " if name in differing else ""
        if graphql.is_leaf_type(named):
            yield f"{alias}{name}"
        elif depth and name != "node":  # an edge's row is among the connection's nodes
            page = "(first: 2)" if "first" in field.args else ""
            further = depth if named.name.endswith(("Connection", "Edge", "Outcome")) else depth - 1
            yield f"{alias}{name}{page} {select_all_fields(named, further)}"


def outcome_code(answer: dict[str, Any], field: str) -> str:
    """How an operation went: `ok`, `null`, or the code of the refusal, be it typed or not, or of one of many rows."""
    errors = [error for error in answer.get("errors", ()) if error.get("path", [""])[-1] not in RESTRICTED_FIELDS]
    if errors:
        return "+".join(sorted({error["extensions"]["code"] for error in errors}))
    found = answer["data"][field]
    rows = [row["result"] for row in found.get("outcomes", ())] if isinstance(found, dict) else []
    if refused := {str(row["code"]) for row in rows if "code" in row}:
        return "+".join(sorted(refused))
    return "null" if found is None else str(found.get("code", "ok")) if isinstance(found, dict) else "ok"


def identifiers_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, Identifier]]:
    """Where the arguments name something of a tenant's."""
    if isinstance(value, Identifier):
        yield path, value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from identifiers_in(item, (*path, key))


def replace_at(value: Any, path: Path, new: Any) -> Any:
    """The same arguments with something else in one place."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replace_at(copy[path[0]], path[1:], new)
    return copy


@asynccontextmanager
async def run_world(urls: HasUrls, **settings: Any) -> AsyncIterator[World]:
    """The two tenants, in an application on this database."""
    connection = await asyncpg.connect(urls.plain("owner"))
    async with run_app(urls, **settings) as app:
        yield await create_world(app, connection)
    await connection.close()


async def build_values(value: Any, stage: CaseContext) -> Any:
    """What a case gives, with everything made that is to be made."""
    if callable(value):
        return await value(stage)
    if isinstance(value, dict):
        return {name: await build_values(item, stage) for name, item in value.items()}
    if isinstance(value, list):
        return [await build_values(item, stage) for item in value]
    return value
