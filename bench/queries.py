"""The operations that every server is measured with, and what varies from request to request.

Atrium's own text is also that of the servers written by hand, whose schema has the same names. PostGraphile makes its
schema from the tables, so its texts rename what they ask for; `bench.normalize` makes the rest equal.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from bench.templates import APP_ORIGIN, BODY_UUID

__all__ = ["MUTATIONS", "OPERATIONS", "BenchOperation", "SampleIds", "build_deep_query", "build_wide_query"]

STATUSES = ("PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED")
SEARCHES = ("parcels", "refunded goods", "returns desk", "delivery note", "personalised", "cold store")


@dataclass(frozen=True)
class SampleIds:
    """What there is to ask for."""

    tenant: str
    orders: Sequence[str]
    tasks: Sequence[str]
    products: Sequence[str]
    """Those that are ordered, of which there is always enough."""
    user: str
    """The account of the caller."""


@dataclass(frozen=True)
class BenchOperation:
    """One operation: its text for Atrium and everybody who has the same schema, and for PostGraphile."""

    name: str
    title: str
    text: str
    postgraphile: str | None
    """None where it cannot say this."""
    variables: Callable[[Random, SampleIds], dict[str, Any]]
    postgraphile_variables: Callable[[dict[str, Any], SampleIds], dict[str, Any]] = lambda given, _: given
    unsupported_reason: str = ""
    is_query: bool = True
    created: tuple[str, ...] = ()
    """The tables that get rows by it, the first of them one row by each request."""
    head: Mapping[str, str] = field(default_factory=dict)
    """What is sent besides the usual headers; see `bench.templates`."""
    is_in_handwritten_schema: bool = True
    """Whether the servers written by hand have words for it."""

    @property
    def operation_name(self) -> str:
        """Return the name that its text has."""
        return self.name.partition("-")[0]

    def body(self, given: dict[str, Any], data: SampleIds, *, own_schema: bool) -> dict[str, Any] | None:
        """Return the request; `own_schema` in PostGraphile's words. None where it has none."""
        if not own_schema:
            return {"query": self.text, "variables": given, "operationName": self.operation_name}
        if self.postgraphile is None:
            return None
        variables = self.postgraphile_variables(given, data)
        return {"query": self.postgraphile, "variables": variables, "operationName": self.operation_name}


def _random_status(chance: Random, _data: SampleIds) -> dict[str, Any]:
    return {"status": chance.choice(STATUSES)}


def _no_variables(_chance: Random, _data: SampleIds) -> dict[str, Any]:
    return {}


NEWEST = "orderBy: [CREATED_AT_DESC, ROW_ID_DESC]"
LINES = "orderBy: [LINE_ASC, ROW_ID_ASC]"
LIVE = "condition: {isFormer: false}, orderBy: [NAME_KEY_ASC, ROW_ID_ASC]"
TOTAL = "totalAmount { amount currency }"
TOTAL_MINOR = "totalAmount_minor: totalMinor totalAmount_currency: currency"


def build_wide_query(rows: int) -> tuple[str, str]:
    """Orders with their buyers, lines and products, so many of them; in both schemas."""
    return (
        f"""query Q2($status: OrderStatus) {{ orders(first: {rows}, filter: {{status: {{eq: $status}}}}) {{ nodes {{
            id status createdAt {TOTAL} user {{ id fullName email }}
            items(first: 20) {{ nodes {{ id line quantity unitPrice {{ amount currency }}
                product {{ id sku name }} }} }}
        }} }} }}""",
        f"""query Q2($status: String) {{ orders: allOrders(first: {rows}, condition: {{status: $status}}, {NEWEST}) {{
            nodes {{
                id: rowId status createdAt {TOTAL_MINOR}
                user: membershipByTenantIdAndUserId {{ id: rowId fullName email }}
                items: orderItemsByTenantIdAndOrderId(first: 20, {LINES}) {{ nodes {{
                    id: rowId line quantity unitPrice_minor: unitPriceMinor unitPrice_currency: currency
                    product: productByTenantIdAndProductId {{ id: rowId sku name }} }} }}
        }} }} }}""",
    )


def build_deep_query(levels: int) -> tuple[str, str]:
    """Ten orders and what hangs on them, so many levels of things deep, of one to five; in both schemas."""
    text = own = ""
    below = [
        ("user { id fullName %s }", "user: membershipByTenantIdAndUserId { id: rowId fullName %s }"),
        (
            "orders(first: 3) { nodes { id status %s } }",
            f"orders: ordersByTenantIdAndUserId(first: 3, {NEWEST}) {{ nodes {{ id: rowId status %s }} }}",
        ),
        (
            "items(first: 3) { nodes { id quantity %s } }",
            f"items: orderItemsByTenantIdAndOrderId(first: 3, {LINES}) {{ nodes {{ id: rowId quantity %s }} }}",
        ),
        ("product { id name %s }", "product: productByTenantIdAndProductId { id: rowId name %s }"),
    ]
    for theirs, postgraphile in reversed(below[: levels - 1]):
        text, own = theirs % text, postgraphile % own
    return (
        f"query Depth {{ orders(first: 10) {{ nodes {{ id status {text} }} }} }}",
        f"query Depth {{ orders: allOrders(first: 10, {NEWEST}) {{ nodes {{ id: rowId status {own} }} }} }}",
    )


Q1 = BenchOperation(
    "Q1",
    "50 flat orders",
    f"""query Q1($status: OrderStatus) {{ orders(first: 50, filter: {{status: {{eq: $status}}}}) {{
        nodes {{ id status {TOTAL} shippingAddress createdAt }} }} }}""",
    f"""query Q1($status: String) {{ orders: allOrders(first: 50, condition: {{status: $status}}, {NEWEST}) {{
        nodes {{ id: rowId status {TOTAL_MINOR} shippingAddress createdAt }} }} }}""",
    _random_status,
)

Q2 = BenchOperation("Q2", "50 orders with user, items and products", *build_wide_query(50), _random_status)

Q3 = BenchOperation(
    "Q3",
    "one order with its user",
    f"query Q3($id: ID!) {{ order(id: $id) {{ id status {TOTAL} createdAt user {{ id fullName }} }} }}",
    f"""query Q3($tenant: UUID!, $id: UUID!) {{ order: orderByTenantIdAndRowId(tenantId: $tenant, rowId: $id) {{
        id: rowId status {TOTAL_MINOR} createdAt user: membershipByTenantIdAndUserId {{ id: rowId fullName }} }} }}""",
    lambda chance, data: {"id": f"Order:{chance.choice(data.orders)}"},
    lambda given, data: {"tenant": data.tenant, "id": given["id"].partition(":")[2]},
)

BROWSER_HEAD = {
    "accept": "application/graphql-response+json, application/json;q=0.9",
    "accept-encoding": "gzip, deflate, br, zstd",
    "accept-language": "en-GB,en;q=0.9,de;q=0.8",
    "cookie": "theme=dark; consent=2026-05-04; visitor=0d3c1f0e9b1a4c5f",
    "origin": APP_ORIGIN,
    "referer": f"{APP_ORIGIN}/orders",
    "sec-fetch-dest": "empty",
    "sec-fetch-mode": "cors",
    "sec-fetch-site": "same-site",
    "traceparent": "00-{trace}-{span}-01",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "via": "1.1 proxy",
    "x-forwarded-for": "203.0.113.{number}",
    "x-forwarded-proto": "https",
    "x-request-id": "{uuid}",
}

Q3_BROWSER = replace(Q3, name="Q3-browser", title="Q3 with the head of a browser behind a proxy", head=BROWSER_HEAD)

UPDATED_TASKS = 100

Q4 = BenchOperation(
    "Q4",
    "one update",
    """mutation Q4($input: UpdateTaskInput!) { updateTask(input: $input) { ... on Task { id title status } } }""",
    """mutation Q4($tenant: UUID!, $id: UUID!, $title: String!) { payload: updateTaskByTenantIdAndRowId(
        input: {tenantId: $tenant, rowId: $id, taskPatch: {title: $title}}
    ) { updateTask: task { id: rowId title status } } }""",
    lambda chance, data: {
        # Few tasks, so that each is named several times with other titles: what is so already is no change.
        "input": {
            "id": f"Task:{chance.choice(data.tasks[:UPDATED_TASKS])}",
            "title": f"Count the boxes {chance.randrange(10**9)}",
        }
    },
    lambda given, data: {
        "tenant": data.tenant,
        "id": given["input"]["id"].partition(":")[2],
        "title": given["input"]["title"],
    },
    is_query=False,
)

Q5 = BenchOperation(
    "Q5",
    "a page of search, with highlights",
    """query Q5($query: String!) { searchArticles(query: $query, first: 10) { totalCount edges {
        node { id title } titleSegments { text match } snippetSegments { text match } } } }""",
    None,
    lambda chance, _data: {"query": chance.choice(SEARCHES)},
    unsupported_reason="its schema has no search: that takes a function or a plugin written by hand",
)

Q6 = BenchOperation(
    "Q6",
    "50 users, each with first 5 orders and their number",
    f"""query Q6 {{ users(first: 50) {{ nodes {{ id fullName
        orders(first: 5) {{ totalCount nodes {{ id status createdAt {TOTAL} }} }} }} }} }}""",
    f"""query Q6 {{ users: allMemberships(first: 50, {LIVE}) {{ nodes {{ id: rowId fullName
        orders: ordersByTenantIdAndUserId(first: 5, {NEWEST}) {{ totalCount nodes {{
            id: rowId status createdAt {TOTAL_MINOR} }} }} }} }} }}""",
    _no_variables,
)

Q7 = BenchOperation(
    "Q7",
    "five lists of 10",
    f"""query Q7($status: OrderStatus) {{
        orders(first: 10, filter: {{status: {{eq: $status}}}}) {{ nodes {{ id status {TOTAL} }} }}
        users(first: 10) {{ nodes {{ id fullName role }} }}
        products(first: 10) {{ nodes {{ id sku name stockQuantity }} }}
        projects(first: 10) {{ nodes {{ id name createdAt }} }}
        articles(first: 10) {{ nodes {{ id title status }} }} }}""",
    f"""query Q7($status: String) {{
        orders: allOrders(first: 10, condition: {{status: $status}}, {NEWEST}) {{
            nodes {{ id: rowId status {TOTAL_MINOR} }} }}
        users: allMemberships(first: 10, {LIVE}) {{ nodes {{ id: rowId fullName role }} }}
        products: allProducts(first: 10, orderBy: [NAME_KEY_ASC, ROW_ID_ASC]) {{
            nodes {{ id: rowId sku name stockQuantity }} }}
        projects: allProjects(first: 10, condition: {{isArchived: false, isDeleted: false}}, {NEWEST}) {{
            nodes {{ id: rowId name createdAt }} }}
        articles: allArticles(first: 10, {NEWEST}) {{ nodes {{ id: rowId title status }} }} }}""",
    _random_status,
)

Q8 = BenchOperation(
    "Q8",
    "one new task",
    "mutation Q8($input: CreateTaskInput!) { createTask(input: $input) { ... on Task { id title status } } }",
    """mutation Q8($task: TaskInput!) { payload: createTask(input: {task: $task}) {
        createTask: task { id: rowId title status } } }""",
    lambda chance, _data: {"input": {"title": f"Order {chance.randrange(10**9)} boxes"}},
    lambda given, data: {
        # Its schema is made from the table, which gives a row neither its id nor its creator.
        "task": {
            "tenantId": data.tenant,
            "rowId": BODY_UUID,
            "title": given["input"]["title"],
            "createdBy": data.user,
        }
    },
    is_query=False,
    created=("tasks",),
)


def _random_basket(chance: Random, data: SampleIds) -> dict[str, Any]:
    items = [{"productId": f"Product:{chance.choice(data.products)}", "quantity": chance.randrange(1, 4)}]
    return {"input": {"items": items, "shippingAddress": f"{chance.randrange(1, 400)} Harbour Street"}}


Q9 = BenchOperation(
    "Q9",
    "one new order",
    f"""mutation Q9($input: PlaceOrderInput!) {{ placeOrder(input: $input) {{
        ... on Order {{ id status {TOTAL} shippingAddress }} }} }}""",
    None,
    _random_basket,
    unsupported_reason="its schema has no orders of several tables: that takes a function or a plugin written by hand",
    is_query=False,
    created=("orders", "order_items", "events"),
)

CARD = "nodes { id title dueDate }"
OWN_CARD = "nodes { id: rowId title dueDate }"
NOT_DELETED = "deletedAt: {isNull: true}"


def _columns(page: Callable[[str], str]) -> str:
    """Return a page of tasks for each status."""
    return "\n".join(f"{status.lower()}: {page(status)}" for status in ("TODO", "IN_PROGRESS", "DONE"))


def _column(status: str) -> str:
    return f"tasks(first: 20, filter: {{status: {{eq: {status}}}}}) {{ {CARD} }}"


def _own_column(status: str) -> str:
    filter_ = f'{NOT_DELETED}, status: {{equalTo: "{status}"}}'
    return f"allTasks(first: 20, filter: {{{filter_}}}, {NEWEST}) {{ {OWN_CARD} }}"


Q10 = BenchOperation(
    "Q10",
    "a board: tasks counted by status, and a page of each",
    f"""query Q10 {{ counts: taskStats(groupBy: [STATUS]) {{ totalCount groups {{ key {{ status }} count }} }}
        {_columns(_column)} }}""",
    f"""query Q10 {{
        counts: allTasks(filter: {{{NOT_DELETED}}}) {{
            totalCount groupedAggregates(groupBy: [STATUS]) {{ keys distinctCount {{ rowId }} }} }}
        {_columns(_own_column)} }}""",
    _no_variables,
    is_in_handwritten_schema=False,
)


def _random_day(chance: Random, _data: SampleIds) -> dict[str, Any]:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"since": (today - timedelta(days=chance.randrange(60, 120))).isoformat()}


AMOUNTS = "sum { amount currency } min { amount currency } max { amount currency }"

Q11 = BenchOperation(
    "Q11",
    "orders by day, with revenue",
    f"""query Q11($since: DateTime!) {{ days: orderStats(filter: {{createdAt: {{gte: $since}}}}, by: DAY) {{
        totalCount groups {{ period count {AMOUNTS} }} }} }}""",
    """query Q11($since: Datetime!) { days: allOrders(filter: {createdAt: {greaterThanOrEqualTo: $since}}) {
        totalCount groupedAggregates(groupBy: [CREATED_AT_TRUNCATED_TO_DAY, CURRENCY]) {
            keys distinctCount { rowId } sum { totalMinor } min { totalMinor } max { totalMinor } } } }""",
    _random_day,
    is_in_handwritten_schema=False,
)

WORDS = ("web", "house", "on", "desk", "port", "app")

Q12 = BenchOperation(
    "Q12",
    "20 tasks, by a filter with or, in and a relation",
    """query Q12($statuses: [TaskStatus!], $word: String) {
        tasks(first: 20, filter: {or: [{status: {in: $statuses}}, {project: {name: {contains: $word}}}]}) {
            nodes { id title status project { id name } } } }""",
    f"""query Q12($statuses: [String!], $word: String) {{
        tasks: allTasks(first: 20, {NEWEST}, filter: {{{NOT_DELETED}, or: [
            {{status: {{in: $statuses}}}}, {{projectByTenantIdAndProjectId: {{name: {{includesInsensitive: $word}}}}}}
        ]}}) {{ nodes {{ id: rowId title status project: projectByTenantIdAndProjectId {{ id: rowId name }} }} }} }}""",
    lambda chance, _data: {"statuses": ["TODO", "IN_PROGRESS"][: chance.randrange(1, 3)], "word": chance.choice(WORDS)},
    is_in_handwritten_schema=False,
)

QUERIES = (Q1, Q2, Q3, Q3_BROWSER, Q5, Q6, Q7, Q10, Q11, Q12)
MUTATIONS = (Q4, Q8, Q9)  # last, since they make the data grow

OPERATIONS = {operation.name: operation for operation in (*QUERIES, *MUTATIONS)}
