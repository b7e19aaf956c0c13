"""Two tenants as large as the demo data at scale 1, made in seconds with nothing but SQL."""

import asyncpg

from models.database.identity import Identity

__all__ = ["TENANTS", "insert_tenants", "owner_identity"]

TENANTS = ("acme", "globex")

# The shares are what a tenant of some years looks like: most people are active members, most tasks are done.
_STATEMENTS = """
    INSERT INTO tenants (id, name, slug) SELECT gen_random_uuid(), initcap(slug), slug FROM unnest($1::text[]) slug;

    INSERT INTO users (id, email, full_name, created_at)
    SELECT gen_random_uuid(), format('person%s@%s.example.com', n, slug),
        format('%s %s', (ARRAY['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara'])[1 + n % 5], md5(slug || n)),
        now() - n * interval '1 hour'
    FROM tenants, generate_series(1, 2000) n;

    INSERT INTO memberships (tenant_id, id, user_id, role, is_active, ended_at, full_name, email, created_at)
    SELECT t.id, gen_random_uuid(), u.id,
        CASE WHEN n <= 3 THEN 'OWNER' WHEN n % 50 = 0 THEN 'ADMIN' ELSE 'MEMBER' END,
        n % 40 <> 39, CASE WHEN n % 20 = 19 THEN now() END, '', '', u.created_at
    FROM users u, LATERAL (SELECT substring(email FROM '\\d+')::int, substring(email FROM '@(\\w+)')) p (n, slug)
        JOIN tenants t USING (slug);

    INSERT INTO sessions (id, user_id, tenant_id, refresh_digest, created_at, expires_at)
    SELECT gen_random_uuid(), user_id, tenant_id, '', now() - n * interval '1 hour', now() + interval '30 days'
    FROM memberships, generate_series(1, 3) n;

    INSERT INTO invitations (tenant_id, id, email, role, digest, invited_by, created_at, expires_at, accepted_at)
    SELECT t.id, gen_random_uuid(), format('guest%s@example.com', n), 'MEMBER', '', m.user_id,
        now() - n * interval '1 hour', now() + interval '7 days', CASE WHEN n % 5 > 0 THEN now() END
    FROM tenants t JOIN memberships m ON m.tenant_id = t.id AND m.email LIKE 'person1@%', generate_series(1, 100) n;

    INSERT INTO invitations (tenant_id, id, email, role, digest, invited_by, expires_at)
    SELECT t.id, gen_random_uuid(), guest.email, 'MEMBER', '', host.user_id, now() + interval '7 days'
    FROM tenants t JOIN memberships host ON host.tenant_id = t.id AND host.role = 'OWNER'
        JOIN memberships guest ON guest.tenant_id <> t.id AND guest.role = 'OWNER';

    INSERT INTO api_keys (tenant_id, id, name, role, digest, created_by, created_at, revoked_at)
    SELECT t.id, gen_random_uuid(), 'Machine ' || n, 'MEMBER', '', m.user_id, now() - n * interval '1 hour',
        CASE WHEN n % 5 > 0 THEN now() END
    FROM tenants t JOIN memberships m ON m.tenant_id = t.id AND m.email LIKE 'person1__@%', generate_series(1, 5) n;

    INSERT INTO projects (tenant_id, id, name, archived_at, deleted_at, created_at, updated_at)
    SELECT id, gen_random_uuid(), 'Project ' || md5(slug || n), CASE WHEN n % 10 = 1 THEN now() END,
        CASE WHEN n % 20 = 2 THEN now() END, now() - n * interval '1 day', now() - n * interval '1 hour'
    FROM tenants, generate_series(1, 300) n;

    INSERT INTO tasks (tenant_id, id, title, description, status, due_date, project_id, assignee_id, created_by,
        created_at, updated_at, deleted_at)
    SELECT t.id, gen_random_uuid(), 'Task ' || md5(slug || n),
        CASE WHEN n % 3 = 0 THEN repeat('What is to be done about it. ', 1 + n % 20) END,
        CASE WHEN n % 20 = 0 THEN 'IN_PROGRESS' WHEN n % 10 = 1 THEN 'TODO' ELSE 'DONE' END,
        CASE WHEN n % 5 > 0 THEN now() + (n - 4500) * interval '1 hour' END,
        CASE WHEN n % 10 > 0 THEN p.ids[1 + n % 300] END, CASE WHEN n % 4 > 0 THEN m.ids[1 + n % 200] END, m.ids[1],
        now() - n * interval '1 hour', now() - n * interval '1 minute', CASE WHEN n % 50 = 7 THEN now() END
    FROM tenants t
        JOIN (SELECT tenant_id, array_agg(id) FROM projects GROUP BY 1) p (tenant_id, ids) ON p.tenant_id = t.id
        JOIN (SELECT tenant_id, array_agg(user_id) FROM memberships GROUP BY 1) m (tenant_id, ids)
            ON m.tenant_id = t.id,
        generate_series(1, 5000) n;

    INSERT INTO documents (tenant_id, id, title, content, project_id, created_by, created_at, updated_at, deleted_at,
        deleted_by)
    SELECT t.id, gen_random_uuid(), 'Document ' || md5(slug || n), repeat('What is written. ', 1 + n % 100),
        CASE WHEN n % 10 > 0 THEN p.ids[1 + n % 300] END, m.ids[1 + n % 200],
        now() - n * interval '1 hour', now() - n * interval '1 minute',
        CASE WHEN n % 10 = 7 THEN now() - n * interval '1 second' END, CASE WHEN n % 10 = 7 THEN m.ids[1 + n % 300] END
    FROM tenants t
        JOIN (SELECT tenant_id, array_agg(id) FROM projects GROUP BY 1) p (tenant_id, ids) ON p.tenant_id = t.id
        JOIN (SELECT tenant_id, array_agg(user_id) FROM memberships GROUP BY 1) m (tenant_id, ids)
            ON m.tenant_id = t.id,
        generate_series(1, 5000) n;

    INSERT INTO products (tenant_id, id, sku, name, description, price_minor, currency, stock_quantity, is_active,
        created_at, updated_at)
    SELECT id, gen_random_uuid(), format('%s-%s', slug, n), 'Product ' || md5(slug || n),
        CASE WHEN n % 3 = 0 THEN repeat('What is good about it. ', 1 + n % 20) END,
        100 + n * 7919 % 100000, CASE WHEN n % 25 = 0 THEN 'JPY' WHEN n % 10 = 1 THEN 'USD' ELSE 'EUR' END,
        CASE WHEN n % 30 = 3 THEN 0 ELSE n % 200 END, n % 40 <> 39,
        now() - n * interval '1 hour', now() - n * interval '1 minute'
    FROM tenants, generate_series(1, 2000) n;

    INSERT INTO articles (tenant_id, id, title, content, language, status, author_id, created_at, updated_at)
    SELECT t.id, gen_random_uuid(), 'Article ' || md5(slug || n),
        format('Words %s and %s of many, and word%s', md5('a' || n % 700), md5('b' || n % 90), n),
        CASE WHEN n % 50 = 3 THEN 'GERMAN' WHEN n % 5 = 1 THEN 'FRENCH' ELSE 'ENGLISH' END,
        CASE WHEN n % 20 = 0 THEN 'DRAFT' ELSE 'PUBLISHED' END, m.ids[1 + n % 200],
        now() - n * interval '1 hour', now() - n * interval '1 minute'
    FROM tenants t
        JOIN (SELECT tenant_id, array_agg(user_id) FROM memberships GROUP BY 1) m (tenant_id, ids)
            ON m.tenant_id = t.id,
        generate_series(1, 5000) n;

    INSERT INTO orders (tenant_id, id, user_id, status, total_minor, currency, shipping_address, created_at,
        updated_at, version)
    SELECT t.id, gen_random_uuid(), m.ids[1 + n % 200],
        CASE WHEN n % 50 = 0 THEN 'PENDING' WHEN n % 40 = 1 THEN 'CONFIRMED' WHEN n % 30 = 2 THEN 'SHIPPED'
            WHEN n % 20 = 3 THEN 'CANCELLED' ELSE 'DELIVERED' END,
        100 + n * 7919 % 1000000, 'EUR', 'Somewhere ' || n, now() - n * interval '1 hour',
        now() - n * interval '1 minute', 4
    FROM tenants t
        JOIN (SELECT tenant_id, array_agg(user_id) FROM memberships GROUP BY 1) m (tenant_id, ids)
            ON m.tenant_id = t.id,
        generate_series(1, 5000) n;

    INSERT INTO order_items (tenant_id, id, order_id, product_id, line, quantity, unit_price_minor, subtotal_minor,
        currency)
    SELECT o.tenant_id, gen_random_uuid(), o.id, p.ids[1 + (o.total_minor + line * 313) % 1000], line, line, 100,
        100 * line, 'EUR'
    FROM orders o JOIN (SELECT tenant_id, array_agg(id) FROM products GROUP BY 1) p (tenant_id, ids) USING (tenant_id),
        generate_series(1, 3) line;

    INSERT INTO events (tenant_id, id, stream_type, stream_id, version, type, payload, actor_id, created_at)
    SELECT tenant_id, gen_random_uuid(), 'order', id, n,
        (ARRAY['OrderPlaced', 'OrderConfirmed', 'OrderShipped', 'OrderDelivered'])[n],
        '{}', user_id, created_at + n * interval '1 minute'
    FROM (SELECT *, generate_series(1, 4) n FROM orders) o
"""


async def insert_tenants(connection: asyncpg.Connection) -> None:
    """Make them, as a superuser, and let the planner know."""
    tenants, *others = _STATEMENTS.split(";\n")
    await connection.execute(tenants, TENANTS)
    for statement in (*others, "ANALYZE"):
        await connection.execute(statement)


async def owner_identity(connection: asyncpg.Connection, slug: str) -> Identity:
    """An owner of one of them, logged in."""
    row = await connection.fetchrow(
        """
        SELECT m.tenant_id, m.user_id, m.role, s.id FROM memberships m
            JOIN tenants t ON t.id = m.tenant_id JOIN sessions s USING (user_id)
        WHERE t.slug = $1 AND m.role = 'OWNER' ORDER BY m.email LIMIT 1
        """,
        slug,
    )
    assert row is not None
    return Identity(*row.values())
