"""`atrium new-domain`: what it writes passes every test unchanged, and the tests notice faults that are put into it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from atrium.new_domain import FieldError, create_domain, parse_domain
from tests.support.clone_copy import copy_clone

FIELDS = (
    "number:str:unique, customer:member, issued:date, due:date?, amount:money, project:project?,"
    " status:draft>sent>paid|void"
)
OTHER_FIELDS = "title:str, note:text?, size:int?, weight:int, supplier:member?"
SERVICE, OWN_TESTS = "services/invoices.py", "tests/services/test_invoices.py"
ABOUT_IT = "invoice or Invoice or every_ or (conventions and not walkthrough and not filter and not order)"
SHARED_TESTS = (
    *("tests/conventions", "tests/api/test_permissions.py", "tests/api/test_leaks.py", "tests/api/test_lists.py"),
    *("tests/api/test_bad_input.py", "tests/services/test_audit.py", "tests/services/queries/test_collection.py"),
    *("tests/api/test_contents.py", "tests/api/test_edges.py", "tests/compiler/test_update_statement.py"),
)
SETTINGS = {name: value for name, value in os.environ.items() if not name.startswith(("ATRIUM_", "PYTEST_"))}


@dataclass
class Checkout:
    """A copy of the repository."""

    home: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a Python module in the copy."""
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, cwd=self.home, env=SETTINGS, capture_output=True, text=True, check=False)

    def check(self, *arguments: str) -> str:
        """Run one that must succeed; give what it printed."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    made = Checkout(tmp_path_factory.mktemp("new_domain") / "atrium")
    copy_clone(made.home)
    made.check("atrium", "new-domain", "invoices", "--fields", FIELDS)
    yield made
    shutil.rmtree(made.home.parent)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_it_writes_passes_every_test_unchanged(checkout: Checkout) -> None:
    checkout.check("ruff", "check", ".")
    checkout.check("ruff", "format", "--check", ".")
    checkout.check("mypy")
    checkout.check("atrium", "schema", "--check")
    checkout.check("atrium", "docs", "--check")
    assert " passed" in checkout.check("pytest", "-q", OWN_TESTS, *SHARED_TESTS, "-k", ABOUT_IT)
    repeated = checkout.run("atrium", "new-domain", "invoices", "--fields", FIELDS)
    assert (repeated.returncode, "already" in repeated.stderr) == (1, True)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("file", "before", "after", "tests"),
    [
        (SERVICE, "actor.require(Permission.INVOICES_WRITE)", "actor.require(Permission.INVOICES_READ)", "permissions"),
        (SERVICE, "col(Invoice.tenant_id) == TENANT_ID, LIVE", "LIVE", "tenant"),
        (SERVICE, "OneLine(64)", "OneLine(65)", "own"),
        (SERVICE, "InvoiceStatus.DRAFT: (InvoiceStatus.SENT,)", "InvoiceStatus.DRAFT: (InvoiceStatus.PAID,)", "own"),
        (SERVICE, '{"invoices_tenant_id_number_key_key": "number"}', "{}", "own"),
    ],
    ids=["permission", "tenant predicate", "limit", "transition", "uniqueness"],
)
def test_a_fault_in_it_is_noticed(checkout: Checkout, file: str, before: str, after: str, tests: str) -> None:
    chosen = {
        "permissions": ("tests/api/test_permissions.py", "-k", "createInvoice"),
        "tenant": ("tests/conventions/test_permission_line.py",),
        "own": (OWN_TESTS,),
    }[tests]
    path = checkout.home / file
    text = path.read_text()
    assert before in text
    try:
        path.write_text(text.replace(before, after, 1))
        done = checkout.run("pytest", "-q", "-n1", *chosen)
    finally:
        path.write_text(text)
    assert done.returncode == 1, f"not noticed\n{done.stdout}\n{done.stderr}"
    assert " failed" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_other_types_make_a_domain_too(checkout: Checkout) -> None:
    checkout.check("atrium", "new-domain", "parcels", "--fields", OTHER_FIELDS)
    checkout.check("ruff", "check", ".")
    checkout.check("mypy")
    assert " passed" in checkout.check("pytest", "-q", "tests/services/test_parcels.py")


@pytest.mark.parametrize(
    ("name", "fields", "part"),
    [
        ("Invoices", "number:str", "plural in lower case"),
        ("invoice", "number:str", "plural in lower case"),
        ("invoices", "", "no name of a field"),
        ("invoices", "number", "is no field"),
        ("invoices", "number:float", "is no field"),
        ("invoices", "number:str?", "is no field"),
        ("invoices", "amount:money", "first field is a str"),
        ("invoices", "version:str", "no name of a field"),
        ("invoices", "class:str", "no name of a field"),
        ("invoices", "number:str, number:int", "twice"),
        ("invoices", "number:str, a:money, b:money", "one field of the kind money"),
        ("invoices", "number:str, status:draft", "States are written"),
        ("invoices", "number:str, state:draft>sent", "States are written"),
        ("invoices", "number:str, status:draft>sent>draft", "named once"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_sentence(name: str, fields: str, part: str) -> None:
    with pytest.raises(FieldError, match=part):
        parse_domain(name, fields)


def test_states_follow_each_other_as_they_are_written() -> None:
    status = parse_domain("invoices", FIELDS).status
    assert status is not None
    assert dict(status.transitions) == {"DRAFT": ("SENT",), "SENT": ("PAID", "VOID"), "PAID": (), "VOID": ()}


def test_outside_of_a_checkout_it_refuses_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match="in a checkout"):
        create_domain(tmp_path, parse_domain("invoices", FIELDS))
