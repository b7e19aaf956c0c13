"""The embedded PostgreSQL: its process, its roles and databases, and its streaming standbys."""
