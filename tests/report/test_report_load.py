"""What is corrupt stops the report with the file, the row and the field."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from report_run import manifest, results, write_table

from harmonia.errors import InputError
from harmonia.report import write_report
from harmonia.report.load import load_run
from harmonia.report.words import decimal, in_form_order, in_group_order, points, portable, ratio_of


def error_of(run: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        write_report(run)
    assert caught.value.remedy
    assert not (run / "report.html").exists() and not (run / "figures").exists()
    return caught.value


def test_what_earlier_settings_left_is_not_shown(run: Path) -> None:
    before = load_run(run)
    for kind in ("models", "groups"):
        shutil.copytree(run / kind / "history", run / kind / "taken_out")
    after = load_run(run)
    assert (before.losses, before.groups) == (after.losses, after.groups) and before.losses


@pytest.mark.parametrize("name", ["experiment.yaml", "manifest.json"])
def test_not_a_run_directory(run: Path, name: str) -> None:
    (run / name).unlink()
    error = error_of(run)
    assert name in error.problem and "harmonia run" in error.remedy


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("correct", -1, "not between 0 and inf"),
        ("accuracy", "", "empty"),
        ("accuracy", 62.0, "not between 0 and 1"),
        ("accuracy_low", float("nan"), "not a finite number"),
        ("domain", "", "empty"),
    ],
)
def test_bad_cell(run: Path, field: str, value: object, problem: str) -> None:
    rows = results()
    rows[3][field] = value
    write_table(run, "results", rows)
    error = error_of(run)
    assert (error.row, error.field, error.problem) == (4, field, problem)
    assert error.file is not None and error.file.endswith("results.parquet")


def test_column_missing_or_of_another_type(run: Path) -> None:
    path = run / "tables" / "results.parquet"
    whole = pq.read_table(path)
    place = whole.column_names.index("n")
    for table in (whole.drop_columns("n"), whole.set_column(place, "n", whole["n"].cast("string"))):
        pq.write_table(table, path)
        assert error_of(run).field == "n"


@pytest.mark.slow
def test_columns_may_be_added_and_moved(run: Path) -> None:
    path = run / "tables" / "results.parquet"
    whole = pq.read_table(path)
    moved = whole.select(whole.column_names[::-1]).append_column("new", whole["domain"])
    pq.write_table(moved, path)
    assert write_report(run).is_file()


def test_row_twice_and_file_cut_off(run: Path) -> None:
    write_table(run, "results", [*results(), results()[0]])
    assert error_of(run).problem == "the same domain, group, seed, form, readout, suite as in row 1"
    write_table(run, "results", results())
    path = run / "tables" / "consistency.parquet"
    path.write_bytes(path.read_bytes()[:-12])
    error = error_of(run)
    assert (
        "damaged" in error.problem and error.file is not None and error.file.endswith("consistency.parquet")
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"seeds": ["zero"]}, "seeds.0"),
        ({"stages": {"probe/x": {"status": "maybe"}}}, "stages.probe/x.status"),
        ({"answer_tokens": {"icl5": {"A": {"id": "x", "token": "A"}}}}, "answer_tokens.icl5.A.id"),
        ({"name": None}, "name"),
    ],
)
def test_bad_manifest(run: Path, change: dict, field: str) -> None:
    (run / "manifest.json").write_text(json.dumps({**manifest("x"), **change}))
    assert error_of(run).field == field


def test_files_that_are_not_json(run: Path) -> None:
    losses = run / "models" / "history" / "harmonious" / "seed0" / "loss.jsonl"
    good = losses.read_text()
    losses.write_text(good + '{"step": 21, "loss": null}\n')
    error = error_of(run)
    assert (error.row, error.field) == (21, "loss")
    losses.write_text(good)
    (run / "manifest.json").write_text('{\n"name": "x",\n"seeds": [0\n')
    error = error_of(run)
    assert error.row is not None and error.file is not None and error.file.endswith("manifest.json")


def test_a_password_that_an_earlier_version_kept_is_not_shown(run: Path) -> None:
    path = run / "experiment.yaml"
    path.write_text(path.read_text() + "# served: {url: 'http://me:s3cret@localhost:8000/v1?key=s3cret'}\n")
    values = manifest("x") | {"command": ["harmonia", "run", "writing.served.url=http://me:s3cret@h/v1"]}
    (run / "manifest.json").write_text(json.dumps(values))
    write_report(run)
    page = (run / "report.html").read_text()
    assert "http://***@localhost:8000/v1" in page and "s3cret" not in page


def test_order_and_words() -> None:
    assert in_group_order(["zeta", "mixed_0.4", "mixed_0.05", "incompatible", "base", "harmonious"]) == [
        "base",
        "harmonious",
        "incompatible",
        "mixed_0.05",
        "mixed_0.4",
        "zeta",
    ]
    assert in_form_order(["chat0", "icl10", "icl5"]) == ["icl5", "icl10", "chat0"]
    assert [ratio_of(group) for group in ("mixed_1", "mixed_1e-05", "mixed", "harmonious")] == [
        1.0,
        1e-5,
        None,
        None,
    ]
    assert [points(x) for x in (14.04, -0.96, 0.04, -0.04)] == ["+14.0", "−1.0", "0.0", "0.0"]
    assert [decimal(x) for x in (-0.5, -0.0001, 0.25)] == ["−0.500", "0.000", "0.250"]
    assert [portable(x) for x in ("/a/b/model", "org/model", "~/m", "C:\\x\\m")] == [
        "model",
        "org/model",
        "m",
        "m",
    ]
