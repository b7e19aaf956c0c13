"""Who may do what, as one table: every operation for everybody who may try it.

`removed` was a member and has a token from before; `outsider` has logged in and entered no tenant; `nobody` brings no
token. A refusal changes nothing in the database.
"""

import pytest

from tests.support.case_context import enter_as, table_digests, use_api_key
from tests.support.case_objects import product
from tests.support.factories import World
from tests.support.operation_cases import OPERATION_CASES, RESTRICTED_FIELDS, OperationCase, outcome_code

MATRIX = """
                                  owner      admin      member     removed    outsider   nobody

viewer                            ok         ok         ok         U          ok         null
tenant                            ok         ok         ok         U          null       null
node: Task                        ok         ok         ok         U          F          U
node: Project                     ok         ok         ok         U          F          U
node: Document                    ok         ok         ok         U          F          U
node: User                        ok         ok         ok         U          F          U
node: Tenant                      ok         ok         ok         U          F          U
node: Invitation                  ok         ok         F          U          F          U
node: LoginSession                ok         ok         ok         U          ok         U
node: ApiKey                      ok         ok         null       U          null       U
node: Product                     ok         ok         ok         U          F          U
node: Order                       ok         ok         null       U          F          U
node: OrderItem                   ok         ok         null       U          F          U
node: OrderEvent                  ok         ok         null       U          F          U
node: AuditEntry                  ok         ok         ok         U          F          U
node: Article                     ok         ok         ok         U          F          U
nodes                             ok         ok         F          U          F          U
project                           ok         ok         ok         U          F          U
projects                          ok         ok         ok         U          F          U
projects: holding a text          ok         ok         ok         U          F          U
projects: after                   ok         ok         ok         U          F          U
task                              ok         ok         ok         U          F          U
tasks                             ok         ok         ok         U          F          U
tasks: holding a text             ok         ok         ok         U          F          U
tasks: of a project               ok         ok         ok         U          F          U
tasks: of somebody                ok         ok         ok         U          F          U
tasks: after                      ok         ok         ok         U          F          U
document                          ok         ok         ok         U          F          U
document: as it was               ok         ok         ok         U          F          U
documents                         ok         ok         ok         U          F          U
documents: holding a text         ok         ok         ok         U          F          U
documents: of a project           ok         ok         ok         U          F          U
documents: of somebody            ok         ok         ok         U          F          U
documents: after                  ok         ok         ok         U          F          U
trash                             ok         ok         ok         U          F          U
trash: holding a text             ok         ok         ok         U          F          U
trash: of somebody                ok         ok         ok         U          F          U
trash: after                      ok         ok         ok         U          F          U
users                             ok         ok         ok         U          F          U
users: by address                 ok         ok         F          U          F          U
users: after                      ok         ok         ok         U          F          U
invitations                       ok         ok         F          U          F          U
invitations: after                ok         ok         F          U          F          U
apiKeys                           ok         ok         ok         U          ok         U
apiKeys: after                    ok         ok         ok         U          INPUT      U
product                           ok         ok         ok         U          F          U
products: holding a text          ok         ok         ok         U          F          U
products: by number               ok         ok         ok         U          F          U
products: after                   ok         ok         ok         U          F          U
order                             ok         ok         null       U          F          U
order: one's own                  ok         ok         ok         U          F          U
order: as it was                  ok         ok         ok         U          F          U
orders: of somebody               ok         ok         ok         U          F          U
orders: with a product            ok         ok         ok         U          F          U
orders: after                     ok         ok         ok         U          F          U
auditLog                          ok         ok         F          U          F          U
auditLog: about something         ok         ok         F          U          F          U
auditLog: by somebody             ok         ok         F          U          F          U
auditLog: after                   ok         ok         F          U          F          U
article                           ok         ok         ok         U          F          U
article: somebody's draft         ok         ok         null       U          F          U
articles                          ok         ok         ok         U          F          U
articles: of somebody             ok         ok         ok         U          F          U
articles: after                   ok         ok         ok         U          F          U
searchArticles                    ok         ok         ok         U          F          U
searchArticles: of somebody       ok         ok         ok         U          F          U
searchArticles: after             ok         ok         ok         U          F          U
suggestArticles                   ok         ok         ok         U          F          U

register                          ok         ok         ok         ok         ok         ok
login                             ok         ok         ok         ok         ok         CREDENTIALS
login: to a tenant                ok         ok         ok         INPUT      INPUT      CREDENTIALS
refresh                           ok         ok         ok         ok         ok         TOKEN
logout                            ok         ok         ok         U          ok         U
logoutEverywhere                  ok         ok         ok         U          ok         U
switchTenant                      ok         ok         ok         U          INPUT      U
changePassword                    ok         ok         ok         U          ok         U
updateViewer                      ok         ok         ok         U          ok         U
revokeSession                     ok         ok         ok         U          ok         U
requestPasswordReset              ok         ok         ok         ok         ok         ok
resetPassword                     ok         ok         ok         ok         ok         TOKEN
requestEmailVerification          ok         ok         ok         U          ok         U
requestEmailChange                ok         ok         ok         U          ok         U
verifyEmail                       ok         ok         ok         ok         ok         TOKEN
verifyEmail: another              ok         ok         ok         ok         ok         TOKEN
createApiKey                      ok         ok         F          U          F          U
createApiKey: of an owner         ok         F          F          U          F          U
revokeApiKey                      ok         ok         F          U          F          U

createTenant                      ok         ok         ok         U          ok         U
updateTenant                      ok         ok         F          U          F          U
inviteMember                      ok         ok         F          F          F          U
inviteMember: an owner            ok         F          F          F          F          U
revokeInvitation                  ok         ok         F          U          F          U
acceptInvitation                  ok         ok         ok         U          ok         U
acceptInvitation: of this tenant  EXISTS     EXISTS     EXISTS     U          ok         U
changeMemberRole                  ok         ok         F          U          F          U
changeMemberRole: to owner        ok         F          F          U          F          U
changeMemberRole: of an owner     ok         F          F          U          F          U
removeMember                      ok         ok         F          U          F          U
removeMember: an owner            ok         F          F          U          F          U
leaveTenant                       ok         ok         ok         U          F          U
leaveTenant: alone                ILLEGAL    ok         ok         U          F          U

createProject                     ok         ok         F          U          F          U
updateProject                     ok         ok         F          U          F          U
archiveProject                    ok         ok         F          U          F          U
deleteProject                     ok         ok         F          U          F          U
restoreProject                    ok         ok         F          U          F          U
createTask                        ok         ok         ok         U          F          U
updateTask                        ok         ok         ok         U          F          U
updateTask: at a version          ok         ok         ok         U          F          U
deleteTask                        ok         ok         ok         U          F          U
updateTasks                       ok         ok         ok         U          F          U

createDocument                    ok         ok         ok         U          F          U
updateDocument                    ok         ok         ok         U          F          U
deleteDocument                    ok         ok         ok         U          F          U
restoreDocument                   ok         ok         ok         U          F          U
purgeDocument                     ok         ok         F          U          F          U
revertDocument                    ok         ok         ok         U          F          U

createUsers                       ok         ok         F          F          F          U
createUsers: an owner             ok         F          F          F          F          U
setUsersActive                    ok         ok         F          U          F          U
setUsersActive: an owner          ok         F          F          U          F          U

createProduct                     ok         ok         F          U          F          U
updateProduct                     ok         ok         F          U          F          U
updateProducts                    ok         ok         F          U          F          U
restockProduct                    ok         ok         F          U          F          U
restockProducts                   ok         ok         F          U          F          U
placeOrder                        ok         ok         ok         U          F          U
confirmOrder                      ok         ok         F          U          F          U
shipOrder                         ok         ok         F          U          F          U
deliverOrder                      ok         ok         F          U          F          U
cancelOrder                       ok         ok         ok         U          F          U
cancelOrder: somebody's           ok         ok         NOT_FOUND  U          F          U

createArticle                     ok         ok         ok         U          F          U
createArticle: published          ok         ok         F          U          F          U
updateArticle                     ok         ok         ok         U          F          U
updateArticle: published          ok         ok         F          U          F          U
deleteArticle                     ok         ok         ok         U          F          U
deleteArticle: somebody's draft   ok         ok         NOT_FOUND  U          F          U
importArticles                    ok         ok         F          U          F          U
"""

CODE_ABBREVIATIONS = {
    "U": "UNAUTHENTICATED",
    "F": "FORBIDDEN",
    "CREDENTIALS": "INVALID_CREDENTIALS",
    "INPUT": "BAD_USER_INPUT",
    "TOKEN": "INVALID_TOKEN",
    "EXISTS": "ALREADY_EXISTS",
    "ILLEGAL": "ILLEGAL_TRANSITION",
}

ROLES, *MATRIX_LINES = [line.rsplit(maxsplit=6) for line in MATRIX.strip().splitlines() if line]
EXPECTED = {
    case: {who: CODE_ABBREVIATIONS.get(word, word) for who, word in zip(ROLES, words, strict=True)}
    for case, *words in MATRIX_LINES
}


def test_every_operation_is_in_the_table() -> None:
    assert set(EXPECTED) == set(OPERATION_CASES)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", EXPECTED)
async def test_who_may(founded_world: World, case: str) -> None:
    operation, found = OperationCase(case), {}
    for who in ROLES:
        stage = await enter_as(founded_world, founded_world.acme, who)
        body = operation.body(await operation.arguments(stage))
        before = await table_digests(founded_world.connection)
        answer = await stage.client.send(body["query"], **body["variables"])
        found[who] = outcome_code(answer, operation.field)
        if found[who] != "ok":
            assert await table_digests(founded_world.connection) == before, f"refused, but something changed: {who}"
    assert found == EXPECTED[case]


PERSONAL = {
    *("viewer", "node: LoginSession", "node: ApiKey", "nodes", "apiKeys", "apiKeys: after"),
    *("logout", "logoutEverywhere", "switchTenant", "changePassword", "updateViewer", "revokeSession"),
    *("requestEmailVerification", "requestEmailChange", "createApiKey", "createApiKey: of an owner", "revokeApiKey"),
    *("createTenant", "acceptInvitation", "acceptInvitation: of this tenant", "leaveTenant", "leaveTenant: alone"),
}
"""What no key opens, whatever its role: it is about the account of whoever made it, or about keys."""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", EXPECTED)
async def test_a_key_may_what_its_role_may_but_for_what_is_personal(founded_world: World, case: str) -> None:
    operation, found, expected = OperationCase(case), {}, {}
    for who in ("owner", "admin", "member"):
        stage = await enter_as(founded_world, founded_world.acme, "owner")
        await use_api_key(stage, who.upper())
        body = operation.body(await operation.arguments(stage))
        before = await table_digests(founded_world.connection)
        answer = await stage.client.send(body["query"], **body["variables"])
        found[who] = outcome_code(answer, operation.field)
        expected[who] = "FORBIDDEN" if case in PERSONAL else EXPECTED[case][who]
        if found[who] != "ok":
            assert await table_digests(founded_world.connection) == before, f"refused, but something changed: {who}"
    assert found == expected


ADDRESSES = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on User { email } } }"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("who", "sees_others"), [("owner", True), ("admin", True), ("member", False)])
async def test_addresses_are_for_who_manages_members(founded_world: World, who: str, *, sees_others: bool) -> None:
    stage, other = (
        await enter_as(founded_world, founded_world.acme, who),
        await enter_as(founded_world, founded_world.acme, "member"),
    )
    assert stage.actor is not None
    assert other.actor is not None
    own, others = (await stage.client.run(ADDRESSES, ids=[stage.actor.id, other.actor.id]))["nodes"]
    assert own["email"] == stage.actor.email
    assert others["email"] == (other.actor.email if sees_others else None)


SALES = "query($id: ID!) { product(id: $id) { name unitsSold revenue { amount } } }"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("who", "sees"), [("owner", True), ("admin", True), ("member", False)])
async def test_sales_are_for_who_manages_orders(founded_world: World, who: str, *, sees: bool) -> None:
    stage = await enter_as(founded_world, founded_world.acme, who)
    answer = await stage.client.send(SALES, id=await product(stage))
    found = answer["data"]["product"]
    assert found.pop("name") == "acme secret"
    assert found == ({"unitsSold": 0, "revenue": {"amount": "0.00"}} if sees else dict.fromkeys(RESTRICTED_FIELDS))
    refused = {error["path"][-1]: error["extensions"]["code"] for error in answer.get("errors", ())}
    assert refused == ({} if sees else dict.fromkeys(RESTRICTED_FIELDS, "FORBIDDEN"))
