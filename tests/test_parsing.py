"""The one border for what is read: every kind of input that is no plain value is refused by name."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

from harmonia.data.formats import read_sheet
from harmonia.errors import InputError
from harmonia.parsing import (
    Settings,
    json_rows,
    parquet_rows,
    parse_json,
    parse_yaml,
    read_json,
    read_json_lines,
    read_object,
    read_parquet,
    validated,
)

NOT_PLAIN = {
    "depth": ("[" * 100_000, "inside one another"),
    "closed depth": ('{"a":' * 101 + "1" + "}" * 101, "inside one another"),
    "digits": ('{"id": ' + "1" * 5000 + "}", "5000 digits"),
    "more than 64 bits": ('{"id": 36893488147419103232}', "64 bits"),
    "too large": ('{"id": 1e999}', "too large"),
    "NaN": ('{"id": NaN}', "NaN, which is not JSON"),
    "infinity": ('{"id": -Infinity}', "-Infinity, which is not JSON"),
    "half a pair": ('{"id": "a\\ud800b"}', "surrogate"),
    "half a pair as key": ('{"a\\udc00": 1}', "surrogate"),
    "a key twice": ('{"id": {"a": 1, "b": 2, "a": 3}}', "stands twice"),
    "cut": ('{"id": 1', "not JSON"),
    "two values": ("{} {}", "not JSON"),
    "a NUL byte": ('{"id": "\0"}', "not JSON"),
    "Latin-1": (b'{"id": "caf\xe9"}', "UTF-8"),
    "UTF-16": ('{"id": 1}'.encode("utf-16"), "UTF-8"),
}


def as_bytes(text):
    return text.encode() if isinstance(text, str) else text


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_json_that_is_no_plain_value_is_refused(tmp_path, name):
    text, problem = NOT_PLAIN[name]
    with pytest.raises(InputError, match=problem) as caught:
        parse_json(text, file="f.json", row=7)
    assert (caught.value.file, caught.value.row) == ("f.json", 7)
    path = tmp_path / "whole.json"
    path.write_bytes(as_bytes(text))
    with pytest.raises(InputError, match=problem):
        read_json(path, what="the file")


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_a_line_that_is_no_plain_value_is_that_row_alone(tmp_path, name):
    text, problem = NOT_PLAIN[name]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": 1}\r\n\r\n' + as_bytes(text).replace(b"\n", b"") + b'\n{"id": 2}')
    one, bad, two = json_rows(path, what="the rows")
    assert (one, two) == ((1, {"id": 1}), (4, {"id": 2}))
    number, error = bad
    assert (number, error.row, error.file) == (3, 3, str(path))
    assert problem in error.problem
    rows = read_json_lines(path, what="the rows")
    assert next(rows) == (1, {"id": 1})
    with pytest.raises(InputError, match=problem):
        next(rows)


def test_plain_json_is_what_it_says():
    text = '{"a": [1, -2.5e3, true, null, "\\ud83d\\ude00 \\u0000", 18446744073709551615], "b": {}}'
    assert parse_json("\ufeff"[1:] + text, file=None) == json.loads(text)
    assert parse_json(b"\xef\xbb\xbf" + text.encode(), file=None) == json.loads(text)
    assert parse_json("[" * 100 + "]" * 100, file=None)


def test_an_array_is_read_as_rows(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('[{"id": 1},\n {"id": "\\ud800"},\n 3]')
    good, half, number = json_rows(path, what="the rows")
    assert good == (1, {"id": 1})
    assert (half[1].row, half[1].field, half[1].seen) == (2, "id", "'\\ud800'")
    assert (number[1].row, number[1].problem) == (3, "not a JSON object")
    path.write_text('[{"id": 1},\n {"id": }]')
    with pytest.raises(InputError, match="row 2: not JSON"):
        list(json_rows(path, what="the rows"))


def test_a_line_too_long_is_passed_over_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("harmonia.parsing.json_text.MAX_LINE_BYTES", 64)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1}\n{"id": "' + "x" * 500 + '"}\n{"id": 2}\n')
    one, long, two = json_rows(path, what="the rows")
    assert (one, two) == ((1, {"id": 1}), (3, {"id": 2}))
    assert "a line of more than" in long[1].problem


def test_one_value_too_large_to_be_read_whole_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("harmonia.parsing.json_text.MAX_VALUE_BYTES", 64)
    for name, text in (("a.json", "[" + "1," * 40 + "1]"), ("b.json", '{"a": "' + "x" * 80 + '"}')):
        (tmp_path / name).write_text(text)
        read = (lambda path: list(json_rows(path, what="it"))) if text[0] == "[" else read_json_of_it
        with pytest.raises(InputError, match=r"more than 64 bytes\. Write JSON Lines"):
            read(tmp_path / name)


def test_more_lists_than_memory_should_hold_are_refused_before_they_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr("harmonia.parsing.json_text.MAX_NESTED", 200)
    bad, good = ('{"a": [' + "[]," * count + "[]]}" for count in (198, 197))
    told = "more than 200 lists and objects in one value"
    for text in (bad, bad.encode()):
        with pytest.raises(InputError, match=told):
            parse_json(text, file=None)
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{bad}\n{good}\n")
    (_, refused), (_, read) = json_rows(path, what="the rows")
    assert told in refused.problem and refused.row == 1 and len(read["a"]) == 198
    path.write_text(f"[{good}]")
    with pytest.raises(InputError, match=told):
        list(json_rows(path, what="the rows"))
    # Brackets inside texts are no lists, whatever is escaped there.
    code = ["if (a[0] == '{') {", '\\"[', "\\", "[[["] * 50
    assert parse_json(json.dumps(code), file=None) == code
    monkeypatch.setattr("harmonia.parsing.json_text.MAX_VALUE_BYTES", 64)
    with pytest.raises(InputError, match="one JSON value of more than"):
        parse_json('"' + "x" * 64 + '"', file=None)


def read_json_of_it(path):
    return read_object(path, what="it")


@pytest.mark.parametrize("long", ["x" * 300, f'"{"x" * 300}"', "x," * 200, f'"{"x" * 70}' + ",y" * 300])
def test_a_line_of_csv_too_long_is_one_bad_row(long, tmp_path, monkeypatch):
    monkeypatch.setattr("harmonia.parsing.csv_text.MAX_LINE_BYTES", 64)
    path = tmp_path / "rows.csv"
    path.write_text(f"question,a\n1,2\n{long}\n3,4\n")
    _, (one, bad, two) = read_sheet(path)
    assert (one, two) == ((2, {"question": "1", "a": "2"}), (4, {"question": "3", "a": "4"}))
    assert bad[0] == bad[1].row == 3
    assert "a line of more than 64 characters" in bad[1].problem


def test_what_must_be_an_object_is(tmp_path):
    path = tmp_path / "note.json"
    path.write_text("[1]")
    with pytest.raises(InputError, match=r"the note is not a JSON object; saw \[1\]\. Write it again\."):
        read_object(path, what="the note", remedy="Write it again.")


NOT_YAML = {
    "a date that is none": ("seeds: 2024-99-99", "timestamp"),
    "digits": (f"seeds: [{'1' * 5000}]", "int|bits"),
    "more than 64 bits": ("seeds: 36893488147419103232", "64 bits"),
    "depth": ("seeds: " + "[" * 5000 + "]" * 5000, "inside one another"),
    "an int that is none": ("seeds: !!int abc", "value of int"),
    "a float that is none": ("seeds: !!float abc", "value of float"),
    "a timestamp that is none": ("seeds: !!timestamp abc", "value of timestamp"),
    "a bool that is none": ("seeds: !!bool abc", "value of bool"),
    "not finite": ("seeds: .nan", "finite"),
    "a Python object": ("seeds: !!python/object/apply:os.system [ls]", "the tag !!python"),
    "a tag of its own": ("seeds: !mine 3", "the tag !mine"),
    "a set": ("seeds: !!set {1, 2}", "the tag !!set"),
    "itself": ("seeds: &a [*a]", "inside one another"),
    "a bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "\n".join(
            f"{k}: &{k} [{','.join([f'*{before}'] * 10)}]"
            for before, k in zip("abcdef", "bcdefg", strict=True)
        )
        + "\nseeds: *g",
        "values",
    ),
    "a key twice": ("seeds: [1]\nname: x\nseeds: [2]", "stands twice, first in line 2"),
    "a key twice in a line": ("seeds: {a: 1, a: 2}", "stands twice"),
    "a list as key": ("seeds: {[1]: 2}", "unhashable"),
    "no alias": ("seeds: *b", "undefined alias"),
    "not closed": ("seeds: [1", "not YAML"),
    "a control character": ("seeds: \x01", "not YAML"),
    "half a pair": ("seeds: \ud800", "not YAML"),
    "half a pair by escape": ('seeds: "\\ud800"', "surrogate"),
    "a NUL by escape": ('seeds: "\\0"', "NUL"),
    "long": ("seeds: " + "x" * 1_000_001, "characters"),
}


@pytest.mark.parametrize("name", NOT_YAML)
def test_yaml_that_is_no_plain_value_is_refused(name):
    text, problem = NOT_YAML[name]
    with pytest.raises(InputError, match=problem) as caught:
        parse_yaml("first: 1\n" + text, file="e.yaml")
    assert caught.value.file == "e.yaml"
    value = text.partition(": ")[2]
    if "\n" not in text:
        with pytest.raises(InputError) as caught:
            parse_yaml(value, file=None, field="seeds")
        assert (caught.value.file, caught.value.row, caught.value.field) == (None, None, "seeds")


def test_the_lines_of_yaml_are_known():
    text = "name: x\nbase: &base {a: 1, b: 2}\nown:\n  <<: *base\n  a: 3\nlist:\n- 1\n- 2\n"
    found = parse_yaml(text, file=None)
    assert found.values["own"] == {"a": 3, "b": 2}
    assert [found.line(place) for place in (["own", "a"], ["list", "1"], ["own", "none"], [])] == [
        5,
        8,
        3,
        None,
    ]
    assert parse_yaml("", file=None).values is None


def test_a_repeated_key_is_told_with_both_lines():
    with pytest.raises(
        InputError, match=r"e\.yaml, row 3: the key stands twice, first in line 1; saw 'seeds'"
    ):
        parse_yaml("seeds: [1]\nname: x\nseeds: [2]", file="e.yaml")


@pytest.fixture
def parquet(tmp_path):
    path = tmp_path / "f.parquet"
    rows = {"id": [f"id-{k}" for k in range(3000)], "x": [k / 7 for k in range(3000)]}
    pq.write_table(pa.table(rows), path, write_page_checksum=True)
    return path


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (lambda: {"id": np.zeros(2_000_000, np.int8)}, "2,000,000 rows in"),
        (lambda: {"question": ["a" * 70_000_000]}, "field 'question': the table unpacks"),
    ],
)
@pytest.mark.parametrize("read", [read_parquet, lambda path, what: list(parquet_rows(path, what=what))])
def test_a_small_file_that_unpacks_to_gigabytes_is_refused(tmp_path, table, said, read):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table(table()), path, compression="zstd")
    assert path.stat().st_size < 20_000
    with pytest.raises(InputError, match=said):
        read(path, what="the table")


def test_parquet_is_read_by_rows_and_whole(parquet):
    rows = list(parquet_rows(parquet, what="the table"))
    assert (rows[0], rows[-1]) == ((1, {"id": "id-0", "x": 0.0}), (3000, {"id": "id-2999", "x": 2999 / 7}))
    assert read_parquet(parquet, what="the table").equals(pq.read_table(parquet))


@pytest.mark.parametrize("start", [4, 20, 5000, 30_000, -200, -6])
def test_damaged_parquet_is_refused_by_name(parquet, start):
    data = bytearray(parquet.read_bytes())
    for place in range(start, start + 5):
        data[place] ^= 0x5A
    parquet.write_bytes(data)
    for read in (read_parquet, lambda *a, **k: list(parquet_rows(*a, **k))):
        with pytest.raises(InputError, match=r"f\.parquet: the table is not Parquet, or is damaged"):
            read(parquet, what="the table")


def test_a_text_that_is_none_in_parquet_is_refused(tmp_path):
    path = tmp_path / "f.parquet"
    broken = pa.Array.from_buffers(pa.string(), 1, [None, *pa.array([b"\xff\xfe"]).buffers()[1:]])
    pq.write_table(pa.table({"id": broken}), path)
    for read in (read_parquet, lambda *a, **k: list(parquet_rows(*a, **k))):
        with pytest.raises(InputError, match=r"UTF-?8|utf-8"):
            read(path, what="the table")


class Inner(BaseModel):
    text: str


class Outer(BaseModel):
    id: str | int
    turns: list[Inner]


@pytest.mark.parametrize(
    ("values", "field", "seen"),
    [
        ({"id": 1.5, "turns": []}, "id", "1.5"),
        ({"turns": []}, "id", None),
        ({"id": 1, "turns": [{"text": "a"}, {"text": 3}]}, "turns.1.text", "3"),
        ({"id": 1, "turns": [{}]}, "turns.0.text", None),
        ({"id": 1, "turns": None}, "turns", "None"),
        ([], None, None),
    ],
)
def test_a_model_names_the_field_and_the_value(values, field, seen):
    with pytest.raises(InputError) as caught:
        validated(Outer, values, file="f", row=2, remedy={"id": "Give an id.", "turns": "Give turns."})
    error = caught.value
    assert (error.file, error.row, error.field, error.seen) == ("f", 2, field, seen)
    assert error.remedy == ("Give turns." if field and field.startswith("turns") else "Give an id.")


class Few(Settings):
    epochs: int | None = None
    rates: tuple[float, ...] = ()
    on: bool = False
    either: bool | int = 0


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("epochs: yes", "epochs"),
        ("rates: [0.1, on]", "rates"),
        ("rates: [inf]", "rates.0"),
        ("rates: [1e999]", "rates.0"),
        ("rates: [nan]", "rates.0"),
        ("epoch: 1", "epoch"),
        ("1: 1", "1"),
    ],
)
def test_settings_take_no_word_for_a_number(text, field):
    with pytest.raises(InputError) as caught:
        validated(Few, parse_yaml(text, file=None).values, file="e.yaml")
    assert caught.value.field == field


def test_settings_take_what_yaml_says():
    text = 'epochs: 3\nrates: [1e-5, 2, 0.5]\n"on": yes\neither: true'
    found = validated(Few, parse_yaml(text, file=None).values, file=None)
    assert found == Few(epochs=3, rates=(1e-5, 2.0, 0.5), on=True, either=True)
