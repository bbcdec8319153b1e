"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "harmonia"

# The flow, left to right: a stage imports from its left, never from its right.
ORDER = [
    *("types", "errors", "hashing", "files", "parsing", "journal", "outputs", "columns", "table_file"),
    "world",
    *("data", "prompts", "models", "probe", "slick", "writers", "groups", "training", "analysis", "export"),
    *("report", "pipeline", "bench", "cli"),
]


def _modules(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name for name in names if name.startswith("harmonia.")}


def _imports(path: Path) -> set[str]:
    return {name.split(".")[1] for name in _modules(path)}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_flow_and_files_stay_small(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 400, f"{lines} lines: does it still hold one idea?"
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    later = {name for name in _imports(path) if ORDER.index(name) > ORDER.index(own)}
    assert not later, f"{own} imports {later}, which stands to its right"


@pytest.mark.parametrize("package", ["data"])
def test_no_file_of_a_package_imports_itself_in_a_circle(package: str) -> None:
    files = {f"harmonia.{package}.{path.stem}": path for path in (PACKAGE / package).glob("*.py")}
    inside = {name: _modules(path) & set(files) for name, path in files.items()}
    while free := [name for name, needed in inside.items() if not needed]:
        inside = {name: needed - set(free) for name, needed in inside.items() if name not in free}
    assert not inside, f"a circle among {sorted(inside)}"


def _calls(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


PARSERS = re.compile(
    r"json\.loads?|yaml\.(\w*load|compose|parse|scan)\w*|pq\.(read_\w+|ParquetFile)|.*\.model_validate_json"
)


def test_what_is_read_passes_one_border() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {call}"
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "parsing"
        for call in _calls(path)
        if PARSERS.fullmatch(call)
    }
    assert not found
    assert PARSERS.fullmatch("json.loads") and PARSERS.fullmatch("yaml.safe_load")


@pytest.mark.parametrize("name", ["cli.main", "world", "data", "report", "types"])
def test_light_imports_stay_light(name: str) -> None:
    heavy = "('torch', 'transformers', 'datasets', 'altair')"
    code = f"import sys, harmonia.{name}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_nothing_of_one_machine_in_the_project() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PACKAGE.parent, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        path = PACKAGE.parent / name
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".txt", ".html"} and path.name != "test_house.py":
            text = path.read_text(encoding="utf-8")
            assert "/work/" not in text and "/root/" not in text, name
