"""The shape of the house. Owns: sizes, openings, words that have no place here. Reads every source file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "config", "adapters", "bridge")
FILE_LINES, FUNCTION_LINES, CLASS_LINES = 300, 40, 200
SLACK = 1.15  # "about": past this a thing is two things
# What may be larger, with the reason and its own cap.
LARGER_FILES: dict[str, tuple[int, str]] = {}
LARGER_FUNCTIONS: dict[str, tuple[int, str]] = {
    "core/testing/sandbox_limits_contract.py:check_sizes_are_bounded": (
        50,
        "mostly the script that runs in the box",
    ),
}
LARGER_CLASSES: dict[str, tuple[int, str]] = {}
# Alembic runs the migrations, nobody imports them; a schema's tables, indexes and search tables are declared one after another.
DECLARING = ("adapters/store/migrations/", "adapters/store/tables.py")
OBVIOUS_LINES = 5  # a function this short needs no more than its name and types
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b")
TEXTS = ("*.py", "*.toml", "*.md", "Makefile", ".ci/run", "scripts/*")
OPENING = re.compile(r"\b(Owns|Imports|Effects)\b")


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def length(node: ast.AST) -> int:
    """Count a definition's lines without its docstring: saying more is never too much."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    assert node.end_lineno is not None
    first = node.body[0]
    said = 0
    if ast.get_docstring(node) is not None and first.end_lineno is not None:
        said = first.end_lineno - first.lineno + 1
    return node.end_lineno - node.lineno + 1 - said


def definitions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node


def test_no_file_is_too_long() -> None:
    long = {}
    for path in sources():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LARGER_FILES.get(named(path), (FILE_LINES * SLACK, ""))[0]:
            long[named(path)] = lines
    assert not long


def test_no_function_and_no_class_is_too_long() -> None:
    long = {}
    for path in sources():
        for node in definitions(path):
            name = f"{named(path)}:{node.name}"
            known = LARGER_CLASSES if isinstance(node, ast.ClassDef) else LARGER_FUNCTIONS
            cap = CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES
            if length(node) > known.get(name, (cap * SLACK, ""))[0]:
                long[name] = length(node)
    assert not long


def test_every_exception_from_the_sizes_is_still_needed() -> None:
    for name in LARGER_FILES:
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) > FILE_LINES, name
    for name in (*LARGER_FUNCTIONS, *LARGER_CLASSES):
        file, _, what = name.partition(":")
        sizes = [length(node) for node in definitions(ROOT / file) if node.name == what]
        assert sizes, name
        assert max(sizes) > FUNCTION_LINES, name


def test_every_module_opens_with_what_it_owns() -> None:
    silent = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        said = ast.get_docstring(ast.parse(text)) or ""
        if path.name == "__init__.py" and not text.strip():
            continue
        if path.name != "__init__.py" and len(set(OPENING.findall(said))) < 2:
            silent.append(named(path))
    assert not silent


def test_every_public_function_says_what_it_does() -> None:
    silent = []
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        silent += [
            f"{named(path)}:{node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
            and not node.name.startswith("check_")  # a contract's check is called what it proves
            and length(node) > OBVIOUS_LINES
        ]
    assert not silent


def test_no_module_is_a_bag() -> None:
    assert not [
        named(path)
        for path in sources()
        if path.stem in {"util", "utils", "helper", "helpers", "common", "misc"}
    ]


def test_nothing_is_left_unfinished() -> None:
    found = []
    for pattern in TEXTS:
        for path in ROOT.rglob(pattern) if pattern.startswith("*") else ROOT.glob(pattern):
            parts = set(path.relative_to(ROOT).parts)
            if not path.is_file() or parts & {".venv", ".tools", ".git", "dist"} or path == Path(__file__):
                continue
            found += [
                f"{named(path)}: {word}" for word in UNFINISHED.findall(path.read_text(encoding="utf-8"))
            ]
    assert not found


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_happens_on_import(room: str) -> None:
    """A module's top level defines; only `__main__` and calls that make values run there."""
    acting = []
    for path in sorted((ROOT / room).rglob("*.py")):
        if named(path).startswith(DECLARING):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        acting += [
            f"{named(path)}:{node.lineno}"
            for node in tree.body
            if isinstance(node, ast.For | ast.While | ast.With | ast.AsyncFor)
            or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await))
        ]
    assert not acting
