"""The schema as a whole: it is what schema.graphql says, it is described, and it has one way to do each thing."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_required_input_field,
    is_specified_scalar_type,
)

from graph import schema
from tests.support.source_files import ROOT

PRINTED = schema.create_schema().as_str() + "\n"
SCHEMA = build_schema(PRINTED)

PAGING = ["first", "after", "last", "before"]

# Mutations that cannot be refused for a reason that an interface would show, and so answer no union.
ALWAYS_DONE = {"logout", "logoutEverywhere"}

# Mutations that say all there is to say by their name.
WITHOUT_INPUT = {"requestEmailVerification", "logout", "logoutEverywhere", "leaveTenant"}

CHANGED = ("", "Task", "Comment", "Document", "Product", "Project", "Article")

# Lists that are no connections.
PLAIN_LISTS = {
    "InvalidInput.fields": "as long as the input that it is about",
    "OutOfStock.lines": "likewise",
    "IllegalTransition.allowed": "as long as the list of statuses at most",
    "Order.nextStatuses": "likewise",
    **{
        f"{kind}Outcomes.outcomes": "as long as the rows of the input"
        for kind in ("CreatedUser", "Task", "NewTask", "DeletedTask", "Product", "Restock", "Order", "Article")
    },
    "AuditEntry.changes": "as long as the columns of a table",
    **{f"{kind}Change.fields": "likewise" for kind in CHANGED},
    **{f"{kind}Change.changes": "likewise" for kind in CHANGED},
    "Viewer.permissions": "as long as the list of permissions at most",
    "Query.nodes": "as long as the ids that it is given",
    "Query.suggestArticles": "twenty at most",
    **{f"{each}Stats.groups": "1,000 at most" for each in ("Task", "Order", "Product", "Document", "Article")},
    "ArticleSearchEdge.titleSegments": "a title in pieces",
    "ArticleSearchEdge.snippetSegments": "fifty words at most, in pieces",
    "ArticleFacets.languages": "as many as there are languages at most",
    "ArticleFacets.authors": "twenty at most",
    "ArticleFacets.months": "one for each month of the tenant's life at most",
}

# Inputs that are no mutation's own, and what they are part of.
PARTS = {
    "NewTaskInput": "a row of CreateTasksInput",
    "MoneyInput": "an amount, wherever one is given",
    "OrderItemInput": "a row of PlaceOrderInput",
    "CreateUserInput": "a row of CreateUsersInput",
    "ArrivalInput": "a row of RestockProductsInput",
    "ImportArticleInput": "a row of ImportArticlesInput",
    "TrashFilter": "of the trash, which is a list of documents with filters of its own",
    "TrashOrder": "likewise",
    "IDListFilter": "the operators of a filter by a list of ids",
    "ArticleSearchFilter": "of the articles that a search finds",
}

# Unions that say what became of one row of a bulk mutation, where no mutation answers the same for one alone.
ROW_RESULTS = {
    *("ConfirmedOrderResult", "CreatedUserResult", "DeletedTaskResult", "ImportedArticleResult", "NewTaskResult"),
    "RestockedProductResult",
}

# What connections and edges say besides the one shape.
MORE = {
    "ArticleSearchConnection": {"corrected": "Boolean!", "correctedQuery": "String", "facets": "ArticleFacets!"},
    "ArticleSearchEdge": {
        "rank": "Float!",
        "titleSegments": "[TextSegment!]!",
        "snippetSegments": "[TextSegment!]!",
    },
}

# What connections are of, where they are not called after it.
OF = {"ArticleSearch": "Article"}

# Words for what never leaves.
SECRETS = re.compile(r"password|digest|hash|pepper", re.IGNORECASE)


def own_types(of: GraphQLSchema) -> list[GraphQLNamedType]:
    """The types that are not GraphQL's own."""
    return [type_ for type_ in of.type_map.values() if type_.name[:2] != "__" and not is_specified_scalar_type(type_)]


def output_fields(of: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    for type_ in own_types(of):
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in type_.fields.items():
                yield f"{type_.name}.{name}", field


def mutations(of: GraphQLSchema) -> dict[str, Any]:
    assert of.mutation_type is not None
    fields = of.mutation_type.fields
    return {name: field for name, field in fields.items() if get_named_type(field.type) is not of.query_type}


def test_schema_graphql_is_what_the_code_says() -> None:
    assert (ROOT / "schema.graphql").read_text(encoding="utf-8") == PRINTED, (
        "Run `uv run atrium schema`, which writes it."
    )


def misshapen_mutations(of: GraphQLSchema) -> Iterator[str]:
    """Mutations that do not take `input: NameInput!` and answer `NameResult`: the thing itself or errors."""
    error = of.type_map.get("Error")
    for name, field in mutations(of).items():
        title = name[0].upper() + name[1:]
        arguments = {argument: str(given.type) for argument, given in field.args.items()}
        if arguments != ({} if name in WITHOUT_INPUT else {"input": f"{title}Input!"}):
            yield f"{name} takes {arguments}"
        if name in ALWAYS_DONE:
            continue
        union = get_nullable_type(field.type)
        if not isinstance(union, GraphQLUnionType) or union.name != f"{title}Result":
            yield f"{name} answers {field.type}"
            continue
        thing, *errors = union.types
        if error in thing.interfaces or not errors or not all(error in refusal.interfaces for refusal in errors):
            yield f"{name} answers {', '.join(type_.name for type_ in union.types)}"


def test_every_mutation_has_the_one_shape() -> None:
    misshapen = list(misshapen_mutations(SCHEMA))
    assert misshapen == [], (
        f"Let each take `input: NameInput!` and answer the object or errors, by @mutation: {misshapen}"
    )
    assert set(mutations(SCHEMA)) >= ALWAYS_DONE | WITHOUT_INPUT


@pytest.mark.parametrize(
    "field",
    [
        "makeThing(input: ThingInput!): MakeThingResult!",
        "makeThing(input: MakeThingInput!, at: Int): MakeThingResult!",
        "makeThing(input: MakeThingInput): MakeThingResult!",
        "makeThing(input: MakeThingInput!): Thing!",
        "makeThing(input: MakeThingInput!): ThingResult!",
        "makeOther(input: MakeOtherInput!): MakeOtherResult!",
        "makeThird(input: MakeThirdInput!): MakeThirdResult!",
    ],
)
def test_another_shape_is_seen(field: str) -> None:
    types = """
        type Query { thing: Thing } type Thing { id: ID } interface Error { code: String }
        type Refused implements Error { code: String }
        input ThingInput { id: ID } input MakeThingInput { id: ID }
        input MakeOtherInput { id: ID } input MakeThirdInput { id: ID }
        union MakeThingResult = Thing | Refused   union ThingResult = Thing | Refused
        union MakeOtherResult = Refused | Thing   union MakeThirdResult = Thing | Query
    """
    assert list(misshapen_mutations(build_schema(f"{types} type Mutation {{ {field} }}")))
    fitting = "makeThing(input: MakeThingInput!): MakeThingResult!"
    assert list(misshapen_mutations(build_schema(f"{types} type Mutation {{ {fitting} }}"))) == []


def test_inputs_and_unions_are_named_after_their_use() -> None:
    titles = {name[0].upper() + name[1:] for name in mutations(SCHEMA)}
    unions = {type_.name for type_ in own_types(SCHEMA) if isinstance(type_, GraphQLUnionType)}
    others = unions - {f"{title}Result" for title in titles}
    assert others == ROW_RESULTS, (
        f"Name each union after its mutation, as @mutation(…, result=…) does: {sorted(others ^ ROW_RESULTS)}"
    )
    inputs = {type_.name for type_ in own_types(SCHEMA) if isinstance(type_, GraphQLInputObjectType)}
    objects = {type_.name for type_ in own_types(SCHEMA) if isinstance(type_, GraphQLObjectType)}
    lists = {f"{name}{suffix}" for name in objects for suffix in ("Filter", "Order")}
    values = {type_.name for type_ in SCHEMA.type_map.values() if is_leaf_type(type_)} | {"Money", "Substring"}
    operators = {f"{null}{name}Filter" for name in values for null in ("", "Nullable")}
    operators |= {f"{name}ListFilter" for name in objects}
    others = inputs - {f"{title}Input" for title in titles} - lists - operators
    assert others == set(PARTS), (
        f"Name each input after its mutation or its list, or write into PARTS of this file what holds it:"
        f" {sorted(others ^ set(PARTS))}"
    )


def unpaged(of: GraphQLSchema) -> Iterator[str]:
    """Lists that are no Relay connections, and connections that cannot be paged both ways."""
    for name, field in output_fields(of):
        in_connection = re.match(r"\w+Connection\.(edges|nodes)$", name)
        if isinstance(get_nullable_type(field.type), GraphQLList) and not in_connection:
            yield name
        if (
            get_named_type(field.type).name.endswith("Connection")
            and [name_ for name_ in field.args if name_ in PAGING] != PAGING
        ):
            yield name


def test_every_list_is_a_connection() -> None:
    found = set(unpaged(SCHEMA))
    assert found == set(PLAIN_LISTS), (
        "Make each of these lists a Connection, or write into PLAIN_LISTS of this file why it is short:"
        f" {sorted(found ^ set(PLAIN_LISTS))}"
    )


def test_a_list_that_is_no_connection_is_seen() -> None:
    plain = build_schema("type Query { all: [Int!]! some: ThingConnection } type ThingConnection { edges: [Int] }")
    assert list(unpaged(plain)) == ["Query.all", "Query.some"]


def test_connections_and_edges_have_the_one_shape() -> None:
    for type_ in own_types(SCHEMA):
        if type_.name.endswith("Connection"):
            assert isinstance(type_, GraphQLObjectType)
            node = type_.name.removesuffix("Connection")
            shape = {name: str(field.type) for name, field in type_.fields.items()}
            assert shape == {
                "edges": f"[{node}Edge!]!",
                "nodes": f"[{OF.get(node, node)}!]!",
                "pageInfo": "PageInfo!",
                "totalCount": "Int!",
                **MORE.get(type_.name, {}),
            }
            edge = SCHEMA.type_map[f"{node}Edge"]
            assert isinstance(edge, GraphQLObjectType)
            assert {name: str(field.type) for name, field in edge.fields.items()} == {
                "node": f"{OF.get(node, node)}!",
                "cursor": "String!",
                **MORE.get(edge.name, {}),
            }


def test_no_secret_has_a_field() -> None:
    names = [name for name, _ in output_fields(SCHEMA) if not name.startswith("Mutation.")]
    found = [name for name in names if SECRETS.search(name.partition(".")[2])]
    assert found == [], f"Take {found} out of their types, or give them names that are no secret's."
    assert SECRETS.search("passwordHash")


CONTRACT = """
    interface Node { id: ID! }
    interface Error { message: String! code: ErrorCode! }

    type Query {
        node(id: ID!): Node   nodes(ids: [ID!]!): [Node]!   viewer: Viewer   tenant: Tenant   users: UserConnection!
        project(id: ID!): Project   projects: ProjectConnection!   task(id: ID!): Task   tasks: TaskConnection!
    }

    type Session { accessToken: String! refreshToken: String expiresAt: DateTime! viewer: Viewer! }
    type Viewer {
        email: String! fullName: String! isActive: Boolean! isSuperuser: Boolean! createdAt: DateTime!
        lastLogin: DateTime sessions: LoginSessionConnection! invitations: ReceivedInvitationConnection!
    }
    type Tenant { id: ID! name: String! slug: String! isActive: Boolean! createdAt: DateTime! }
    type User { id: ID! fullName: String! email: String role: Role! isActive: Boolean! tasks: TaskConnection! }
    type Project { id: ID! name: String! createdAt: DateTime! tasks: TaskConnection! }
    type Task {
        id: ID! title: String! description: String status: TaskStatus! dueDate: DateTime project: Project
        assignee: User createdAt: DateTime! updatedAt: DateTime! version: Int!
    }
    enum Role { OWNER ADMIN MEMBER }
    enum TaskStatus { TODO IN_PROGRESS DONE }
    enum ErrorCode { UNAUTHENTICATED FORBIDDEN NOT_FOUND BAD_USER_INPUT VERSION_CONFLICT INTERNAL SERVICE_UNAVAILABLE }
    scalar DateTime

    type UserConnection { totalCount: Int! }   type ProjectConnection { totalCount: Int! }
    type TaskConnection { totalCount: Int! }   type LoginSessionConnection { totalCount: Int! }
    type ReceivedInvitationConnection { totalCount: Int! }

    input TaskFilter { and: [TaskFilter!] or: [TaskFilter!] not: TaskFilter status: TaskStatusFilter }
    input TaskStatusFilter { eq: TaskStatus in: [TaskStatus!] not: TaskStatus }

    input RegisterInput { email: String! fullName: String! password: String! }
    input LoginInput { email: String! password: String! tenant: String }
    input RefreshInput { refreshToken: String! }
    input SwitchTenantInput { tenant: String! }
    input ChangePasswordInput { currentPassword: String! newPassword: String! }
    input UpdateViewerInput { fullName: String! }
    input CreateTenantInput { name: String! slug: String! }
    input UpdateTenantInput { name: String! }
    input InviteMemberInput { email: String! role: Role! }
    input RevokeInvitationInput { id: ID! }
    input AcceptInvitationInput { token: String! }
    input ChangeMemberRoleInput { id: ID! role: Role! }
    input RemoveMemberInput { id: ID! }
    input CreateProjectInput { name: String! }
    input UpdateProjectInput { id: ID! name: String! expectedVersion: Int }
    input ArchiveProjectInput { id: ID! }
    input DeleteProjectInput { id: ID! }
    input RestoreProjectInput { id: ID! }
    input CreateTaskInput {
        title: String! description: String status: TaskStatus! dueDate: DateTime projectId: ID assigneeId: ID
    }
    input UpdateTaskInput {
        id: ID! title: String description: String status: TaskStatus dueDate: DateTime expectedVersion: Int
    }
    input DeleteTaskInput { id: ID! }
"""
"""What clients rely on. There may be more: types, fields, and inputs that need not be given."""


def broken_promises(promised: GraphQLSchema, kept: GraphQLSchema) -> Iterator[str]:
    """What clients rely on and the schema does not hold, and what it demands of them beyond that."""
    for type_ in own_types(promised):
        ours = kept.type_map.get(type_.name)
        if type(ours) is not type(type_):
            yield type_.name
        elif isinstance(type_, GraphQLEnumType):
            assert isinstance(ours, GraphQLEnumType)
            more = set() if type_.name == "ErrorCode" else ours.values.keys() - type_.values.keys()  # there may be more
            yield from (f"{type_.name}.{value}" for value in more | (type_.values.keys() - ours.values.keys()))
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            yield from _broken_fields(type_, ours)


def _broken_fields(promised: Any, kept: Any) -> Iterator[str]:
    for name, field in promised.fields.items():
        ours = kept.fields.get(name)
        if ours is None or str(ours.type) != str(field.type):
            yield f"{promised.name}.{name}"
        elif not isinstance(promised, GraphQLInputObjectType):
            arguments = {argument: str(given.type) for argument, given in field.args.items()}
            needed = {
                argument: str(given.type)
                for argument, given in ours.args.items()
                if argument in arguments or isinstance(given.type, GraphQLNonNull)
            }
            if arguments != needed:
                yield f"{promised.name}.{name}(…)"
    if isinstance(promised, GraphQLInputObjectType):
        more = kept.fields.keys() - promised.fields.keys()
        yield from (f"{promised.name}.{name}" for name in more if is_required_input_field(kept.fields[name]))


def test_the_contract_is_kept() -> None:
    assert list(broken_promises(build_schema(CONTRACT), SCHEMA)) == []
    inputs = re.findall(r"input (\w+)Input ", CONTRACT)
    assert {name[0].lower() + name[1:] for name in inputs} | WITHOUT_INPUT <= set(mutations(SCHEMA))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("title: String! description: String status: TaskStatus! dueDate: DateTime project", "title: String! project"),
        ("input DeleteTaskInput { id: ID! }", "input DeleteTaskInput { id: ID! reason: String! }"),
        ("task(id: ID!): Task", "task(id: ID!, at: Int!): Task"),
        ("enum TaskStatus { TODO", "enum TaskStatus { LATER TODO"),
        ("interface Node { id: ID! }", "type Node { id: ID! }"),
        ("slug: String! isActive", "slug: String isActive"),
    ],
)
def test_a_broken_promise_is_seen(before: str, after: str) -> None:
    assert before in CONTRACT
    changed = build_schema(CONTRACT.replace(before, after))
    assert list(broken_promises(build_schema(CONTRACT), changed))
