"""Rows of every table for one tenant, with whatever may tell the two executors apart, as one statement."""

__all__ = ["INSERT_ROWS"]

INSERT_ROWS = """
WITH n AS (SELECT n, md5(n::text || $2)::uuid AS x FROM generate_series(1, 12) n),
m AS (SELECT user_id, row_number() OVER (ORDER BY email) - 1 AS n FROM memberships WHERE tenant_id = $1),
someone AS (SELECT n.n, m.user_id FROM n JOIN m ON m.n = n.n % (SELECT count(*) FROM m)),
p AS (
    INSERT INTO projects (tenant_id, id, name, archived_at, deleted_at, created_at)
    SELECT $1, x, CASE n % 3 WHEN 0 THEN 'Über "quoted" \\ ' || n WHEN 1 THEN 'alpha 100%' ELSE 'beta_' || n END,
        CASE WHEN n % 5 = 0 THEN now() END, CASE WHEN n % 7 = 0 THEN now() END,
        timestamptz '2026-02-01' + (n / 3) * interval '1 day 1.25 seconds'
    FROM n RETURNING id
),
s AS (
    INSERT INTO products (tenant_id, id, sku, name, description, price_minor, currency, stock_quantity, is_active)
    SELECT $1, x, 'SKU-' || n, 'product ' || (n % 4), CASE WHEN n % 2 = 0 THEN E'line\\n\\t\\u0001 ' || n END,
        n * n * 7, (ARRAY['EUR', 'JPY', 'KWD', 'EUR'])[n % 4 + 1], n % 3, n % 4 > 0
    FROM n RETURNING id
),
l AS (
    INSERT INTO labels (tenant_id, id, name, color)
    SELECT $1, md5('l' || x)::uuid, (ARRAY['bug ', 'Ärger ', 'Bug "'])[n % 3 + 1] || n,
        (ARRAY['RED', 'GRAY', 'TEAL'])[n % 3 + 1]
    FROM n
),
c AS (
    INSERT INTO comments (tenant_id, id, task_id, author_id, body, mention_ids, created_at)
    SELECT $1, md5('c' || k || n.x::text)::uuid, md5('t' || k || n.x::text)::uuid, someone.user_id,
        E'said "' || n.n || E'"\n', CASE WHEN n.n % 2 = 0 THEN ARRAY[someone.user_id] ELSE '{}' END,
        timestamptz '2026-02-02' + (n.n / 2) * interval '1 hour'
    FROM n JOIN someone USING (n), generate_series(1, 2) k
),
t AS (
    INSERT INTO tasks (
        tenant_id, id, title, description, status, due_date, project_id, assignee_id, created_by, created_at,
        deleted_at, priority, label_ids, position
    )
    SELECT $1, md5('t' || k || n.x::text)::uuid, (ARRAY['Alpha', 'beta', 'alpha'])[k], CASE WHEN k = 2 THEN 'words' END,
        (ARRAY['TODO', 'IN_PROGRESS', 'DONE'])[(n.n + k) % 3 + 1],
        CASE WHEN n.n % 3 > 0 THEN timestamptz '2026-03-01 12:00:00.1+00' + (n.n % 4) * interval '1 day' END,
        CASE WHEN n.n % 4 > 0 THEN n.x END, CASE WHEN k < 3 THEN someone.user_id END, someone.user_id,
        timestamptz '2026-02-01' + n.n * interval '1 hour', CASE WHEN n.n % 7 = 0 THEN now() END,
        (ARRAY['NONE', 'URGENT', 'LOW'])[(n.n + k) % 3 + 1],
        CASE k WHEN 1 THEN '{}' WHEN 2 THEN ARRAY[md5('l' || n.x)::uuid]
            ELSE ARRAY[md5('l' || n.x)::uuid, md5('l' || md5('1' || $2)::uuid)::uuid] END,
        atrium_rank_part(n.n * 7 % 13 * 3 + k)
    FROM n JOIN someone USING (n), generate_series(1, 3) k
),
o AS (
    INSERT INTO orders (
        tenant_id, id, user_id, status, total_minor, currency, shipping_address, created_at, updated_at, version,
        number
    )
    SELECT $1, x, someone.user_id, (ARRAY['PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED'])[n % 5 + 1],
        n * 1005, (ARRAY['EUR', 'JPY', 'KWD', 'EUR'])[n % 4 + 1], 'street ' || n,
        timestamptz '2026-02-01' + (n / 2) * interval '1 day', timestamptz '2026-04-01' + n * interval '1 ms', 1, n
    FROM n JOIN someone USING (n) RETURNING id
),
i AS (
    INSERT INTO order_items (
        tenant_id, id, order_id, product_id, line, quantity, unit_price_minor, subtotal_minor, currency
    )
    SELECT $1, md5('i' || k || n.x::text)::uuid, n.x, md5(((n.n + k) % 12 + 1)::text || $2)::uuid, k, k, n.n * 3,
        n.n * 3 * k, (ARRAY['EUR', 'JPY', 'KWD', 'EUR'])[n.n % 4 + 1]
    FROM n, generate_series(1, 3) k
),
e AS (
    INSERT INTO events (tenant_id, id, stream_type, stream_id, version, type, payload, actor_id)
    SELECT $1, md5('e' || k || n.x::text)::uuid, 'order', n.x, k,
        (ARRAY['OrderPlaced', 'OrderConfirmed'])[k],
        CASE k WHEN 2 THEN jsonb_build_object('reason', 'because "' || n.n) ELSE '{}' END,
        CASE WHEN n.n % 3 > 0 THEN someone.user_id END
    FROM n JOIN someone USING (n), generate_series(1, 2) k
),
d AS (
    INSERT INTO documents (tenant_id, id, title, content, project_id, created_by, created_at, deleted_at, deleted_by)
    SELECT $1, x, CASE n % 2 WHEN 0 THEN 'alpha ' ELSE 'Über "' END || n, 'words', CASE WHEN n % 3 > 0 THEN x END,
        someone.user_id, timestamptz '2026-02-01' + (n / 2) * interval '1 day', CASE WHEN n % 3 = 0 THEN now() END,
        CASE WHEN n % 3 = 0 THEN someone.user_id END
    FROM n JOIN someone USING (n)
),
a AS (
    INSERT INTO articles (tenant_id, id, title, content, language, status, author_id, created_at)
    SELECT $1, x,
        (ARRAY['alpha ' || n, 'River', E'<b>Stone</b> & bridge \ufdd0"\\\ufdd1 ' || n, 'Häuser am Fluss'])[n % 4 + 1],
        (ARRAY[
            '', 'The river runs under bridges; gardens lie by it. ' || repeat('stone - and, lamp! ', 40),
            E'Die Häuser,\n\n im Garten <i>blüht</i>\tetwas\u00a0\u2013 ' || repeat('* am Fluss ', 60) || 'Haus river',
            E'words & <script>river</script> \ufdd0bridge\ufdd1 \ufdd2 a-b https://river.example/stone?a=b',
            repeat('winter garden ', 100) || E'\u2003river of alpha', 'words river or house, house and river'
        ])[n / 2 % 6 + 1],
        (ARRAY['ENGLISH', 'GERMAN'])[n % 2 + 1],
        (ARRAY['DRAFT', 'PUBLISHED', 'PUBLISHED'])[n % 3 + 1], someone.user_id,
        timestamptz '2026-02-01' + (n / 2) * interval '1 day'
    FROM n JOIN someone USING (n)
),
k AS (
    INSERT INTO api_keys (tenant_id, id, name, role, digest, created_by, created_at, expires_at)
    SELECT $1, x, 'alpha ' || n, 'MEMBER', 'x', someone.user_id, timestamptz '2026-02-01' + (n / 2) * interval '1 day',
        CASE WHEN n % 2 = 0 THEN now() + interval '1 day' END
    FROM n JOIN someone USING (n)
)
INSERT INTO invitations (tenant_id, id, email, role, digest, invited_by, expires_at, revoked_at)
SELECT $1, x, CASE WHEN n < 3 THEN 'outsider@example.com' ELSE 'i' || n || '@example.com' END, 'MEMBER', 'x',
    someone.user_id, now() + interval '1 day', CASE WHEN n % 2 = 0 THEN now() END
FROM n JOIN someone USING (n)
"""
