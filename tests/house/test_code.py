"""How the code is written: what ruff has no rule for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("schema", "resolvers", "domain", "persistence", "gateway")
MIGRATIONS = CHECKOUT / "persistence" / "migrations"
COMMAND_LINE = CHECKOUT / "gateway" / "cli.py"
FUNCTION_LINES_MAX = 70
VAGUE_WORDS = {"util", "utils", "helper", "helpers", "manager", "managers"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_a_public_function_fits_a_screen():
    too_long = [
        f"{_place(file, function)} {function.name}: {lines} lines"
        for file in _files(*PACKAGES)
        if not file.is_relative_to(MIGRATIONS)  # A migration is a list of tables, and nobody edits it.
        for function in _functions(file)
        if not function.name.startswith("_")
        and (lines := function.end_lineno - function.lineno + 1) > FUNCTION_LINES_MAX
    ]

    assert too_long == []


def test_imports_stand_at_the_top():
    local = [
        _place(file, statement)
        for file in _files(*PACKAGES)
        if file != COMMAND_LINE  # `orderloom --help` answers without importing the whole application.
        for function in _functions(file)
        for statement in ast.walk(function)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]

    assert local == []


def test_no_module_has_a_name_that_says_nothing():
    vague = [
        str(file.relative_to(CHECKOUT))
        for file in _files(*PACKAGES, "tests", "benchmarks")
        for part in file.relative_to(CHECKOUT).with_suffix("").parts
        if VAGUE_WORDS.intersection(re.split(r"[_-]", part))
    ]

    assert vague == []


def _files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((CHECKOUT / folder).rglob("*.py"))


def _functions(file: Path) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, Function))


def _place(file: Path, node: ast.stmt) -> str:
    return f"{file.relative_to(CHECKOUT)}:{node.lineno}"
