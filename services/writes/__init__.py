"""How rows are written: one at a time, in bulk, and once per idempotency key."""
