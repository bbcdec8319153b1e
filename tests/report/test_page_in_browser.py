"""Pages in a real Chromium: from disk without a network, by keyboard, in the dark, on a phone, printed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair
import pytest
import vl_convert
from answered_run import write_answered_run
from browser import chromium, opened
from report_run import DOMAINS, results, write_run, write_table

from harmonia.report import write_report

AXE = Path(__file__).parent / "axe" / "axe.min.js"
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
        assert not _faults(page)


def _faults(page: Any) -> list[tuple[str, str]]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


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
        assert not _faults(page)


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
    who = "The base model cannot be told from guessing on homogeneous questions in the form icl5"
    assert said.startswith(f"{who} (24.0 % right; chance 25.0 %).")
    assert "mean little then" in said
