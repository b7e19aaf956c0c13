"""How the database came to be what it is, step by step; run by Alembic as the owner role.

Migrations create tables, grants, policies, functions and triggers. They never create roles, which belong to the
cluster.
"""
