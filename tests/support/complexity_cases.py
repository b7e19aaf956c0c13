"""A schema to measure documents by, and what they are measured to be."""

from collections.abc import Mapping

from graphql import build_schema
from graphql import parse as parse_unbounded

from graph.runtime import complexity
from graph.runtime.complexity import CEILING, Limits, Measure

__all__ = ["LIMITS", "SCHEMA", "UNBOUNDED", "measured"]

SCHEMA = build_schema("""
    type Query {
      node(id: ID!): Node
      nodes(ids: [ID!]!): [Node]!
      viewer: User
      users(first: Int, last: Int, after: String, filter: [Int]): UserConnection!
      currencies: [Currency!]!
    }
    type Mutation { rename(id: ID!): User }
    interface Node { id: ID! }
    interface Page { nodes: [User!]! }
    type User implements Node {
      id: ID!
      name: String
      tags: [String!]!
      boss: User
      marks: [Mark!]!
      orders(first: Int, last: Int): OrderConnection!
    }
    type Mark { text: String }
    type Currency { code: String }
    type Order implements Node { id: ID! total: Int customer: User! }
    type UserConnection implements Page { totalCount: Int! nodes: [User!]! edges: [UserEdge!]! }
    type UserEdge { cursor: String! node: User! }
    type OrderConnection { totalCount: Int! edges: [OrderEdge!]! }
    type OrderEdge { cursor: String! node: Order! }
""")

LIMITS = Limits()
UNBOUNDED = Limits(
    depth=CEILING, aliases=CEILING, directives=CEILING, root_fields=CEILING, tokens=CEILING, cost=CEILING
)


def measured(text: str, variables: Mapping[str, object] | None = None, name: str | None = None) -> Measure:
    """What a document, or one of its operations, comes to, whatever the limits."""
    return complexity.outline(SCHEMA, parse_unbounded(text), name).measure(variables)
