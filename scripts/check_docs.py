"""Sentences of more than 30 words in pages and docstrings, and files that pages name in vain.

python scripts/check_docs.py

A word is what stands between blanks; what stands in back quotes is one. A sentence ends at a full
stop, a question mark or an exclamation mark. A cell of a table is a paragraph. Code is not read.
Exits 1 if anything is found; `scripts/write_docs.py --check` runs it too.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST = 30
LOG = "log.md"  # Measurements as they were noted.
ITEM = re.compile(r"\s*(?:[-*] |\d+\. |#+ |> )")
ENTRY = re.compile(r"(?:Args|Returns|Raises|Yields|Attributes):$|    \*{0,2}\w+: ")
END = re.compile(r"(?<=[.!?])[)\"*_]* +(?=[A-Z0-9`\"*_(\[])")


def long_sentences(text: str, *, docstring: bool = False) -> Iterator[tuple[int, str]]:
    """(line, sentence) of each that is too long."""
    for line, paragraph in paragraphs(text, docstring):
        plain = re.sub(r"`[^`]*`", "`code`", re.sub(r"\]\([^)]*\)", "]", paragraph))
        if docstring:
            plain = re.sub(r"^\*{0,2}\w+: ", "", plain)
        for sentence in END.split(plain):
            if (count := len(re.findall(r"\S*\w\S*", sentence))) > MOST:
                yield line, f"{count} words, {MOST} at most: {sentence}"


def paragraphs(text: str, docstring: bool) -> Iterator[tuple[int, str]]:
    """(first line, words) of paragraphs, list entries and headings."""
    first, words, fenced = 1, "", False
    for number, line in enumerate(text.splitlines(), start=1):
        fence = line.lstrip().startswith("```")
        fenced = fenced != fence
        cells = [] if fenced or not line.startswith("|") else line.strip("|").split(" | ")
        left_out = (
            fence or fenced or cells or line.startswith("<") or (not docstring and line.startswith("    "))
        )
        starts = ITEM.match(line) or (docstring and (ENTRY.match(line) or re.search(r"\S {3,}\S", line)))
        if (left_out or not line.strip() or starts or words.startswith("#")) and words:
            yield first, words
            words = ""
        yield from ((number, cell) for cell in cells)
        if not left_out and line.strip():
            first, words = (first, f"{words} {line.strip()}") if words else (number, line.strip())
    if words:
        yield first, words


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of each docstring of a module, those of its constants too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        said = node.value if isinstance(node, ast.Expr) else None
        if isinstance(said, ast.Constant) and isinstance(said.value, str):
            yield said.lineno, said.value


def missing_files(page: str) -> Iterator[tuple[int, str]]:
    """(line, path) of each file of ours that a page names and that is not there."""
    for number, line in enumerate(page.splitlines(), start=1):
        for name in re.findall(r"`((?:\w+/)+\w+\.(?:py|md|yaml|ipynb))`", line):
            if not any((folder / name).exists() for folder in (ROOT, ROOT / "harmonia")):
                yield number, f"no file {name}"


def problems() -> Iterator[str]:
    """What is wrong, each with its file and line."""
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if page.name == LOG:
            continue
        text = page.read_text(encoding="utf-8")
        for line, problem in sorted([*long_sentences(text), *missing_files(text)]):
            yield f"{page.relative_to(ROOT)}:{line}: {problem}"
    for module in sorted((ROOT / "harmonia").rglob("*.py")):
        for first, text in docstrings(module):
            for line, problem in long_sentences(inspect.cleandoc(text), docstring=True):
                yield f"{module.relative_to(ROOT)}:{first + line - 1}: {problem}"


def main() -> int:
    """Print what is wrong."""
    found = list(problems())
    print("\n".join([*found, f"{len(found)} problems in pages and docstrings"]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
