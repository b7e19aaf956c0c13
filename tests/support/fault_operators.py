"""Operators of mutation: every single change of a source file that might be a fault.

They change Python by its syntax tree, and the SQL of migrations by patterns within a line.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.fault_list import Fault, dedent

__all__ = ["CONDITION", "CONSTRAINT", "LIMIT", "LOCK", "OPERATORS", "SWAP", "candidates"]

CONDITION = "drop a condition"
SWAP = "swap a comparison"
LIMIT = "move a limit by one"
LOCK = "drop a lock"
CONSTRAINT = "drop a constraint"
OPERATORS = (CONDITION, SWAP, LIMIT, LOCK, CONSTRAINT)

SWAPS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"),
}  # fmt: skip
LIMIT_NAMES = re.compile(r"^(MAX|MIN)_|(_MAX|_MIN|_LIMIT|_LENGTH)$")
LIMIT_CALLS = ("OneLine", "FreeText", "IntegerRange", "MoneyRange")
LIMIT_KEYWORDS = ("min_length", "max_length", "most", "least", "first", "limit")
CONDITION_CALLS = ("and_", "or_", "where", "filter")
REQUIREMENTS = (
    *("require", "require_permission", "require_transition", "check_row_count", "reject_duplicates", "reject_missing"),
)
LOCK_CALLS = ("lock_tenant", "lock_rows", "pg_advisory_xact_lock")
CONSTRAINTS = ("CheckConstraint", "UniqueConstraint", "ForeignKeyConstraint", "enum_check")
CONSTRAINT_KEYWORDS = ("nullable", "unique", "foreign_key")

CONDITION_END = r"(?= AND | OR |\)|$|;| THEN)"
SQL = {
    CONDITION: [(rf" AND (?!\d)[\w.]+ (?:=|<>|<|>|<=|>=|IS|<@) [\w.]+(?: NULL| NOT NULL)?{CONDITION_END}", "")],
    SWAP: [(r"(?<= )<=(?= )", "<"), (r"(?<= )>=(?= )", ">"), (r"(?<= )<(?= )", "<="), (r"(?<= )>(?= )", ">="),
           (r"(?<= )=(?= )(?!.*;$)", "<>"), (r"(?<= )<>(?= )", "="), (r"IS NULL", "IS NOT NULL"),
           (r"IS NOT NULL", "IS NULL")],
    LOCK: [(r" FOR (?:NO KEY )?(?:UPDATE|SHARE)(?! OF)", ""), (r"PERFORM pg_advisory_xact_lock\(.*\);", "NULL;")],
    CONSTRAINT: [(r"(?: CONSTRAINT \w+)? CHECK \([^()]*(?:\([^()]*\)[^()]*)*\)", ""),
                 (r" CONSTRAINT \w+ UNIQUE(?! \()", ""), (r" CONSTRAINT \w+ REFERENCES \w+", ""),
                 (r"(?<=[a-z]) NOT NULL(?= CONSTRAINT| CHECK|,|$)", "")],
}  # fmt: skip
SQL_LIMIT = re.compile(r"(?<=<= )\d+|(?<=BETWEEN )\d+|(?<= AND )\d+")


@dataclass
class _Finder(ast.NodeVisitor):
    """Walks through a file and notes each change, with the function that it is in."""

    file: str
    text: str
    found: list[Fault] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)

    def change(self, operator: str, node: ast.AST, instead: str) -> None:
        """Note that a node's source might be replaced."""
        self.replace(operator, _begin(node), _end(node), instead)

    def replace(self, operator: str, begin: tuple[int, int], end: tuple[int, int], instead: str) -> None:
        """Note that the source between two places, of line and byte, might be replaced."""
        lines = self.text.splitlines()
        before = lines[begin[0] - 1 : end[0]]
        head, tail = before[0].encode()[: begin[1]].decode(), before[-1].encode()[end[1] :].decode()
        after = [line.rstrip() for line in (head + instead + tail).splitlines() if line.strip()]
        scope = ".".join(self.scopes)
        fault = Fault(f"{self.file} {scope}: {operator}", self.file, scope, operator, dedent(before), dedent(after))
        if fault.before != fault.after:
            self.found.append(fault)

    def visit(self, node: ast.AST) -> None:
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if isinstance(node, ast.Assign | ast.AnnAssign) and not self.scopes:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            if not names or names == ["__all__"]:
                return
            self.scopes.append(names[0])
            self.visit_constant(names[0], node)
            self.generic_visit(node)
            self.scopes.pop()
        elif named and not (self.scopes and not self.scopes[-1][0].isupper()):  # of nested functions, the outer
            self.scopes.append(node.name)  # type: ignore[attr-defined]  # so it has one
            self.generic_visit(node)
            self.scopes.pop()
        else:
            super().visit(node)

    def visit_constant(self, name: str, node: ast.Assign | ast.AnnAssign) -> None:
        if LIMIT_NAMES.search(name) and isinstance(node.value, ast.Constant) and type(node.value.value) is int:
            self.change(LIMIT, node.value, str(node.value.value + 1))

    def visit_Assign(self, node: ast.Assign) -> None:
        if [ast.unparse(target) for target in node.targets] == ["__table_args__"] and isinstance(node.value, ast.Tuple):
            self._drop_each(CONSTRAINT, [e for e in node.value.elts if _called(e) in CONSTRAINTS])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        first, *others = node.values
        if isinstance(others[-1], ast.Constant | ast.Tuple | ast.Dict | ast.List):
            return  # a value instead of nothing, and no condition
        self.replace(CONDITION, _begin(first), _begin(others[0]), "")
        for before, value in zip(node.values, others, strict=False):
            self.replace(CONDITION, _end(before), _end(value), "")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        ends = isinstance(node.body[0], ast.Raise | ast.Return | ast.Continue)
        if len(node.body) == 1 and not node.orelse and (ends or isinstance(node.body[0], ast.Expr)):
            self.change(CONDITION, node.test, "False")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self.change(CONDITION, condition, "True")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        left = node.left
        for operation, right in zip(node.ops, node.comparators, strict=True):
            if type(operation) in SWAPS:
                said, instead = SWAPS[type(operation)]
                between = self._between(_end(left), _begin(right))
                if f" {said} " in between:
                    self.replace(SWAP, _end(left), _begin(right), between.replace(f" {said} ", f" {instead} "))
            for side in (left, right):
                self._limit(side)
            left = right
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if _called(value) in REQUIREMENTS:
            self.change(CONDITION, node, "pass")
        if _called(value) in LOCK_CALLS or any(f"{name}(" in ast.unparse(node) for name in LOCK_CALLS[2:]):
            self.change(LOCK, node, "pass")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if _called(node) in CONDITION_CALLS and len(node.args) > 1:
            self._drop_each(CONDITION, [arg for arg in node.args if not isinstance(arg, ast.Starred)])
        if isinstance(node.func, ast.Attribute) and node.func.attr == "with_for_update":
            self.change(LOCK, node, self._source(node.func.value))
        if _called(node) == "get_row_for_update":
            self.change(LOCK, node.func, "get_row")
        if _called(node) in LIMIT_CALLS:
            for argument in node.args:
                self._limit(argument)
        for keyword in node.keywords:
            if keyword.arg in LIMIT_KEYWORDS:
                self._limit(keyword.value)
            if keyword.arg in CONSTRAINT_KEYWORDS and self.file.startswith("models/"):
                self._drop_each(CONSTRAINT, [keyword])
        self.generic_visit(node)

    def _limit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value >= 1:
            self.change(LIMIT, node, str(node.value + 1))
        elif isinstance(node, ast.Name) and LIMIT_NAMES.search(node.id):
            self.change(LIMIT, node, f"{node.id} + 1")

    def _drop_each(self, operator: str, nodes: list[ast.expr] | list[ast.keyword]) -> None:
        """Note that each of some elements, which commas end, might be left out."""
        for node in nodes:
            at, lines = _end(node), self.text.splitlines()
            comma = re.match(rb",\s*", lines[at[0] - 1].encode()[at[1] :])
            begin = _begin(node)
            if comma:
                self.replace(operator, begin, (at[0], at[1] + comma.end()), "")
            elif lines[begin[0] - 1].encode()[: begin[1]].endswith(b", "):
                self.replace(operator, (begin[0], begin[1] - 2), at, "")

    def _source(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.text, node) or ""  # type: ignore[arg-type]  # an expression

    def _between(self, begin: tuple[int, int], end: tuple[int, int]) -> str:
        lines = self.text.splitlines()
        if begin[0] != end[0]:
            return ""
        return lines[begin[0] - 1].encode()[begin[1] : end[1]].decode()


def candidates(file: str, text: str) -> list[Fault]:
    """Return every single change of a file that applies; those of one function and operator share a name."""
    finder = _Finder(file, text)
    finder.visit(ast.parse(text))
    found = finder.found
    if file.startswith("migrations/"):
        found += _in_sql(file, text)
    return [fault for fault in found if _applies(fault, text)]


def _applies(fault: Fault, text: str) -> bool:
    try:
        ast.parse(fault.apply(text))
    except (AssertionError, SyntaxError):
        return False
    return True


def _in_sql(file: str, text: str) -> Iterator[Fault]:
    """The changes of the SQL in a migration's constants, line by line."""
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        scope = node.targets[0].id
        for line in lines[node.lineno - 1 : node.end_lineno]:
            for operator, instead in _changed_sql(line):
                before, after = dedent([line]), dedent([instead])
                yield Fault(f"{file} {scope}: {operator}", file, scope, operator, before, after)


def _changed_sql(line: str) -> Iterator[tuple[str, str]]:
    for operator, patterns in SQL.items():
        for pattern, instead in patterns if "SET " not in line else ():
            for match in re.finditer(pattern, line):
                yield operator, line[: match.start()] + instead + line[match.end() :]
    if "CHECK" in line:
        for match in SQL_LIMIT.finditer(line):
            yield LIMIT, line[: match.start()] + str(int(match[0]) + 1) + line[match.end() :]


def _called(node: ast.AST) -> str:
    """The name of what is called; empty if nothing is."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _begin(node: ast.AST) -> tuple[int, int]:
    return node.lineno, node.col_offset  # type: ignore[attr-defined]  # expressions and statements have them


def _end(node: ast.AST) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]  # likewise
