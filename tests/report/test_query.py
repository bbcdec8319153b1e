"""A run's tables in SQL, held against DuckDB on the files themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest
from answered_run import write_answered_run
from command_line import harmonia
from models import REPOSITORY

from harmonia.errors import InputError
from harmonia.report.query import RunTables


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_answered_run(tmp_path_factory.mktemp("answered") / "run")


def test_answers_are_those_of_the_files(answered: Path) -> None:
    found = RunTables(answered).ask(
        'SELECT domain, "group", seed, suite, count(*), sum(correct::INT), round(sum(right_prob), 9) '
        "FROM answers WHERE form = 'chat0' GROUP BY ALL ORDER BY ALL"
    )
    wanted = duckdb.sql(
        f"""
        WITH asked AS (
            SELECT *, string_split(filename, '/predictions/')[2] AS place
            FROM read_parquet('{answered}/predictions/**/*.parquet', filename = true)
            WHERE filename LIKE '%/chat0/%'
        )
        SELECT split_part(place, '/', 1) AS domain, split_part(place, '/', 2) AS "group",
            TRY_CAST(regexp_extract(place, 'seed([0-9]+)', 1) AS BIGINT) AS seed,
            regexp_extract(place, '([a-z_]+).parquet', 1) AS suite, count(*),
            sum((list_position(probs, list_max(probs)) - 1 = answer)::INT),
            round(sum(probs[answer + 1]), 9)
        FROM asked JOIN read_parquet('{answered}/items/*.parquet') AS items USING (key)
        GROUP BY ALL ORDER BY ALL
        """
    ).fetchall()
    assert list(found.rows) == wanted
    assert len(wanted) == 2 * 2 * (1 + 2 * 2)  # domains, suites, models


def test_beliefs_have_their_level(answered: Path) -> None:
    rows = RunTables(answered).ask("SELECT level, correct, confidence FROM beliefs").rows
    assert len(rows) == 80
    for level, correct, confidence in rows:
        assert level == ("uncertain" if confidence <= 0.5 else "known" if correct else "conflicting")


def test_training_rows_join_with_beliefs(answered: Path) -> None:
    sql = 'SELECT "group", count(*), sum((target = b.answer)::INT) FROM training JOIN beliefs b USING (id) '
    rows = RunTables(answered).ask(f"{sql} GROUP BY ALL ORDER BY ALL").rows
    # Ten rows of each of two seeds and domains; the incompatible ones teach what is wrong.
    assert rows == (("harmonious", 40, 40), ("incompatible", 40, 0))


@pytest.mark.parametrize(
    "sql",
    [
        "COPY answers TO '{path}'",
        "SELECT * FROM read_csv('{path}')",
        "SELECT * FROM '{path}'",
        "SELECT content FROM read_text('{path}')",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "ATTACH '{path}' AS other",
        "CREATE TABLE mine AS SELECT 1",
        "SELECT * FROM database",
    ],
)
def test_no_query_reaches_files_or_changes_anything(answered: Path, tmp_path: Path, sql: str) -> None:
    path = tmp_path / "secret.csv"
    path.write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(InputError, match="SQL"):
        RunTables(answered).ask(sql.format(path=path))
    assert [one.name for one in tmp_path.iterdir()] == ["secret.csv"]
    assert path.read_text(encoding="utf-8") == "a\n1\n"


def test_what_earlier_settings_left_is_not_read(answered: Path, tmp_path: Path) -> None:
    run = write_answered_run(tmp_path / "run")
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    kept = {key: one for key, one in manifest["stages"].items() if "/seed1/" not in key}
    (run / "manifest.json").write_text(json.dumps(manifest | {"stages": kept}), encoding="utf-8")
    assert RunTables(run).ask("SELECT DISTINCT seed FROM answers ORDER BY seed").rows == ((0,), (None,))


def test_the_command_prints_tables_rows_and_json(answered: Path) -> None:
    schema = harmonia("query", answered)
    assert schema.returncode == 0
    assert "right_prob DOUBLE" in " ".join(schema.stdout.split())
    sql = "SELECT id, NULL AS none, 'nan'::DOUBLE AS odd FROM answers WHERE id = 'law-homogeneous-1' LIMIT 1"
    shown = harmonia("query", answered, sql)
    assert shown.stdout.splitlines()[0].split() == ["id", "none", "odd"]
    assert json.loads(harmonia("query", answered, sql, "--json").stdout) == [
        {"id": "law-homogeneous-1", "none": None, "odd": None}
    ]
    many = harmonia("query", answered, "SELECT * FROM range(201)")
    assert "the first 200 of 201 rows" in many.stderr


def test_the_questions_of_the_docs_can_be_asked(answered: Path) -> None:
    page = (REPOSITORY / "docs" / "explore.md").read_text(encoding="utf-8")
    worked = re.findall(r"```sql\n(.+?)```\n```\n(.+?)\n", page, flags=re.DOTALL)
    assert len(worked) == 3
    for sql, head in worked:
        found = RunTables(answered).ask(sql)
        assert list(found.columns) == head.split() and found.rows


@pytest.mark.parametrize(("sql", "said"), [("SELECT foo FROM answers", "foo"), ("SELECT FROM", "syntax")])
def test_a_wrong_query_is_bad_input(answered: Path, sql: str, said: str) -> None:
    done = harmonia("query", answered, sql)
    assert done.returncode == 2
    assert said in done.stderr and "harmonia query RUN_DIR" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_column_is_lost_where_two_have_a_name(answered: Path) -> None:
    sql = "SELECT 1 AS id, 2 AS id_1, 3 AS id, 4 AS id"
    assert RunTables(answered).ask(sql).columns == ("id", "id_1", "id_2", "id_3")
    (row,) = json.loads(harmonia("query", answered, sql, "--json").stdout)
    assert row == {"id": 1, "id_1": 2, "id_2": 3, "id_3": 4}


def test_tables_that_a_query_does_not_name_are_not_said_to_be_none(answered: Path) -> None:
    with pytest.raises(InputError, match=r"not one SELECT.*prints the tables"):
        RunTables(answered).ask(" show TABLES")
    with pytest.raises(InputError, match=r"Table with name answer does not exist\. .*prints the tables"):
        RunTables(answered).ask("SELECT * FROM answer")


def test_what_is_left_out_of_all_scores_is_not_counted(tmp_path: Path) -> None:
    run = write_answered_run(tmp_path / "run")
    sql = "SELECT DISTINCT domain, suite, id FROM answers WHERE counted IS DISTINCT FROM true"
    assert len(RunTables(run).ask(sql).rows) == 120  # not known before the analysis
    claims = {"version": 1, "rule": "", "runs": [], "claims": [], "policies": []}
    excluded = {"law/in_domain": ["law-in_domain-4"]}
    (run / "claims.json").write_text(json.dumps({**claims, "excluded": excluded}), encoding="utf-8")
    assert RunTables(run).ask(sql).rows == (("law", "in_domain", "law-in_domain-4"),)


def test_damaged_files_of_a_run_are_bad_input(answered: Path, tmp_path: Path) -> None:
    run = write_answered_run(tmp_path / "run")
    group = run / "groups/law/seed0/harmonious.jsonl"
    first, *others = group.read_text(encoding="utf-8").splitlines()
    lines = [first, json.dumps({**json.loads(others[0]), "messages": [{"role": "user"}]})]
    group.write_text("\n".join(lines), encoding="utf-8")
    done = harmonia("query", run, "SELECT * FROM training")
    assert done.returncode == 2 and "harmonious.jsonl, row 2" in done.stderr and "content" in done.stderr
    place = run / "predictions/law/base/icl5/letter/in_domain.parquet"
    duckdb.sql(
        f"""
        COPY (SELECT a.* EXCLUDE key, items.* EXCLUDE key FROM read_parquet('{place}') a
        JOIN read_parquet('{run}/items/law.parquet') AS items USING (key)) TO '{tmp_path}/whole.parquet'
        """
    )
    (tmp_path / "whole.parquet").replace(place)
    done = harmonia("query", run, "SELECT * FROM answers")
    assert done.returncode == 2 and "not answers of a run" in done.stderr


def test_training_sets_of_an_earlier_version_are_bad_input(tmp_path: Path) -> None:
    (tmp_path / "groups" / "law").mkdir(parents=True)
    (tmp_path / "groups" / "law" / "harmonious.jsonl").touch()
    stage = {"status": "done", "outputs": {"groups/law/harmonious.jsonl": "0"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "old", "stages": {"groups/law": stage}}))
    with pytest.raises(
        InputError, match=r"groups/law/harmonious\.jsonl: .*earlier version.*Run the experiment"
    ):
        RunTables(tmp_path).ask("SELECT * FROM training")


def test_a_folder_that_is_no_run_is_bad_input(tmp_path: Path) -> None:
    assert harmonia("query", tmp_path, "SELECT 1").returncode == 2
