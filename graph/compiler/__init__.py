"""The compiler: a validated query becomes one SQL statement, whose bytes are the answer's `data`.

What it cannot prove equal to the reference executor (Strawberry with loaders), it declines by a named reason, and that
runs it. The way of a query: `selection` merges its fragments and finds its arguments, `statement` writes the SQL from
the declarations in `graph.fields` and the collections in `services`, `plans` keeps it and binds each request's values.
"""

from graph.compiler.executor import NOTHING_UPDATED, Compiler
from graph.compiler.operations import CompiledResult, ReadyOperation
from graph.compiler.selection import Unsupported

__all__ = ["NOTHING_UPDATED", "CompiledResult", "Compiler", "ReadyOperation", "Unsupported"]
