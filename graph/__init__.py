"""The face of Atrium: its GraphQL schema, which translates and decides nothing."""
