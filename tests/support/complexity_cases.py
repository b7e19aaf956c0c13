"""A schema to measure documents by, and what they are measured to be."""

from collections.abc import Mapping

from graphql import build_schema
from graphql import parse as parse_unbounded

from graph.runtime import complexity
from graph.runtime.complexity import MAX_FIGURE, Limits, QueryCost

__all__ = ["LIMITS", "SCHEMA", "UNBOUNDED", "measure_cost"]

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
    depth=MAX_FIGURE,
    aliases=MAX_FIGURE,
    directives=MAX_FIGURE,
    root_fields=MAX_FIGURE,
    tokens=MAX_FIGURE,
    cost=MAX_FIGURE,
)


def measure_cost(text: str, variables: Mapping[str, object] | None = None, name: str | None = None) -> QueryCost:
    """What a document, or one of its operations, comes to, whatever the limits."""
    return complexity.analyze(SCHEMA, parse_unbounded(text), name).measure(variables)
