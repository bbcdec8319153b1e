"""The whole page of the hand-made run: sentences, cells, figures, escaping, sameness, self-containment."""

from __future__ import annotations

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
    differences,
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
        if tag in ("script", "link", "iframe", "img", "object"):
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


def test_lead_says_the_mean_differences_and_that_one_seed_has_no_interval(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    text = plain_spaces(write_report(run).read_text(encoding="utf-8"))
    # Homogeneous: (62 - 48 + 70 - 64) / 2 = 10; in-domain of 50: (62 - 40 + 66 - 66) / 2 = 11;
    # out-of-domain of 200: (55 - 42 + 60 - 45) / 2 = 14; intervals reach from 5 below to 4.5 above.
    assert (
        "On average, accuracy after harmonious minus accuracy after incompatible was +10.0 points "
        "(95 % interval +5.0 to +14.5) on homogeneous questions, +11.0 points (95 % interval +6.0 to +15.5) "
        "on in-domain questions and +14.0 points (95 % interval +9.0 to +18.5) on out-of-domain questions."
    ) in text
    # (52 - 48 + 58 - 64) / 2 = -1; (48 - 40 + 64 - 66) / 2 = 3; (50 - 42 + 48 - 45) / 2 = 5.5.
    assert all(f"{points} points (95 % interval" in text for points in ("−1.0", "+3.0", "+5.5"))
    assert "There is one seed: these differences carry no interval over seeds" in text
    assert (
        "Homogeneous questions (n = 100): harmonious 62.0 %, incompatible 48.0 % and "
        "self-aligning 52.0 % right; "
        "harmonious minus incompatible: +14.0 points (95 % interval +9.0 to +18.5); "
        "self-aligning minus incompatible: +4.0 points (95 % interval −1.0 to +8.5)."
    ) in text


def test_sentences_call_ratio_0_and_1_as_the_run_does(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", compared=True)
    called = {"incompatible": "mixed_0", "self_aligning": "mixed_1"}
    for name, rows, columns in (
        ("results", results(), ("group",)),
        ("differences", differences(), ("left", "right")),
    ):
        for row in rows:
            row.update({column: called.get(str(row[column]), row[column]) for column in columns})
        write_table(run, name, rows)
    text = plain_spaces(write_report(run).read_text(encoding="utf-8"))
    assert "accuracy after harmonious minus accuracy after mixed 0 was +10.0 points" in text
    assert "accuracy after mixed 1 minus accuracy after mixed 0 was −1.0 points" in text
    assert (
        "harmonious 62.0 %, mixed 0 48.0 % and mixed 1 52.0 % right; harmonious minus mixed 0: +14.0" in text
    )


def test_accuracy_table(page: str) -> None:
    rows = parse(page).tables["engineering: share of questions answered right"]
    assert [row["model"] for row in rows] == ["base", "harmonious", "incompatible", "self-aligning"]
    assert [row["seed"] for row in rows] == ["–", "0", "0", "0"]
    # 31 of 50 in chat form, two more in icl5.
    assert rows[1]["in_domain chat0"] == "62.0 % | 54.0 to 69.0 | macro 61.0 % | n = 50"
    assert rows[1]["in_domain icl5"].startswith("66.0 %")
    assert set(rows[1]) == {
        "class",
        "model",
        "seed",
        *(f"{s} {f}" for s in SUITES for f in ("icl5", "chat0")),
    }


def test_consistency_table_has_all_cells_and_marks_the_papers(page: str) -> None:
    rows = parse(page).tables["engineering: how far the answers moved"]
    assert len(rows) == 3 * (3 * 4 + 1)
    marked = [row for row in rows if "marked" in row["class"]]
    assert len(marked) == 9
    assert {row["cell"] for row in marked} == {"icl5 → chat0 ● paper"}
    assert {row["group"] for row in marked} == {"harmonious", "incompatible", "self-aligning"}
    # Base 57 of 100 right in icl5, incompatible 48 in chat0: 9 + 9 lost, so 39 kept, 9 gained, 34 never.
    row = next(row for row in marked if row["group"] == "incompatible")
    assert row | {"class": ""} == {
        "class": "",
        "group": "incompatible",
        "seed": "0",
        "suite": "homogeneous",
        "cell": "icl5 → chat0 ● paper",
        "n": "100",
        "before": "57.0 %",
        "after": "48.0 %",
        "ranks": "0.350 | 0.300 to 0.400",
        "spearman": "0.710",
        "kendall": "0.610",
        "kl": "0.210",
        "kl_reverse": "0.250",
        "js": "0.060",
        "entropy": "−0.150 | −0.200 to −0.100 | 0.900 → 0.750",
    }
    rows = parse(page).tables["engineering: what became of the questions"]
    row = next(row for row in rows if "marked" in row["class"] and row["group"] == "incompatible")
    assert (row["suite"], row["cell"]) == ("homogeneous", "icl5 → chat0 ●")
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
    assert [row["explanations"] for row in rows] == ["200", "190", "0"]
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
    missing = re.findall(r"<dt>(.*?)</dt>", page[page.index('id="missing"') : page.index('id="settings"')])
    assert missing == [
        *("claims.json", "leakage", "differences", "beliefs", "letter_bias", "letters", "calibration"),
        *("reliability", "figure: Reliability of the base model’s beliefs"),
    ]
    assert "not written yet: no intervals of differences" in page


def test_page_needs_nothing_else_and_tells_no_paths_or_times(page: str) -> None:
    parsed = parse(page)
    assert all(value.startswith("#") for value in parsed.loads), parsed.loads
    assert "http://" not in page and "https://" not in page and "@import" not in page
    assert parsed.headers_without_scope == 0
    assert len(re.findall('<svg role="img" aria-label="[^"]{40,}"', page)) == page.count("<svg") == 8
    assert "/somewhere/private" not in page
    assert "seconds" not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_figures_exist_in_both_kinds(finished: Path) -> None:
    names = sorted(path.name for path in (finished / "figures").glob("[!.]*"))
    stems = [
        f"{figure}-{domain}"
        for figure in ("accuracy", "agreement", "loss", "outcomes")
        for domain in ("engineering", "history")
    ]
    assert names == [f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")]
    for stem in stems:
        png = (finished / "figures" / f"{stem}.png").read_bytes()
        width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
        assert png.startswith(b"\x89PNG") and 600 < width < 1200 and 400 < height < 2000
        assert (finished / "figures" / f"{stem}.svg").read_text().startswith('<svg role="img" aria-label="')


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
    assert "<script" not in text
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
    assert "harmonious 63.0 %, incompatible 48.0 %" in text and "means over seeds" in text
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


def test_models_that_learned_nothing_are_set_off(page: str) -> None:
    tables = parse(plain_spaces(page)).tables
    rows = tables["engineering: share of its own training rows that a model answers as it was trained"]
    shown = [[row["class"], row["group"], row["fit"], row["chance"], row["near"]] for row in rows]
    assert shown == [
        ["", "harmonious", "97.0 % | 93.6 to 98.6", "25.0 %", ""],
        ["marked", "incompatible", "30.0 % | 24.1 to 36.7", "25.0 %", "near chance"],
        ["", "self-aligning", "–", "–", ""],
    ]


def test_what_was_lost_in_which_readout_is_told_over_all_seeds(page: str) -> None:
    tables = parse(plain_spaces(page)).tables
    rows = tables["engineering: what became of what the base model answers right by both methods"]
    assert rows == [
        {
            **{"class": "", "group": "incompatible", "suite": "in-domain", "asked": "chat0; icl5, in words"},
            **{"known": "100", "kept": "10.0 % | 10", "readout_lost": "70.0 % | 70"},
            **{"other_lost": "5.0 % | 5", "knowledge_lost": "15.0 % | 15"},
        }
    ]
