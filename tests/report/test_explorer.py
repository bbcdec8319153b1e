"""The table of every question in a real browser, held against DuckDB on the run's Parquet."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from answered_run import HOSTILE, write_answered_run
from browser import chromium, opened

from harmonia.report import explorer as module
from harmonia.report.explorer import explorer
from harmonia.report.load import load_run
from harmonia.report.question_data import QuestionData
from harmonia.report.run_index import RunIndex

ASSETS = Path(module.__file__).parent / "assets"


def test_what_is_bundled_is_as_it_was_published() -> None:
    lines = (ASSETS / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    sums = {name: value for value, name in (line.split() for line in lines)}
    assert {path.name for path in ASSETS.iterdir()} == {*sums, "SHA256SUMS"}
    for name, value in sums.items():
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == value


def test_a_page_that_would_be_too_large_is_cut_and_says_so(answered: Path) -> None:
    data = QuestionData(RunIndex.read(answered))
    _, shown = data.json()
    assert shown == data.all == 120 + 2 * 40
    data.drop_prompts()
    bare, _ = data.json()
    (without,) = re.findall(r'"promptless":"(.*?)"', explorer(load_run(answered), limit=len(bare)))
    assert "Prompts are left out: the page would be too large" in without
    cut = explorer(load_run(answered), limit=len(bare) // 2)
    (held,) = re.findall(r"This table holds (\d+) of 200 questions", cut)
    assert 60 <= int(held) < 100
    assert "predictions/, and harmonia query" in cut
    assert "This table holds" not in explorer(load_run(answered))


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_answered_run(tmp_path_factory.mktemp("explorer") / "run")


@pytest.fixture(scope="module")
def page(answered: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    file = tmp_path_factory.mktemp("page") / "report.html"
    shown = explorer(load_run(answered))
    style = (ASSETS.parent / "page.css").read_text(encoding="utf-8")
    head = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title><style>{style}</style><main>'
    )
    file.write_text(f"{head}{shown}</main></html>", encoding="utf-8")
    with chromium() as browser, opened(browser, file, viewport={"width": 1250, "height": 900}) as found:
        found.wait_for_selector("#explorer[data-ready]")
        yield found


@pytest.fixture(autouse=True)
def begun_anew(request: pytest.FixtureRequest) -> Iterator[None]:
    if "page" in request.fixturenames:
        page = request.getfixturevalue("page")
        page.locator("#explorer button[type=reset]").click()
        page.wait_for_timeout(100)
    yield


def choose(page: Any, **values: str) -> None:
    for name, value in values.items():
        field = page.locator(f"#explorer [name={name}]")
        field.fill(value) if name == "search" else field.select_option(label=value)
    page.wait_for_timeout(300)


def told(page: Any) -> list[int]:
    """The numbers above the table: shown, in all, and of the shown the four outcomes."""
    text = page.locator("#explorer output").inner_text()
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", text)]


def counts(run: Path, group: str, seed: int, where: str) -> list[int]:
    """Questions and their outcomes, from the files alone."""
    rows = duckdb.sql(
        f"""
        WITH answered AS (
            SELECT key, string_split(filename, '/predictions/')[2] AS place,
                list_position(probs, list_max(probs)) - 1 AS pred, list_max(probs) AS sure
            FROM read_parquet('{run}/predictions/**/*.parquet', filename = true)
        ), asked AS (
            SELECT *, split_part(place, '/', 1) AS domain,
                regexp_extract(place, '([a-z_]+).parquet', 1) AS suite
            FROM answered
        ), before AS (SELECT * FROM asked WHERE place LIKE '%/base/icl5/%'),
        after AS (SELECT * FROM asked WHERE place LIKE '%/{group}/seed{seed}/chat0/%')
        SELECT count(*), count(*) FILTER (b.pred = answer AND a.pred = answer),
            count(*) FILTER (b.pred = answer AND a.pred <> answer),
            count(*) FILTER (b.pred <> answer AND a.pred = answer),
            count(*) FILTER (b.pred <> answer AND a.pred <> answer)
        FROM before b JOIN after a USING (key, domain, suite)
        JOIN read_parquet('{run}/items/*.parquet') AS items USING (key) WHERE {where}
        """
    ).fetchall()
    return list(rows[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chosen", "where"),
    [
        ({"suite": "in-domain"}, "suite = 'in_domain'"),
        ({"suite": "in-domain", "domain": "rocks"}, "suite = 'in_domain' AND b.domain = 'rocks'"),
        ({"suite": "homogeneous", "level": "conflicting"},
         "suite = 'homogeneous' AND b.sure > 0.5 AND b.pred <> answer"),
        ({"suite": "homogeneous", "outcome": "lost"},
         "suite = 'homogeneous' AND b.pred = answer AND a.pred <> answer"),
        ({"suite": "in-domain", "search": "basalt FJORD"},
         "suite = 'in_domain' AND concat_ws(' ', question, array_to_string(choices, ' ')) LIKE '%basalt%' "
         "AND concat_ws(' ', question, array_to_string(choices, ' ')) LIKE '%fjord%'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("group", "seed"), [("harmonious", 0), ("incompatible", 1)])
def test_filters_and_search_give_the_counts_of_the_files(
    page: Any, answered: Path, chosen: dict[str, str], where: str, group: str, seed: int
) -> None:
    choose(page, group=f"{group}, seed {seed}", **chosen)
    shown, *outcomes = counts(answered, group, seed, where)
    assert told(page) == [shown, 200, *outcomes] and shown > 0


@pytest.mark.slow
def test_a_question_opens_from_the_keyboard_and_shows_what_models_answer(page: Any, answered: Path) -> None:
    choose(page, group="incompatible, seed 1", suite="homogeneous", domain="rocks")
    page.locator("#explorer [name=search]").focus()
    # Behind the fields, the button and the heads of the columns the table is one stop.
    stops = 7 + len(page.locator("#explorer .tabulator-col:visible").all()) + 1
    for _ in range(stops):
        page.keyboard.press("Tab")
    for key in ("ArrowDown", "End", "PageUp", "Home", "ArrowDown"):
        page.keyboard.press(key)
        page.wait_for_timeout(200)
    page.keyboard.press("Enter")
    opened_one = page.locator("#explorer .opened")
    assert opened_one.is_visible()
    name = opened_one.locator(".note").first.inner_text().split(" · ")[0]
    said = opened_one.locator("h3").inner_text()
    assert name == "rocks-homogeneous-1"
    file = answered / "predictions/rocks/incompatible/seed1/chat0/letter/homogeneous.parquet"
    wanted = duckdb.sql(
        f"""
        SELECT probs FROM read_parquet('{file}')
        JOIN read_parquet('{answered}/items/rocks.parquet') USING (key) WHERE id = '{name}'
        """
    ).fetchall()[0][0]
    cells = opened_one.locator("tr.chosen td span:first-child").all_inner_texts()
    assert cells == [f"{100 * share:.1f} %" for share in wanted]
    assert opened_one.locator("tbody tr").count() == 2 + 4  # the base model in both forms, and all models
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    assert not opened_one.is_visible()
    page.wait_for_function("document.activeElement.dataset.row !== undefined")
    assert page.evaluate("document.activeElement.textContent") == said


@pytest.mark.slow
def test_a_question_shows_the_prompts_that_were_kept(page: Any, answered: Path) -> None:
    choose(page, domain="rocks", suite="in-domain")
    page.locator("#explorer [data-row]").nth(4).click()
    name = page.locator("#explorer .opened .note").first.inner_text().split(" · ")[0]
    for place, form in ((0, "icl5"), (1, "chat0")):
        file = answered / f"predictions/rocks/base/{form}/letter/in_domain.parquet"
        items = answered / "items/rocks.parquet"
        both = f"read_parquet('{file}') JOIN read_parquet('{items}') USING (key)"
        (wanted,) = duckdb.sql(f"SELECT prompt FROM {both} WHERE id = '{name}'").fetchall()[0]
        details = page.locator("#explorer .opened > details").nth(place)
        details.locator("summary").click()
        assert details.locator("pre").evaluate("(one) => one.textContent") == wanted
    choose(page, suite="training questions", search="rocks-train-4")
    page.locator("#explorer [data-row]").first.click()
    assert page.locator("#explorer .opened > details").count() == 0
    said = page.locator("#explorer .opened > .note").last.inner_text()
    assert (
        said.startswith("The prompt cannot be shown: ")
        and "the model, whose tokenizer it takes, is not here" in said
    )


@pytest.mark.slow
def test_a_training_question_shows_its_rows(page: Any) -> None:
    choose(page, suite="training questions", search="law-train-4")
    page.locator("#explorer [data-row]").first.click()
    rows = page.locator("#explorer .opened > ul > li")
    assert rows.count() == 4  # of two training sets under two seeds
    assert "incompatible, seed 0 was taught" in rows.nth(2).inner_text()
    assert "a wrong option" in rows.nth(2).inner_text() and "the right option" in rows.nth(0).inner_text()


@pytest.mark.slow
def test_markup_in_a_question_is_shown_and_never_obeyed(page: Any) -> None:
    choose(page, search="<script>window.hit")
    assert told(page)[0] == 2  # in each domain's in-domain suite
    button = page.locator("#explorer [data-row]").first
    assert button.inner_text() == HOSTILE
    button.click()
    assert page.locator("#explorer .opened h3").inner_text() == HOSTILE
    assert page.locator("#explorer img").count() == 0
    assert page.evaluate("window.hit") is None


@pytest.mark.slow
def test_odd_questions_are_found_and_open_whole_on_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 400, "height": 900})
    try:
        for name, options in (("__proto__ \"q'1", 26), ("<b>rtl</b>", 3), ("law-in_domain-8", 4)):
            choose(page, search=name, domain="law")
            assert told(page)[0] == 1
            page.locator("#explorer [data-row]").click()
            opened_one = page.locator("#explorer .opened")
            assert opened_one.locator(".note").first.inner_text().startswith(f"{name} · law")
            assert opened_one.locator("ol li").count() == options
            assert opened_one.locator("tr.chosen td").count() == options
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            fits = opened_one.locator(".scroll").evaluate("(one) => one.scrollWidth <= one.clientWidth")
            assert fits or options > 4
            assert opened_one.get_by_text("Explanation:").count() == (options != 4)
        choose(page, search="option 25", domain="all")
        assert told(page)[0] == 2  # in each domain
    finally:
        page.set_viewport_size({"width": 1250, "height": 900})


@pytest.mark.slow
def test_a_reset_shows_every_question_again(page: Any) -> None:
    choose(page, suite="homogeneous", outcome="lost", search="law")
    assert 0 < told(page)[0] < 40
    page.locator("#explorer button[type=reset]").click()
    page.wait_for_timeout(300)
    assert told(page)[0] == 200


@pytest.mark.slow
def test_a_column_sorts(page: Any) -> None:
    choose(page, group="harmonious, seed 0", suite="homogeneous")
    page.locator('#explorer .tabulator-col[tabulator-field="change"]').click()
    page.wait_for_timeout(200)
    cells = page.locator('#explorer .tabulator-cell[tabulator-field="change"]').all_inner_texts()
    values = [float(text.replace("−", "-")) for text in cells]
    assert len(values) > 5 and values == sorted(values)
    page.locator('#explorer .tabulator-col[tabulator-field="change"]').focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    cells = page.locator('#explorer .tabulator-cell[tabulator-field="change"]').all_inner_texts()
    values = [float(text.replace("−", "-")) for text in cells]
    assert values == sorted(values, reverse=True)
