"""The statements of the servers written by hand, one for each list or relation; those for Node read them as JSON.

Each takes the tenant first. They know nothing of row-level security: these servers run as the role that owns the
tables.
"""

import json

__all__ = ["FIFTY_WORDS", "POSITION_TAKEN", "RANK", "STATEMENTS", "place_order"]

POSITION_TAKEN = "tasks_tenant_id_position_key"
"""The constraint that a new task breaks when another one got the same place meanwhile: it is then inserted again."""

ORDER = """o.id, o.status, o.total_minor::int8 AS "totalMinor", o.currency,
    o.shipping_address AS "shippingAddress", o.created_at AS "createdAt", o.user_id AS "userId\""""
USER = """m.id, m.user_id AS "userId", m.full_name AS "fullName", m.email, m.role"""
RANK = """(ts_rank_cd(a.vector, asked.query, 33) + CASE WHEN a.vector @@ asked.title_query THEN 2
                    WHEN a.vector @@ asked.title_terms THEN 1 ELSE 0 END)::real"""
FIFTY_WORDS = r"^\s*\S+(?:\s+\S+){0,49}"

MAX_TOTAL = 999_999_999_999  # minor units


def place_order(condition: str = "TRUE", first: int = 3) -> str:
    """Return the statement that places an order, by the rules that Atrium has: all of it or nothing, and then no row.

    Its values are the tenant, the account, and from the `first` on the products, how many of each, and the address.
    The same product twice is one line; products are locked in the order of their ids, must be for sale, there, and of
    one currency. The number comes from the row that counts them. What happened is an event, and the order and its lines
    are written from it.
    """
    products, quantities, address = f"${first}::uuid[]", f"${first + 1}::integer[]", f"${first + 2}::text"
    return f"""WITH wanted AS (
        SELECT product_id, sum(n)::integer AS quantity, min(place) AS place
        FROM unnest({products}, {quantities}) WITH ORDINALITY given (product_id, n, place) GROUP BY product_id
    ), locked AS MATERIALIZED (
        SELECT p.id, p.is_active, p.price_minor, p.currency, p.stock_quantity FROM products p
        WHERE {condition} AND p.tenant_id = $1 AND p.id = ANY ({products}) ORDER BY p.id FOR NO KEY UPDATE
    ), lines AS MATERIALIZED (
        SELECT uuidv7() AS item_id, w.product_id, w.quantity, p.price_minor, p.currency, p.is_active, p.stock_quantity,
            (row_number() OVER (ORDER BY w.place))::integer AS line
        FROM wanted w LEFT JOIN locked p ON p.id = w.product_id ORDER BY w.place
    ), fit AS MATERIALIZED (
        SELECT uuidv7() AS id, min(currency) AS currency, sum(quantity * price_minor)::bigint AS total_minor,
            jsonb_agg(jsonb_build_object('item_id', item_id, 'product_id', product_id, 'quantity', quantity,
                'unit_price_minor', price_minor) ORDER BY line) AS lines
        FROM lines
        HAVING bool_and(coalesce(is_active, false) AND stock_quantity >= quantity AND quantity > 0)
            AND count(DISTINCT currency) = 1 AND sum(quantity * price_minor) <= {MAX_TOTAL}
            AND char_length({address}) BETWEEN 1 AND 500
    ), taken AS (
        UPDATE products p SET stock_quantity = p.stock_quantity - l.quantity FROM lines l, fit
        WHERE p.tenant_id = $1 AND p.id = l.product_id
    ), counted AS (
        INSERT INTO order_numbers AS n (tenant_id, last) SELECT $1, 1001 FROM fit
        ON CONFLICT (tenant_id) DO UPDATE SET last = n.last + 1 RETURNING last
    ), happened AS (
        INSERT INTO events (tenant_id, id, stream_type, stream_id, version, type, payload, actor_id)
        SELECT $1, uuidv7(), 'order', fit.id, 1, 'OrderPlaced', jsonb_build_object('number', last, 'user_id', $2::uuid,
            'currency', currency, 'shipping_address', {address}, 'lines', lines), $2::uuid
        FROM fit, counted RETURNING created_at
    ), placed AS (
        INSERT INTO orders (tenant_id, id, user_id, status, total_minor, currency, shipping_address, created_at,
            updated_at, version, number)
        SELECT $1, id, $2, 'PENDING', total_minor, currency, {address}, created_at, created_at, 1, last
        FROM fit, counted, happened RETURNING *
    ), itemized AS (
        INSERT INTO order_items (tenant_id, id, order_id, product_id, line, quantity, unit_price_minor, subtotal_minor,
            currency)
        SELECT $1, l.item_id, placed.id, l.product_id, l.line, l.quantity, l.price_minor, l.quantity * l.price_minor,
            l.currency
        FROM placed, lines l ORDER BY l.line
    )"""


STATEMENTS = {
    "order": f"SELECT {ORDER} FROM orders o WHERE o.tenant_id = $1 AND o.id = $2",
    "orders": f"""SELECT {ORDER} FROM orders o WHERE o.tenant_id = $1
        ORDER BY o.created_at DESC, o.id DESC LIMIT $2""",
    "ordersByStatus": f"""SELECT {ORDER} FROM orders o WHERE o.tenant_id = $1 AND o.status = $3
        ORDER BY o.created_at DESC, o.id DESC LIMIT $2""",
    "users": f"""SELECT {USER} FROM memberships m WHERE m.tenant_id = $1 AND NOT m.is_former
        ORDER BY m.name_key, m.id LIMIT $2""",
    "products": """SELECT p.id, p.sku, p.name, p.stock_quantity AS "stockQuantity" FROM products p
        WHERE p.tenant_id = $1 ORDER BY p.name_key, p.id LIMIT $2""",
    "projects": """SELECT p.id, p.name, p.created_at AS "createdAt" FROM projects p
        WHERE p.tenant_id = $1 AND NOT p.is_deleted AND NOT p.is_archived
        ORDER BY p.created_at DESC, p.id DESC LIMIT $2""",
    "articles": """SELECT a.id, a.title, a.status FROM articles a
        WHERE a.tenant_id = $1 ORDER BY a.created_at DESC, a.id DESC LIMIT $2""",
    "usersById": f"SELECT {USER} FROM memberships m WHERE m.tenant_id = $1 AND m.user_id = ANY ($2::uuid[])",
    "productsById": """SELECT p.id, p.sku, p.name, p.stock_quantity AS "stockQuantity" FROM products p
        WHERE p.tenant_id = $1 AND p.id = ANY ($2::uuid[])""",
    "itemsByOrder": """SELECT i.* FROM unnest($2::uuid[]) parent (id), LATERAL (
            SELECT i.id, i.order_id AS "orderId", i.line, i.quantity, i.unit_price_minor::int8 AS "unitPriceMinor",
                i.currency, i.product_id AS "productId"
            FROM order_items i WHERE i.tenant_id = $1 AND i.order_id = parent.id ORDER BY i.line, i.id LIMIT $3
        ) i""",
    "ordersByUser": f"""SELECT o.* FROM unnest($2::uuid[]) parent (id), LATERAL (
            SELECT {ORDER} FROM orders o WHERE o.tenant_id = $1 AND o.user_id = parent.id
            ORDER BY o.created_at DESC, o.id DESC LIMIT $3
        ) o""",
    "countsByUser": """SELECT o.user_id AS "userId", count(*)::int4 AS count FROM orders o
        WHERE o.tenant_id = $1 AND o.user_id = ANY ($2::uuid[]) GROUP BY o.user_id""",
    "updateTask": """UPDATE tasks SET title = $3 WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
        RETURNING id, title, status""",
    "createTask": """INSERT INTO tasks (tenant_id, id, title, created_by) VALUES ($1, uuidv7(), $3, $2)
        RETURNING id, title, status""",
    "placeOrder": f"{place_order()} SELECT {ORDER} FROM placed o",
    "search": f"""WITH RECURSIVE present AS (
            SELECT min(a.language) AS language FROM articles a WHERE a.tenant_id = $1
            UNION ALL SELECT (SELECT min(a.language) FROM articles a
                WHERE a.tenant_id = $1 AND a.language > p.language) FROM present p WHERE p.language IS NOT NULL
        ), asked AS MATERIALIZED (
            SELECT language, q.* FROM present, LATERAL atrium_search_query(language, $2) q
            WHERE language IS NOT NULL
        ), matched AS MATERIALIZED (
            SELECT each.id, each.rank, asked.terms FROM asked, LATERAL (
                SELECT a.id, {RANK} AS rank FROM articles a
                WHERE a.tenant_id = $1 AND a.language = asked.language AND a.vector @@ asked.query OFFSET 0
            ) each
        )
        SELECT a.id, a.title, a.status, (SELECT count(*)::int4 FROM matched) AS total,
            atrium_search_highlight(a.language, a.title, m.terms, true)
                AS "markedTitle",
            substring(atrium_search_highlight(a.language, a.content, m.terms, false), '{FIFTY_WORDS}')
                AS "markedContent"
        FROM (SELECT * FROM matched ORDER BY rank DESC, id DESC LIMIT $3) m
        JOIN articles a ON a.tenant_id = $1 AND a.id = m.id ORDER BY m.rank DESC, m.id DESC""",
}

if __name__ == "__main__":
    print(json.dumps(STATEMENTS))
