"""The machinery of one operation: its context, its loaders, and what it may cost."""
