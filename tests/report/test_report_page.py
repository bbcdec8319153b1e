"""The whole page of the hand-made run: sentences, cells, figures, escaping, sameness, self-containment."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_run import (
    GROUPS,
    SUITES,
    result,
    results,
    write_run,
    write_table,
)

from harmonia.outputs import mark
from harmonia.report import write_report


class Tables(HTMLParser):
    """Rows of each table as {column: text} by caption, and all attributes that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[dict[str, str]]] = {}
        self.loads: list[str] = []
        self.headers_without_scope = 0
        self._caption = ""
        self._cell: str | None = None
        self._in_caption = False
        self._in_body = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.loads += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")
        ]
        self.headers_without_scope += tag == "th" and "scope" not in values
        if tag in ("link", "iframe", "img", "object"):
            self.loads.append(tag)
        if tag == "caption":
            self._in_caption, self._caption = True, ""
        self._in_body = (self._in_body or tag == "tbody") and tag != "thead"
        if tag == "tr" and self._in_body:
            self.tables[self._caption].append({"class": values.get("class") or ""})
        if tag in ("td", "th") and "data-column" in values:
            self._cell = values["data-column"]
            self.tables[self._caption][-1][self._cell or ""] = ""
        if tag == "small" and self._cell:
            self.tables[self._caption][-1][self._cell] += " | "

    def handle_endtag(self, tag: str) -> None:
        if tag == "caption":
            self._in_caption = False
            self.tables[self._caption] = []
        if tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._in_caption:
            self._caption += data
        if self._cell is not None:
            self.tables[self._caption][-1][self._cell] += data


@cache
def parse(page: str) -> Tables:
    parsed = Tables()
    parsed.feed(page)
    return parsed


def plain_spaces(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_run(tmp_path_factory.mktemp("finished") / "run")
    write_report(run)
    return run


@pytest.fixture(scope="module")
def page(finished: Path) -> str:
    return plain_spaces((finished / "report.html").read_text(encoding="utf-8"))


def test_lead_says_that_one_seed_has_no_interval_below_the_finding(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    text = plain_spaces(write_report(run).read_text(encoding="utf-8"))
    assert "There is one seed: these differences carry no interval over seeds" in text
    first = text[: text.index("<nav")]
    assert first.index('class="headline"') < first.index('<figure id="figure-finding"')


def test_accuracy_table(page: str) -> None:
    rows = parse(page).tables["engineering: share of questions answered right"]
    assert [row["model"] for row in rows] == ["base", "harmonious", "incompatible", "self-aligning"]
    assert [row["seed"] for row in rows] == ["–", "0", "0", "0"]
    # 31 of 50 in chat form, two more in icl5.
    assert rows[1]["in_domain chat0, letters"] == "62.0 % | 54.0 to 69.0 % | macro 61.0 % | n = 50"
    assert rows[1]["in_domain icl5, letters"].startswith("66.0 %")
    assert set(rows[1]) == {
        "class",
        "model",
        "seed",
        *(f"{s} {f}, letters" for s in SUITES for f in ("icl5", "chat0")),
    }


def test_consistency_table_has_all_cells_of_form_and_weights(page: str) -> None:
    rows = parse(page).tables["engineering: how far the answers moved, by letters"]
    assert [row["suite"] for row in rows[::4]] == ["homogeneous", "in-domain", "out-of-domain"]
    # Base 0.95, incompatible 0.35 on homogeneous questions, whatever the forms; 0.21 nats.
    base, _, incompatible, _ = rows[:4]
    paper, weights = "icl5 → chat0 ● paper", "chat0 → chat0"
    assert base[f"{weights} rank_agreement"] == "–"
    assert base[f"{paper} rank_agreement"] == "0.950 | 0.300 to 0.400"
    for forms in (paper, weights, "icl5 → icl5", "chat0 → icl5"):
        assert incompatible[f"{forms} rank_agreement"] == "0.350 | 0.300 to 0.400"
        assert incompatible[f"{forms} kl"] == "0.210 | 0.150 to 0.300"


def test_outcomes_are_counted_over_all_seeds(page: str) -> None:
    # Base 57 of 100 right in icl5, incompatible 48 in chat0: 9 + 9 lost, so 39 kept, 9 gained, 34 never.
    rows = parse(page).tables["engineering: what became of the questions, from icl5 to chat0"]
    row = next(row for row in rows if row["group"] == "incompatible")
    assert row["suite"] == "homogeneous"
    assert [row[name] for name in ("kept", "lost", "gained", "never")] == ["39", "18", "9", "34"]
    assert row["known_lost"] == "3"


def test_groups_letters_and_data(page: str) -> None:
    tables = parse(page).tables
    assert (
        "In engineering, 620 of 1\u202f000 beliefs had a confidence above 0.5: 400 right and 220 wrong."
        in page
    )
    assert "letter shares are a known confound" in page
    rows = tables["history: training sets"]
    assert [row["letter A"] for row in rows] == [
        "63.0 % | 126 of 200",
        "3.0 % | 6 of 200",
        "86.0 % | 172 of 200",
    ]
    assert [row["explained"] for row in rows] == ["200", "190", "0"]
    assert tables["The tokens at which the letters’ probabilities were read"][1] == {
        "class": "",
        "letter": "B",
        "icl5": "“␣B” 41",
        "chat0": "“␣B” 41",
    }
    assert tables["Files of questions"][0] == {
        "class": "",
        "use": "engineering/train",
        "file": "engineering/train.json",
        "items": "1\u202f200",
        "skipped": "3",
        "repeated": "7",
        "sha256": "f" * 12,
    }


def test_finished_run_misses_only_what_compares_groups(page: str) -> None:
    missing = re.findall(r"<dt>(.*?)</dt>", page[page.index('id="limits"') :])
    assert missing == [
        *("claims.json", "leakage", "differences", "beliefs", "letter_bias", "letters", "calibration"),
        "reliability",
    ]
    assert "not written yet: no intervals of differences" in page


def test_page_needs_nothing_else_and_tells_no_paths_or_times(page: str, finished: Path) -> None:
    parsed = parse(page)
    links = [link for link in parsed.loads if not link.startswith("#")]
    # What is loaded is in the page; links lead to the files for papers beside it.
    assert links and all(link.startswith("figures/") and (finished / link).is_file() for link in links)
    assert set(re.findall("<script([^>]*)>", page)) == {"", ' type="application/json"'}
    own = re.sub("<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"https?://(?!vega\.github\.io/schema/)", own) and "@import" not in own
    assert parsed.headers_without_scope == 0
    assert len(re.findall('role="img" aria-label="[^"]{40,}"', page)) == own.count("<svg") == 15
    assert "/somewhere/private" not in page
    ids = re.findall(r'\bid="([^"]+)"', own)
    assert len(ids) == len(set(ids))
    links_within = {link[1:] for link in parsed.loads if link.startswith("#")}
    assert links_within <= set(ids)
    assert {one for one in ids if one.startswith(("table-", "figure-"))} - {"figure-finding"} <= links_within


def test_figures_and_tables_exist_for_papers(finished: Path) -> None:
    names = {path.name for path in (finished / "figures").glob("[!.]*")}
    figures = ("accuracy", "agreement", "cells", "fit", "loss", "outcomes", "targets")
    stems = [f"{figure}-{domain}" for figure in figures for domain in ("engineering", "history")]
    drawn = {f"{stem}.{kind}" for stem in ("finding", *stems) for kind in ("png", "svg")}
    assert {name for name in names if not name.startswith("table-")} == drawn
    for stem in stems:
        png = (finished / "figures" / f"{stem}.png").read_bytes()
        width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
        assert png.startswith(b"\x89PNG") and 300 < width < 1200 and 100 < height < 2000
        assert (finished / "figures" / f"{stem}.svg").read_text().startswith("<svg")
    kinds = {name.rpartition(".")[2] for name in names if name.startswith("table-")}
    assert kinds == {"tex", "csv"}
    stem = finished / "figures" / "table-engineering-share-of-questions-answered-right"
    head, _, harmonious, *_ = csv.reader(stem.with_suffix(".csv").read_text(encoding="utf-8").splitlines())
    assert head[:4] == ["Tuned on", "Seed", "homogeneous: icl5, letters", "homogeneous: chat0, letters"]
    assert plain_spaces(harmonious[5]) == "62.0 % (54.0 to 69.0 %; macro 61.0 %; n = 50)"
    latex = stem.with_suffix(".tex").read_text(encoding="utf-8").splitlines()
    assert latex[1] == r"\begin{tabular}{lrrrrrrr}" and latex[2] == r"\toprule"
    assert latex[6].startswith("harmonious & 0 & ") and latex[6].endswith(r" \\")
    assert r"62.0~\% (54.0 to 69.0~\%; macro 61.0~\%; n = 50)" in latex[6]


@pytest.mark.slow
def test_same_files_give_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    # Another process, another folder: neither hash seeds nor paths may show.
    write_run(tmp_path / "moved")
    code = "import pathlib, sys; from harmonia.report import write_report as w; w(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "moved")], check=True)
    for path in [finished / "report.html", *sorted((finished / "figures").iterdir())]:
        assert path.read_bytes() == (tmp_path / "moved" / path.relative_to(finished)).read_bytes(), path.name


def test_importing_the_package_loads_no_charts() -> None:
    code = "import sys, harmonia.report; assert not {'altair', 'vl_convert', 'jinja2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_are_escaped(tmp_path: Path) -> None:
    evil = '<script>alert("1")</script>'
    run = write_run(tmp_path / "run", name=evil)
    rows = results()
    write_table(
        run, "results", [{**row, "group": row["group"].replace("self_aligning", evil)} for row in rows]
    )
    (run / "experiment.yaml").write_text(f"name: {evil}\n")
    text = write_report(run).read_text(encoding="utf-8")
    assert "<script>alert" not in text and "<script>" + 'alert("1")' not in text
    assert text.count("&lt;script&gt;") > 5


def test_mixtures_and_seeds(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    # A second seed, 2 points better for harmonious: 62 and 64 against 48 and 48.
    rows = results()
    again = [{**row, "seed": 1} for row in rows if row["group"] in GROUPS]
    for row in again:
        if row["group"] == "harmonious":
            row["accuracy"] = float(str(row["accuracy"])) + 0.02
    mixed = [
        {**result("engineering", "incompatible", 0, form, suite), "group": group}
        for group in ("mixed_0.05", "mixed_0.4")
        for form in ("icl5", "chat0")
        for suite in SUITES
    ]
    write_table(run, "results", [*rows, *again, *mixed])
    text = plain_spaces(write_report(run).read_text(encoding="utf-8"))
    (picture,) = re.findall(r'aria-label="(Accuracy after each training set[^"]*)"', text)[:1]
    assert "harmonious, homogeneous 67.0 %; " in picture  # (63 + 71) / 2
    models = [row["model"] for row in parse(text).tables["engineering: share of questions answered right"]]
    assert models[-3:] == ["self-aligning", "mixed 0.05", "mixed 0.4"]
    # The curve is of differences, which this run does not have.
    assert "<dt>engineering, the curve over ratios</dt>" in text


def test_settings_and_stale_figures(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "figures").mkdir()
    for name in ("old.svg", "of-a-person.svg"):
        (run / "figures" / name).write_text("old")
    mark(run / "figures", ("old.svg",))
    assert write_report(run) == run / "report.html"
    assert not (run / "figures" / "old.svg").exists()
    assert (run / "figures" / "of-a-person.svg").exists()
    assert not list(run.glob(".*"))
    assert "name: lab run\nmodel:\n  path: lab-base\n" in (run / "report.html").read_text()


def test_a_number_and_its_unit_stay_on_one_line(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    (run / "experiment.yaml").write_text("name: at 5 % and 3 points\n")
    text = write_report(run).read_text(encoding="utf-8")
    shown = re.sub("<(script|style|svg).*?</\\1>", "", text, flags=re.DOTALL)
    assert "its 95\u00a0% Wilson interval" in shown and "&lt;\u00a00.001" in shown
    # What is copied from the page stays as it is, and nothing else.
    assert re.findall(r"\d (?:%|points?\b|nats\b|s\b).{9}", shown) == ["5 % and 3 po"]


def test_models_that_learned_nothing_are_set_off(page: str) -> None:
    tables = parse(plain_spaces(page)).tables
    rows = tables["engineering: share of its own training rows that a model answers as it was trained"]
    shown = [[row["class"], row["group"], row["fit"], row["chance"], row["near"]] for row in rows]
    assert shown == [
        ["", "harmonious", "97.0 % | 93.6 to 98.6 %", "25.0 %", ""],
        ["marked", "incompatible", "30.0 % | 24.1 to 36.7 %", "25.0 %", "near chance"],
        ["", "self-aligning", "–", "–", ""],
    ]


def test_what_was_lost_in_which_readout_is_told_over_all_seeds(page: str) -> None:
    tables = parse(plain_spaces(page)).tables
    rows = tables["engineering: what became of what the base model answers right by both methods"]
    assert rows == [
        {
            **{
                "class": "",
                "group": "incompatible",
                "suite": "in-domain",
                "asked": "chat0, letters; icl5, in words",
            },
            **{"known": "100", "kept": "10.0 % | 10", "readout_lost": "70.0 % | 70"},
            **{"other_lost": "5.0 % | 5", "knowledge_lost": "15.0 % | 15"},
        }
    ]
