"""The tests of a new domain: its cases, its rules at n and n + 1, and what the API makes of it.

What they expect is what was asked for on the command line, and no value of a run.
"""

from atrium.new_domain.fields import DomainSpec, FieldSpec
from atrium.new_domain.tables import MAX_MINOR, max_length

__all__ = ["cases_text", "service_test_text"]

CASES = '''"""What the shared tests try of {plural}: it follows from the schema, the model, and who may do what."""

from services import {table}
from tests.support.derived_cases import derive_cases

CASES = derive_cases("{type}", {table}.{upper}, read_by="member", written_by="admin")
'''

SERVICE_TEST = '''"""{Plural}: what they may hold, what must be unique, and what may become of them."""

from datetime import date

import pytest

from services import {table}
from tests.support.factories import World
from tests.support.rule_checks import RuleChecks, euros
from tests.support.service_client import ServiceClient

CHECKS = RuleChecks(
    {table},
    {table}.{upper},
    lambda {world}: {{{given}}},
{more})


@pytest.mark.parametrize("check", CHECKS.names)
async def test_its_rules(rules: ServiceClient, world: World, check: str) -> None:
    await CHECKS.run(check, rules, world)
'''


def cases_text(spec: DomainSpec) -> str:
    """Return tests/cases/<domain>.py."""
    names = spec.names
    return CASES.format(plural=names.plural, table=names.table, type=names.type, upper=names.upper)


def service_test_text(spec: DomainSpec) -> str:
    """Return tests/services/test_<domain>.py."""
    names = spec.names
    given = [f'"{f.key}": {_good(f)}' for f in spec.fields if not f.optional and f.kind not in {"status", "project"}]
    limits = [limit for field in spec.fields for limit in _limits(field)]
    unique = [field.name for field in spec.of("str") if field.unique]
    more = [f"limits=[{', '.join(limits)}]", *([f"unique={unique!r}"] if unique else [])]
    if spec.status:
        more.append(f"transitions={ {state: list(after) for state, after in spec.status.transitions}!r}")
    words = {"Plural": names.plural.capitalize(), "table": names.table, "upper": names.upper}
    words["world"] = "world" if any("world" in value for value in given) else "_world"
    return SERVICE_TEST.format(**words, given=", ".join(given), more="".join(f"    {line},\n" for line in more))


def _good(field: FieldSpec) -> str:
    return {
        "int": "1",
        "date": "date(2027, 1, 31)",
        "money": "euros(100)",
        "member": "world.acme.member.member_id",
    }.get(field.kind, '"one"')


def _limits(field: FieldSpec) -> list[str]:
    """Return values that are just allowed, each beside one that is just not."""
    name = field.name
    if field.kind == "str":
        most = max_length(field)
        return [f'("{name}", "x" * {most}, "x" * {most + 1})', f'("{name}", "x", " ")']
    if field.kind == "text":
        return [f'("{name}", "x" * {max_length(field)}, "x" * {max_length(field) + 1})']
    if field.kind == "int":
        return [f'("{name}", {2**31 - 1:_}, {2**31:_})', f'("{name}", 0, -1)']
    if field.kind == "money":
        return [f'("{name}", euros({MAX_MINOR:_}), euros({MAX_MINOR + 1:_}))', f'("{name}", euros(0), euros(-1))']
    return []
