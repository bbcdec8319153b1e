"""Sentences of more than 30 words in the pages and in the package's docstrings; exits 1 if there is one.

python scripts/sentences.py

A word is what stands between blanks; what stands in back quotes is one. A sentence ends at a full
stop, a question mark or an exclamation mark. Tables, code and generated pages are not read.
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
GENERATED = {"commands.md", "settings.md", "tables.md"}
LOG = "log.md"  # Measurements as they were noted.
ITEM = re.compile(r"\s*(?:[-*] |\d+\. |#+ |> )")
ENTRY = re.compile(r"\s*(?:(?:Args|Returns|Raises|Yields|Attributes):$|    \*{0,2}\w+: )")
END = re.compile(r"(?<=[.!?])[)\"*_]* +(?=[A-Z0-9`\"*_(\[])")


def long_sentences(text: str, *, docstring: bool = False) -> Iterator[tuple[int, str]]:
    """(line, sentence) of each that is too long."""
    for line, paragraph in paragraphs(text, docstring):
        plain = re.sub(r"`[^`]*`", "`code`", re.sub(r"\]\([^)]*\)", "]", paragraph))
        for sentence in END.split(plain):
            if len(re.findall(r"\S*\w\S*", sentence)) > MOST:
                yield line, sentence


def paragraphs(text: str, docstring: bool) -> Iterator[tuple[int, str]]:
    """(first line, words) of paragraphs, list entries and headings."""
    first, words, fenced = 1, "", False
    for number, line in enumerate(text.splitlines(), start=1):
        fence = line.lstrip().startswith("```")
        fenced = fenced != fence
        left_out = (
            fence or fenced or line.startswith(("|", "<")) or (not docstring and line.startswith("    "))
        )
        starts = ITEM.match(line) or (docstring and (ENTRY.match(line) or re.search(r"\S {3,}\S", line)))
        if (left_out or not line.strip() or starts or words.startswith("#")) and words:
            yield first, words
            words = ""
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


def main() -> int:
    """Print where each long sentence stands."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    texts = [
        (page, 1, page.read_text(encoding="utf-8"), False)
        for page in pages
        if page.name not in {*GENERATED, LOG}
    ]
    for module in sorted((ROOT / "harmonia").rglob("*.py")):
        texts += [(module, line, inspect.cleandoc(text), True) for line, text in docstrings(module)]
    found = [
        f"{path.relative_to(ROOT)}:{first + line - 1}: {sentence}"
        for path, first, text, docstring in texts
        for line, sentence in long_sentences(text, docstring=docstring)
    ]
    print("\n".join([*found, f"{len(found)} sentences of more than {MOST} words"]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
