"""The cards say the same words on the screen and on the page."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

from report_run import write_run

from harmonia.analysis import ClaimsDocument
from harmonia.cli import claims, progress
from harmonia.parsing import read_object, validated
from harmonia.report import write_report


def test_the_screen_says_what_the_page_says(tmp_path: Path, monkeypatch) -> None:
    run = write_run(tmp_path / "run", compared=True)
    document = validated(ClaimsDocument, read_object(run / "claims.json", what="claims"), file=None)
    screen = progress.Screen(width=300, file=io.StringIO())
    monkeypatch.setattr(progress, "out", screen)
    monkeypatch.setattr(claims, "console", screen)
    claims.print_claims(document)
    shown = " ".join(screen.file.getvalue().split())
    page = write_report(run).read_text(encoding="utf-8")
    articles = re.findall(r'<article id="C.*?</article>', page, re.DOTALL)
    said = html.unescape(re.sub(r"<[^>]*>", "\n", "".join(articles))).replace(". The paper:", ".\nThe paper:")
    lines = {" ".join(line.split()) for line in said.split("\n")} - {""}
    assert {"200 questions, 2 seeds and 2 units", "−0.62 to −0.18", "because nobody asked <them>"} <= lines
    assert (
        "Models tuned on incompatible rows: Did they lose knowledge? No. Did they stop reading out what they "
        "know? Yes. Did they fail to learn their rows? It cannot be told." in lines
    )
    # Under a number the screen has its interval alone; rows are not counted, files not linked.
    below = {"200 questions, 2 seeds and 2 units", "200 questions, 57 clusters, 2 seeds and 2 units"}
    below |= {"supported", "beside the claim", "1 row", "For papers:", "LaTeX", "CSV"}
    below |= {line for line in lines if line.startswith("inconclusive: 321 questions would decide it")}
    missing = [line for line in lines - below if line not in shown]
    assert not missing
