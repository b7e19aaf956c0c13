"""The statements of the servers written by hand, one for each list or relation; those for Node read them as JSON.

Each takes the tenant first. They know nothing of row-level security: these servers run as the role that owns the
tables.
"""

import json

__all__ = ["FIFTY_WORDS", "RANK", "STATEMENTS"]

ORDER = """o.id, o.status, o.total_minor::int8 AS "totalMinor", o.currency,
    o.shipping_address AS "shippingAddress", o.created_at AS "createdAt", o.user_id AS "userId\""""
USER = """m.id, m.user_id AS "userId", m.full_name AS "fullName", m.email, m.role"""
RANK = """(ts_rank_cd(a.vector, asked.query, 33) + CASE WHEN a.vector @@ asked.title_query THEN 2
                    WHEN a.vector @@ asked.title_terms THEN 1 ELSE 0 END)::real"""
FIFTY_WORDS = r"^\s*\S+(?:\s+\S+){0,49}"

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
