"""What happened: stored events, the outbox that orders them, histories, and the hash chain over them."""
