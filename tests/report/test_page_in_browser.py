"""Pages in a real Chromium: from disk without a network, by keyboard, in the dark, on a phone, printed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import altair
import pytest
import vl_convert
from answered_run import write_answered_run
from browser import chromium, faults, opened
from report_run import DOMAINS, SUITES, results, write_run, write_table
from test_report_pooled import MIXED, NOTHING, RUNS, difference

import harmonia
from harmonia.analysis import MixedModelRow
from harmonia.analysis.tables import ResultRow
from harmonia.models.fake import FakeModel
from harmonia.report import write_report
from harmonia.report.pooled import write_pooled_page
from harmonia.types import Item

ASSETS = Path(__file__).parents[2] / "harmonia" / "report" / "assets"
PHONE = {"width": 400, "height": 800}
EVIL = '<img src=x onerror="document.title=1"><script>document.title=2</script>'

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_run(tmp_path_factory.mktemp("browser") / "run", compared=True, name=EVIL)
    return write_report(run)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def test_the_bundle_is_that_of_the_locked_renderer() -> None:
    version = ".".join(altair.SCHEMA_VERSION.split(".")[:2])
    made = vl_convert.javascript_bundle(vl_version=version).encode()
    assert hashlib.sha256(made).digest() == hashlib.sha256((ASSETS / "vega.js").read_bytes()).digest()


@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_offline_without_a_fault(
    browser: Any, file: Path, size: dict[str, int], scheme: str
) -> None:
    with opened(browser, file, viewport=size, color_scheme=scheme) as page:
        assert page.locator("h1").inner_text() == EVIL and page.title().startswith(EVIL)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        page.locator("#unfold").click()
        assert not page.locator("details:not([open])").count()
        assert not faults(page)


def test_the_page_of_several_runs_opens_without_a_fault(browser: Any, tmp_path: Path) -> None:
    rows = [difference("mixed_0.5", "incompatible", suite) for suite in SUITES]
    of_three = MixedModelRow(**MIXED, model="meta", term="difference", estimate=0.1, low=0.0, high=0.2)
    runs = [replace(run, results=tuple(ResultRow(**row) for row in results())) for run in RUNS]
    page = write_pooled_page(tmp_path / "both", runs, NOTHING, rows, [of_three])
    _opens_without_a_fault(browser, page)


def test_the_pages_of_an_audit_and_a_comparison_open_without_a_fault(browser: Any, tmp_path: Path) -> None:
    """Rows and questions on capitals; of the latter one is lost."""
    rows = [{"instruction": f"What is the capital of {land}?", "output": f"{land}o"} for land in "KLMNOPQR"]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    items = [
        Item(id=land, domain="d", question=f"The capital of {land}?", choices=("Zo", f"{land}o"), answer=1)
        for land in "KLMN"
    ]

    def speaker(**other: str) -> FakeModel:
        def says(text: str) -> dict[str, float]:
            land = text.rpartition("capital of ")[2][:1]
            return {f" {other.get(land, f'{land}o')}": 0.9}

        return FakeModel(says, name=repr(other))

    base, tuned, audit = speaker(K="Lo"), speaker(L="Zo"), tmp_path / "audit"
    harmonia.audit(base, file, out=audit)
    compared = harmonia.compare(base, tuned, items=items, audit=audit, readouts=["cloze"])
    compared.save(tmp_path / "compared")
    for folder in (audit, tmp_path / "compared"):
        _opens_without_a_fault(browser, folder / "report.html")


def _opens_without_a_fault(browser: Any, file: Path) -> None:
    for size, scheme in (({"width": 1280, "height": 900}, "light"), (PHONE, "dark")):
        with opened(browser, file, viewport=size, color_scheme=scheme) as page:
            page.wait_for_selector("#figure-finding .vega-embed svg")
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            page.locator("#unfold").click()
            assert not faults(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_table_of_questions_has_no_serious_fault_for_axe(
    browser: Any, tmp_path: Path, scheme: str
) -> None:
    file = write_report(write_answered_run(tmp_path / "run"))
    with opened(browser, file, viewport={"width": 1250, "height": 900}, color_scheme=scheme) as page:
        page.locator("#questions").scroll_into_view_if_needed()
        page.wait_for_selector("#explorer[data-ready]")
        page.locator("#explorer [data-row]").nth(2).click()
        page.locator("#explorer .opened").wait_for()
        assert not faults(page)


def test_a_figure_becomes_interactive_and_tells_its_numbers(browser: Any, file: Path) -> None:
    with opened(browser, file, viewport={"width": 1280, "height": 900}) as page:
        page.wait_for_selector("#figure-finding .vega-embed svg")
        ground = "getComputedStyle(document.querySelector('#figure-finding svg')).backgroundColor"
        assert page.evaluate(ground) == "rgba(0, 0, 0, 0)"
        told = page.locator("#vg-tooltip-element")
        dots = page.locator("#figure-finding .mark-symbol path").all()
        assert dots
        for dot in dots:
            dot.hover()
            told.wait_for()
            assert re.search(r"accuracy\s*\d\d\.\d%", told.inner_text())
            assert re.search(r"interval\s*(–|\d\d\.\d)", told.inner_text()) and "NaN" not in told.inner_text()


def test_a_link_unfolds_what_it_leads_to_by_keyboard(browser: Any, file: Path) -> None:
    with opened(browser, file, viewport={"width": 1280, "height": 900}) as page:
        outcomes = page.locator("#outcomes > details")
        assert not outcomes.get_attribute("open")
        page.locator('nav a[href="#outcomes"]').focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#outcomes > details[open]")
        page.locator("#training > details > summary").focus()
        page.keyboard.press("Space")
        page.wait_for_selector("#training > details[open]")
        assert page.locator('#training [role="img"][aria-label*="Training loss"]').count() == len(DOMAINS)


def test_all_is_printed(browser: Any, file: Path) -> None:
    with opened(browser, file, viewport={"width": 1280, "height": 900}) as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert not page.locator("details:not([open])").count()
        # A4 between margins of 12 mm is 703 px wide.
        page.set_viewport_size({"width": 703, "height": 1000})
        wide = page.evaluate(
            "[...document.querySelectorAll('main table, main svg, main pre')]"
            ".filter(one => one.getBoundingClientRect().right > 704).map(one => one.outerHTML.slice(0, 90))"
        )
        assert not wide
        # What cannot be parted leaves little of a page empty: 160 mm are 605 px.
        high = "[...document.querySelectorAll('figure')].map(one => one.getBoundingClientRect().height)"
        assert max(page.evaluate(high)) < 605
        caption, drawing = (
            page.locator(f"#figure-finding {name}").bounding_box() for name in ("figcaption", ".drawing")
        )
        assert caption["x"] + caption["width"] <= drawing["x"] and caption["y"] <= drawing["y"]
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details:not([open])").count()


def test_a_model_at_chance_has_a_warning(browser: Any, tmp_path: Path) -> None:

    run = write_run(tmp_path / "run", compared=True)
    # 24 of 100 right with an interval from 16 to 31: what guessing among four gives.
    guessing = {"accuracy": 0.24, "accuracy_low": 0.16, "accuracy_high": 0.31}
    rows = [
        {**row, **guessing} if row["group"] == "base" and row["form"] == "icl5" else row for row in results()
    ]
    write_table(run, "results", rows)
    with opened(browser, write_report(run)) as page:
        said = page.locator(".warning").inner_text().replace("\u00a0", " ")
    who = "The base model cannot be told from guessing on homogeneous, in-domain and out-of-domain questions"
    assert said.startswith(f"{who} asked as icl5 (24.0 % right; chance 25.0 %).")
    assert "mean little then" in said and said.count("guessing") == 1
