"""The limit: no GraphQL at all. Each operation is one handwritten statement under row-level security, on bare ASGI.

What it leaves out is what a server costs besides: parsing, validation, limits, tokens, errors, metrics. Row-level
security is Atrium's own, `atrium_enter` in each statement. The driver does not clean a connection when it goes back to
its pool, since a statement alone leaves nothing behind.
"""

import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from bench.peers.statements import FIFTY_WORDS, POSITION_TAKEN, RANK, place_order

__all__ = ["app"]

Message = MutableMapping[str, Any]

ENTER = "atrium_enter($1::uuid, $2::uuid, $3::text, $4::uuid, ''::text, ''::text, ''::text) c"
TIMESTAMP_FORMAT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
TOTAL = """(SELECT m FROM (SELECT (o.total_minor * 0.01)::text AS amount, o.currency) m) AS "totalAmount\""""
ORDER_BY_NEWEST = "ORDER BY o.created_at DESC, o.id DESC"
REFUSED = '{"errors": [{"message": "This is not there, or cannot be done."}]}'
SEGMENT = re.compile("\ufdd0([^\ufdd1]*)\ufdd1|([^\ufdd0\ufdd1]+)")


def nodes(rows: str) -> str:
    """A list of rows as Relay's `nodes`."""
    return f"(SELECT json_build_object('nodes', coalesce(json_agg(n), '[]')) FROM ({rows}) n)"


def build_statement(**fields: str) -> str:
    """One statement that answers with these fields, for whoever `atrium_enter` lets in."""
    pairs = ", ".join(f"'{name}', {value}" for name, value in fields.items())
    return f"SELECT json_build_object('data', json_build_object({pairs}))::text FROM {ENTER}"


def orders(columns: str, first: int, where: str = "o.status = $5") -> str:
    """The newest orders."""
    return nodes(
        f"SELECT o.id, o.status, {columns} FROM orders o WHERE o.tenant_id = c.tenant_id AND {where} {ORDER_BY_NEWEST}"
        f" LIMIT {first}"
    )


def first_rows(columns: str, source: str, order: str, first: int = 10) -> str:
    """The first rows of a table."""
    return nodes(f"SELECT {columns} FROM {source} t WHERE t.tenant_id = c.tenant_id {order} LIMIT {first}")


CREATED = f'{TIMESTAMP_FORMAT.format("o.created_at")} AS "createdAt"'

USER = """(SELECT u FROM (SELECT m.id, m.full_name AS "fullName"{email} FROM memberships m
    WHERE m.tenant_id = c.tenant_id AND m.user_id = o.user_id) u) AS "user\""""

ITEMS = nodes("""SELECT i.id, i.line, i.quantity,
        (SELECT m FROM (SELECT (i.unit_price_minor * 0.01)::text AS amount, i.currency) m) AS "unitPrice",
        (SELECT p FROM (SELECT p.id, p.sku, p.name FROM products p
            WHERE p.tenant_id = c.tenant_id AND p.id = i.product_id) p) AS product
    FROM order_items i WHERE i.tenant_id = c.tenant_id AND i.order_id = o.id ORDER BY i.line, i.id LIMIT 20""")

THEIR_ORDERS = f"""(SELECT json_build_object(
        'totalCount', (SELECT count(*) FROM orders o WHERE o.tenant_id = c.tenant_id AND o.user_id = t.user_id),
        'nodes', coalesce(json_agg(n), '[]'))
    FROM (SELECT o.id, o.status, {CREATED}, {TOTAL} FROM orders o
        WHERE o.tenant_id = c.tenant_id AND o.user_id = t.user_id {ORDER_BY_NEWEST} LIMIT 5) n) AS orders"""

UPDATE = f"""WITH changed AS (
        UPDATE tasks SET title = $6 WHERE (SELECT c.tenant_id FROM {ENTER}) IS NOT NULL
            AND tenant_id = $1 AND id = $5 AND deleted_at IS NULL RETURNING id, title, status)
    SELECT json_build_object('data', json_build_object('updateTask', row_to_json(t)))::text FROM changed t"""

CREATE = f"""WITH made AS (
        INSERT INTO tasks (tenant_id, id, title, created_by)
        SELECT c.tenant_id, uuidv7(), $5, c.user_id FROM {ENTER} RETURNING id, title, status)
    SELECT json_build_object('data', json_build_object('createTask', row_to_json(t)))::text FROM made t"""

PLACE = f"""{place_order(f"(SELECT c.tenant_id FROM {ENTER}) IS NOT NULL", first=5)}
    SELECT json_build_object('data', json_build_object('placeOrder', row_to_json(n)))::text
    FROM (SELECT o.id, o.status, {TOTAL}, o.shipping_address AS "shippingAddress" FROM placed o) n"""

SEARCH = f"""(WITH RECURSIVE present AS (
        SELECT min(a.language) AS language FROM articles a WHERE a.tenant_id = c.tenant_id
        UNION ALL SELECT (SELECT min(a.language) FROM articles a
            WHERE a.tenant_id = c.tenant_id AND a.language > p.language) FROM present p WHERE p.language IS NOT NULL
    ), asked AS MATERIALIZED (
        SELECT language, q.* FROM present, LATERAL atrium_search_query(language, $5) q
        WHERE language IS NOT NULL
    ), matched AS MATERIALIZED (
        SELECT each.id, each.rank, asked.terms FROM asked, LATERAL (
            SELECT a.id, {RANK} AS rank FROM articles_search a
            WHERE a.tenant_id = c.tenant_id AND a.language = asked.language AND a.vector @@ asked.query OFFSET 0) each
    )
    SELECT json_build_object('totalCount', (SELECT count(*) FROM matched), 'edges', coalesce(json_agg(n), '[]')) FROM (
        SELECT json_build_object('id', a.id, 'title', a.title) AS node,
            atrium_search_highlight(a.language, a.title, m.terms, true)
                AS "titleSegments",
            substring(atrium_search_highlight(a.language, a.content, m.terms, false), '{FIFTY_WORDS}')
                AS "snippetSegments"
        FROM (SELECT * FROM matched ORDER BY rank DESC, id DESC LIMIT 10) m
        JOIN articles a ON a.tenant_id = c.tenant_id AND a.id = m.id ORDER BY m.rank DESC, m.id DESC) n)"""

STATEMENTS = {
    "Q1": build_statement(orders=orders(f'{TOTAL}, o.shipping_address AS "shippingAddress", {CREATED}', 50)),
    "Q2": build_statement(orders=orders(f"{CREATED}, {TOTAL}, {USER.format(email=', m.email')}, {ITEMS} AS items", 50)),
    "Q3": build_statement(
        order=f"""(SELECT row_to_json(n) FROM (SELECT o.id, o.status, {TOTAL}, {CREATED}, {USER.format(email="")}
            FROM orders o WHERE o.tenant_id = c.tenant_id AND o.id = $5) n)"""
    ),
    "Q4": UPDATE,
    "Q5": build_statement(searchArticles=SEARCH),
    "Q6": build_statement(
        users=nodes(f"""SELECT t.id, t.full_name AS "fullName", {THEIR_ORDERS} FROM memberships t
            WHERE t.tenant_id = c.tenant_id AND NOT t.is_former ORDER BY t.name_key, t.id LIMIT 50""")
    ),
    "Q7": build_statement(
        orders=orders(TOTAL, 10),
        users=first_rows(
            't.id, t.full_name AS "fullName", t.role', "memberships", "AND NOT t.is_former ORDER BY t.name_key, t.id"
        ),
        products=first_rows(
            't.id, t.sku, t.name, t.stock_quantity AS "stockQuantity"', "products", "ORDER BY t.name_key, t.id"
        ),
        projects=first_rows(
            f't.id, t.name, {TIMESTAMP_FORMAT.format("t.created_at")} AS "createdAt"',
            "projects",
            "AND NOT t.is_deleted AND NOT t.is_archived ORDER BY t.created_at DESC, t.id DESC",
        ),
        articles=first_rows("t.id, t.title, t.status", "articles", "ORDER BY t.created_at DESC, t.id DESC"),
    ),
    "Q8": CREATE,
    "Q9": PLACE,
}


def statement_arguments(name: str, given: dict[str, Any]) -> tuple[Any, ...]:
    """What an operation is asked with."""
    if name == "Q4":
        return _parse_id(given["input"]["id"]), given["input"]["title"]
    if name == "Q8":
        return (given["input"]["title"],)
    if name == "Q9":
        items = given["input"]["items"]
        products, quantities = [_parse_id(item["productId"]) for item in items], [item["quantity"] for item in items]
        return products, quantities, given["input"]["shippingAddress"]
    return tuple(_parse_id(value) if key == "id" else value for key, value in given.items())


class BareApp:
    """An ASGI application."""

    def __init__(self) -> None:
        identity = orjson.loads(os.environ["BENCH_IDENTITY"])
        self._identity = [UUID(identity["tenant"]), UUID(identity["user"]), identity["role"], UUID(identity["session"])]
        self._pool: asyncpg.Pool

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
            return
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        asked = orjson.loads(body)
        name = asked["operationName"]
        text = await self._ask(name, statement_arguments(name, asked["variables"]))
        answer = _split_segments(text) if name == "Q5" else text.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _ask(self, name: str, arguments: tuple[Any, ...]) -> str:
        while True:
            try:
                found: str | None = await self._pool.fetchval(STATEMENTS[name], *self._identity, *arguments)
            except asyncpg.UniqueViolationError as error:  # another task got the same place meanwhile
                if error.constraint_name != POSITION_TAKEN:
                    raise
            else:
                return REFUSED if found is None else found

    async def _serve_lifespan(
        self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        await receive()
        size = int(os.environ["BENCH_POOL"])
        self._pool = await asyncpg.create_pool(
            os.environ["BENCH_RUNTIME_URL"],
            min_size=size,
            max_size=size,
            connection_class=_PooledConnection,
            server_settings={"plan_cache_mode": "force_generic_plan"},
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._pool.terminate()
        await send({"type": "lifespan.shutdown.complete"})


class _PooledConnection(asyncpg.Connection):
    """A connection that is given back as it is."""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # the driver's own signature
        """Leave it as it is."""


def _split_segments(text: str) -> bytes:
    """An answer of the search, its marked texts taken apart."""
    answer = orjson.loads(text)
    for edge in answer["data"]["searchArticles"]["edges"]:
        for name in ("titleSegments", "snippetSegments"):
            pieces = SEGMENT.findall(edge[name])
            edge[name] = [{"text": match or rest, "match": bool(match)} for match, rest in pieces]
    return orjson.dumps(answer)


def _parse_id(given: str) -> UUID:
    return UUID(given.partition(":")[2])


app = BareApp()
