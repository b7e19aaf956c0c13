"""Kinds of declared fields: which of them compile, and how."""

import pytest

from graph import schema
from graph.compiler.plan_arguments import ARGUMENT_TYPES
from graph.compiler.statement import FIELD_COMPILERS
from graph.fields.columns import Column
from graph.fields.declared import DeclaredField
from graph.fields.relations import ByIdField

assert schema  # every kind is declared by then


def kinds(of: type[DeclaredField] = DeclaredField) -> set[type[DeclaredField]]:
    """Every kind of declared field in the program."""
    found = [kind for kind in of.__subclasses__() if kind.__module__.startswith("graph.")]
    return {*found, *(each for kind in found for each in kinds(kind))}


def test_the_compilable_kinds_are_those_that_have_a_compiler() -> None:
    assert {kind for kind in kinds() if kind.compilable} == set(FIELD_COMPILERS)


@pytest.mark.parametrize("kind", sorted(FIELD_COMPILERS, key=lambda kind: kind.__name__))
def test_what_a_compilable_kind_reads_of_its_arguments_has_a_type(kind: type[DeclaredField]) -> None:
    takes_arguments = kind.parse_arguments is not DeclaredField.parse_arguments
    assert takes_arguments == (kind in ARGUMENT_TYPES)


def test_what_derives_from_a_kind_compiles_only_if_it_says_so() -> None:
    class Shouted(Column):
        """Answers in another way than its base."""

    class Again(ByIdField, compilable=True):
        """Says so."""

    assert (Shouted.compilable, Again.compilable) == (False, True)
