"""Pages and docstrings: sentences of over 30 words are found, and names of files that are not there."""

from __future__ import annotations

import sys

import pytest
from models import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "scripts"))
from check_docs import long_sentences, missing_files

LONG = "word " * 30 + "word."
SHORT = "Word " * 29 + "word."


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (LONG, [1]),
        (f"{SHORT} {SHORT}", []),
        (f"# Heading\n{SHORT}", []),
        (f"{SHORT}\n\n- {LONG}\n- {SHORT}", [3]),
        ("word " * 15 + "\n" + "word " * 16, [1]),
        ("word " * 20 + "`" + "word " * 20 + "`.", []),
        (f"| {SHORT} | {SHORT} |", []),
        (f"| {SHORT} |\n| word | {LONG} |", [2]),
        (f"```\n{LONG}\n```\n{LONG}", [4]),
    ],
)
def test_a_sentence_of_over_thirty_words_is_found_where_it_begins(text, lines):
    assert [line for line, _ in long_sentences(text)] == lines


def test_in_a_docstring_each_argument_speaks_for_itself():
    text = f"{SHORT}\n\nArgs:\n    one: {SHORT}\n    two: {LONG}"
    assert [line for line, _ in long_sentences(text, docstring=True)] == [5]
    # A line that goes on begins no argument, even where a colon stands in it.
    going_on = f"Args:\n    one: {'word ' * 20}\n        so: {'word ' * 20}"
    assert [line for line, _ in long_sentences(going_on, docstring=True)] == [2]


def test_a_file_that_a_page_names_must_be_there():
    page = "See `data/read.py`,\n`docs/method.md` and `data/written.py`; `read.py` alone may be anybody's."
    assert list(missing_files(page)) == [(2, "no file data/written.py")]
