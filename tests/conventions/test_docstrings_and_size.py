"""Everything public says what it is for, nothing is too long to read, and every exception has its reason."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath

import pytest

from tests.support.source_files import LAYERS, Source, sources

LONGEST_FUNCTION = 40  # lines of code
LONGEST_FILE = 400  # lines of all kinds; a migration may be as long as what it makes

# Names for places where anything goes, so that everything would.
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "misc", "shared"} | {
    "managers",
    "manager",
    "signals",
    "repositories",
    "repository",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef

SOURCES = sources(*LAYERS)
EVERYTHING = sources(*LAYERS, "tests")


def breaches(sources_: Iterable[Source], rule: Callable[[Source], Iterable[object]]) -> dict[str, list[object]]:
    """What a rule finds, by file."""
    found = {source.name: list(rule(source)) for source in sources_}
    return {name: breaches for name, breaches in found.items() if breaches}


def definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """The functions and classes of a body, and of its classes; not those inside functions."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef):
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from definitions(node.body, f"{prefix}{node.name}.")


def undocumented(tree: ast.Module) -> Iterator[str]:
    """What is public and has no docstring. Magic methods mean what Python says they mean."""
    if not ast.get_docstring(tree):
        yield "the module"
    for name, node in definitions(tree.body):
        is_private = any(part.startswith("_") for part in name.split("."))
        if not is_private and not ast.get_docstring(node):
            yield name


def test_everything_public_has_a_docstring() -> None:
    found = breaches(SOURCES, lambda source: undocumented(source.tree))
    assert found == {}, f"Write a docstring, a verb and a standard noun, for each of these: {found}"


def test_a_missing_docstring_is_seen() -> None:
    code = "class Door:\n    def open(self): pass\n    def _creak(self): pass\ndef knock(): pass\ndef _wait(): pass"
    assert list(undocumented(ast.parse(code))) == ["the module", "Door", "Door.open", "knock"]


def length(function: Function, lines: list[str]) -> int:
    """A function's lines of code: without its docstring, comments and blank lines."""
    begin, end = function.lineno - 1, function.end_lineno or 0
    if ast.get_docstring(function):
        docstring = function.body[0]
        lines = [*lines[: docstring.lineno - 1], *lines[docstring.end_lineno : end]]
    return sum(not line.strip().startswith("#") and line.strip() != "" for line in lines[begin:end])


def too_long(text: str) -> Iterator[str]:
    """Functions that are too long, methods and those inside functions among them."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function) and (lines := length(node, text.splitlines())) > LONGEST_FUNCTION:
            yield f"{node.name}: {lines} lines"


def test_no_function_is_too_long() -> None:
    found = breaches(SOURCES, lambda source: too_long(source.text))
    assert found == {}, f"Split these functions into ones of at most {LONGEST_FUNCTION} lines: {found}"


def test_a_function_is_measured_by_its_code() -> None:
    head, line = "def f():\n    '''One.\n\n    Two.\n    '''\n\n    # Why.\n", "    pass\n"
    rest = "\n\ndef g():\n    pass\n"
    assert list(too_long(head + line * (LONGEST_FUNCTION - 1) + rest)) == []
    assert list(too_long(head + line * LONGEST_FUNCTION + rest)) == ["f: 41 lines"]


def test_no_file_is_too_long() -> None:
    lengths = {source.name: source.text.count("\n") for source in EVERYTHING if "versions" not in source.name}
    found = {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}
    assert found == {}, f"Split these files by what they are about, into ones of at most {LONGEST_FILE} lines: {found}"


def forbidden_names(path: str) -> set[str]:
    return {part.strip("_") for part in PurePath(path).with_suffix("").parts} & FORBIDDEN_NAMES


def test_no_file_is_named_for_everything_and_nothing() -> None:
    found = breaches(EVERYTHING, lambda source: forbidden_names(source.name))
    assert found == {}, f"Name these files after what they do: {found}"


def test_a_name_for_everything_is_seen() -> None:
    assert forbidden_names("services/_helpers.py") == {"helpers"}
    assert forbidden_names("graph/core/fields.py") == {"core"}


def comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def unfinished(text: str) -> Iterator[int]:
    """The lines that put something off. A task's status, TODO, is no such thing."""
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"\b(FIXME|XXX)\b|\bTODO\b\s*[:(]", line):
            yield number
    for number, comment in comments(text):
        if re.match(r"#\s*TODO\b", comment):
            yield number


def test_nothing_is_put_off() -> None:
    found = breaches(SOURCES, lambda source: unfinished(source.text))
    assert found == {}, f"Do what these lines put off, or take the note out: {found}"


@pytest.mark.parametrize("code", ["# TODO later", "x = 1  # FIXME", "'''TODO: tell more.'''"])
def test_a_note_for_later_is_seen(code: str) -> None:
    assert list(unfinished(code)) == [1]


CODES = re.compile(r"#\s*(noqa:\s*[A-Z]+\d+(\s*,\s*[A-Z]+\d+)*|type:\s*ignore\[[\w, -]+\])")
EXCEPTION = re.compile(r"\b(noqa|type:\s*ignore|pragma:)")


def unexplained(text: str) -> Iterator[int]:
    """The lines with an exception to a rule of the linters that says not which rule, or not why."""
    for number, comment in comments(text):
        reason = CODES.sub("", comment)
        if EXCEPTION.search(comment) and (EXCEPTION.search(reason) or not re.search(r"[a-z]{4}|[a-z]+ [a-z]+", reason)):
            yield number


def test_every_exception_has_its_reason() -> None:
    found = breaches(EVERYTHING, lambda source: unexplained(source.text))
    assert found == {}, f"Write the rule and the reason beside the exception, as `# noqa: S608  # why`, in: {found}"


@pytest.mark.parametrize(
    "comment", ["# noqa", "# noqa: E501", "# noqa  # the API is so", "# type: ignore", "# type: ignore[misc]  # !"]
)
def test_an_exception_without_reason_is_seen(comment: str) -> None:
    assert list(unexplained(f"x = 1  {comment}\n")) == [1]
    assert list(unexplained("x = 1  # type: ignore[misc]  # noqa: PYI024, E501  # names come from the table\n")) == []
