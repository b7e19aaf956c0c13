"""`query` in a mutation: what can be read, as it is after the mutations before it."""

from tests.support.factories import World

COUNTED = """mutation {
    before: query { tasks { totalCount } }
    first: createTask(input: { title: "one" }) { ... on Task { id } }
    between: query { tasks { totalCount nodes { title } } }
    second: createTask(input: { title: "two" }) { ... on Task { id } }
    after: query { tasks { totalCount nodes { title } } viewer { user { tasks { totalCount } } } }
}"""


async def test_it_reads_what_was_committed_before_it(world: World) -> None:
    found = await world.acme.member.client.run(COUNTED)
    assert found["before"] == {"tasks": {"totalCount": 0}}
    assert found["between"] == {"tasks": {"totalCount": 1, "nodes": [{"title": "one"}]}}
    assert found["after"]["tasks"] == {"totalCount": 2, "nodes": [{"title": "two"}, {"title": "one"}]}


async def test_a_refused_mutation_leaves_it_as_it_was(world: World) -> None:
    document = """mutation {
        createTask(input: { title: "" }) { ... on Error { code } }
        query { tasks { totalCount } }
    }"""
    found = await world.acme.member.client.run(document)
    assert found == {"createTask": {"code": "BAD_USER_INPUT"}, "query": {"tasks": {"totalCount": 0}}}


async def test_it_shows_nobody_more_than_a_query(world: World) -> None:
    document = "mutation { query { auditLog { totalCount } } }"
    assert await world.acme.member.client.error_codes(document) == ["FORBIDDEN"]
    assert await world.nobody.error_codes("mutation { query { tasks { totalCount } } }") == ["UNAUTHENTICATED"]
    task = await world.globex.member.client.mutate("createTask", "... on Task { id }", title="Theirs")
    shown = await world.acme.member.client.run(
        "mutation($id: ID!) { query { task(id: $id) { id } tasks { totalCount } } }", id=task["id"]
    )
    assert shown == {"query": {"task": None, "tasks": {"totalCount": 0}}}


LOGIN = """mutation($input: LoginInput!) {
    login(input: $input) { ... on Session { viewer { email } tenant { slug } } }
    query { viewer { user { id } memberships { nodes { tenant { slug } } } } }
}"""


async def test_after_a_login_it_is_read_as_who_logged_in(world: World) -> None:
    given = {"email": "member@acme.example.com", "password": "Passw0rd!", "tenant": "acme"}
    found = await world.nobody.run(LOGIN, input=given)
    assert found["login"] == {"viewer": {"email": given["email"]}, "tenant": {"slug": "acme"}}
    assert found["query"]["viewer"]["user"] == {"id": world.acme.member.id}
    assert found["query"]["viewer"]["memberships"] == {"nodes": [{"tenant": {"slug": "acme"}}]}


async def test_the_tenant_of_a_membership_is_named_though_it_is_suspended(world: World) -> None:
    person = world.acme.member
    row = {"tenant_id": world.globex.tenant_id, "user_id": person.user_id, "role": "MEMBER"}
    await world.add("memberships", **row, full_name="", email="")
    await world.connection.execute("UPDATE tenants SET is_active = false WHERE slug = 'globex'")
    found = await person.client.run("{ viewer { memberships { nodes { tenant { slug } } } } }")
    assert sorted(node["tenant"]["slug"] for node in found["viewer"]["memberships"]["nodes"]) == ["acme", "globex"]
