"""The dose curve from the tables of runs made by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from models import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "scripts"))
from dose_curve import main
from report_run import RIGHT, write_run


def test_the_curve_is_of_what_the_runs_tables_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = []
    for epochs in (8, 1):
        run = write_run(tmp_path / str(epochs))
        (run / "experiment.yaml").write_text(f"training: {{epochs: {epochs}}}\nprompt: {{shots: 5}}\n")
        runs.append(run)
    main(tmp_path / "curve", runs)
    head, _, *lines = capsys.readouterr().out.replace("\u00a0", " ").splitlines()
    assert head == "| tuned on | epochs | fit | accuracy | known | in words |"
    # Two domains and three suites; kept + other lost are 5 of 40 and 10 of 60, kept + readout lost 34 and 46.
    right = [RIGHT[domain, "incompatible"] for domain in ("engineering", "history")]
    accuracy = sum(a / 100 + b / 50 + c / 200 for a, b, c in right) / 6
    known, words = (5 / 40 + 10 / 60) / 2, (34 / 40 + 46 / 60) / 2
    shares = " | ".join(f"{100 * share:.1f} %" for share in (0.3, accuracy, known, words))
    assert lines == [f"| incompatible | {epochs} | {shares} |" for epochs in (1, 8)]
    assert (tmp_path / "curve/dose.svg").read_text().startswith("<svg")
