"""What the compiler makes of an operation, without a database."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from unittest.mock import AsyncMock, MagicMock

from graph import schema
from graph.runtime.operation_cost import OperationCost
from models.base import new_id
from models.database.identity import Identity
from models.tenants import Role
from services.permissions import Actor

__all__ = ["compile_statements", "is_compiled"]


def compile_statements(
    operation: str, values: Mapping[str, Any] | None = None, role: Role = Role.MEMBER
) -> tuple[str | None, list[str]]:
    """Return why an operation was declined, if it was, and the statements that it became."""
    who = Identity(tenant_id=new_id(), user_id=new_id(), role=role, session_id=new_id())
    run = AsyncMock(return_value="{}")
    compiler = schema.create_schema().compiler
    assert compiler is not None
    given = {name: (values or {})[name] for name in re.findall(r"\$(\w+):", operation)}
    context = MagicMock(actor=Actor.of(who), compiled=MagicMock(fetch=run, execute=run), cost=OperationCost())
    answer = asyncio.run(compiler.execute(operation, None, given, context, may_change=True))
    return answer.declined, [str(call.args[0]) for call in run.call_args_list]


def is_compiled(operation: str, role: Role = Role.ADMIN) -> bool:
    """Whether an operation becomes one statement."""
    declined, statements = compile_statements(operation, role=role)
    return declined is None and len(statements) == 1
