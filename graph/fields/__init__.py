"""How GraphQL types are declared: fields as data, which the schema, the loaders and the compiler read."""
