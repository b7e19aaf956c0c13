"""The rules of Atrium: what may be done, by whom, and what follows. They know nothing of GraphQL or HTTP."""
