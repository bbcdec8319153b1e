"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "harmonia"

# The flow, left to right: a stage imports from its left, never from its right.
ORDER = [
    *("types", "errors", "numbers", "hashing", "remade", "files", "parsing", "journal", "outputs", "columns"),
    "table_file",
    "world",
    *("data", "prompts", "models", "probe", "slick", "writers", "groups", "training", "analysis", "export"),
    *(
        "report",
        "audit",
        "compare",
        "curate",
        "pipeline",
        "results",
        "arguments",
        "curating",
        "api",
        "bench",
        "cli",
    ),
]


FILES = {
    ".".join(("harmonia", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}

# What still breaks a rule. These lists only shrink: what is mended is taken off.
LONG: set[str] = set()
MANY: set[str] = set()
NAMED_ALIKE: set[str] = set()


def _imported(name: str) -> set[str]:
    """The package's files that a file imports, anywhere in it but for its types alone."""
    for_types = {
        id(one)
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for one in ast.walk(node)
    }
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in for_types:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & FILES.keys() or {node.module}
    return found & FILES.keys() - {name}


def test_files_stay_small() -> None:
    large = {name: path.read_text(encoding="utf-8").count("\n") for name, path in FILES.items()}
    assert not {name: lines for name, lines in large.items() if lines > 400}, "does it still hold one idea?"


def test_no_two_files_of_tests_have_one_name() -> None:
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names)), "pytest collects them by name"


def test_imports_follow_the_flow() -> None:
    def place(name: str) -> int:
        return ORDER.index(name.split(".")[1])

    up = [
        (name, other)
        for name in FILES.keys() - {"harmonia"}
        for other in _imported(name) - {"harmonia"}
        if place(other) > place(name)
    ]
    assert not up, "what is imported stands to the right"


def test_no_files_import_one_another_in_a_circle() -> None:
    left = {name: _imported(name) for name in FILES}
    while free := [name for name, needed in left.items() if not needed]:
        left = {name: needed - set(free) for name, needed in left.items() if name not in free}
    assert not left, f"a circle is among {sorted(left)}"


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield f"{name.removeprefix('harmonia.')}.{node.name}", node


def _require_known(found: set[str], known: set[str]) -> None:
    assert not found - known
    assert not known - found, "mended: take it off the list in this file"


def test_functions_stay_short_and_take_few_arguments() -> None:
    long = {name for name, node in _functions() if (node.end_lineno or 0) - node.lineno >= 60}
    many = set()
    for name, node in _functions():
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if len([one for one in arguments if one.arg not in ("self", "cls")]) > 8:
            many.add(name)
    _require_known(long, LONG)
    _require_known(many, MANY)


def test_no_two_public_classes_have_one_name() -> None:
    names = Counter(
        node.name for tree in TREES.values() for node in tree.body if isinstance(node, ast.ClassDef)
    )
    twice = {name for name, count in names.items() if count > 1 and not name.startswith("_")}
    _require_known(twice, NAMED_ALIKE)


def _calls(name: str) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(TREES[name]) if isinstance(node, ast.Call)}


# By what a text, or a file that others may have written, becomes values.
PARSERS = re.compile(
    r"json\.loads?|.*\.JSONDecoder|.*\.validate_json|.*\.model_validate_json|tomllib\.loads?"
    r"|yaml\.(\w*load|compose|parse|scan)\w*|csv\.(reader|DictReader)|(pd|pandas)\.read_\w+"
    r"|(pq|pyarrow\.parquet|feather|orc)\.(read_\w+|ParquetFile)"
    r"|(pickle|marshal|joblib|torch|np|numpy)\.loads?|shelve\.open|eval|exec"
)


def test_what_is_read_passes_one_border() -> None:
    found = {
        f"{name}: {call}"
        for name in FILES
        if not name.startswith("harmonia.parsing")
        for call in _calls(name)
        if PARSERS.fullmatch(call)
    }
    assert not found
    for one in ("json.loads", "yaml.safe_load", "csv.reader", "torch.load", "TypeAdapter(x).validate_json"):
        assert PARSERS.fullmatch(one)


def test_no_clock_that_can_jump_is_read() -> None:
    jumps = re.compile(r"(time\.)?time(_ns)?|.*\.(now|utcnow|today)")
    found = {f"{name}: {call}" for name in FILES for call in _calls(name) if jumps.fullmatch(call)}
    assert not found
    assert jumps.fullmatch("time.time") and jumps.fullmatch("date.today")


@pytest.mark.parametrize("name", ["cli.commands", "world", "data", "report", "types"])
def test_light_imports_stay_light(name: str) -> None:
    heavy = "('torch', 'transformers', 'datasets', 'altair', 'harmonia.bench', 'harmonia.world.build')"
    code = f"import sys, harmonia.{name}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_only_their_commands_import_benchmarks_and_what_builds_a_lab_base() -> None:
    apart = ("harmonia.bench", "harmonia.world.build")
    users = {
        name
        for name in FILES
        if not name.startswith(apart) and any(other.startswith(apart) for other in _imported(name))
    }
    assert users == {"harmonia.cli.bench", "harmonia.cli.lab"}


def test_nothing_of_one_machine_in_the_project() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PACKAGE.parent, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        path = PACKAGE.parent / name
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".txt", ".html"} and path.name != "test_house.py":
            text = path.read_text(encoding="utf-8")
            assert "/work/" not in text and "/root/" not in text, name
