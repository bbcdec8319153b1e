"""Hostile data through the whole pipeline: nothing of it runs, lies outside the folder, or is lost unsaid.

Every text of a small experiment of the lab, ids and cluster names among them, holds markup, an escape
sequence, a formula, a path, a template or a tag of YAML. What runs of it leaves the file OWNED, or the
word in the page's title.
"""

from __future__ import annotations

import csv
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from browser import NAMES
from trials import small

OWNED = "OWNED"
_SHELL = f"__import__('os').system('touch {OWNED}')"
TEXTS = (
    f"<script>document.title='{OWNED}'</script>",
    f"</script><svg onload=\"document.title='{OWNED}'\">",
    f"<img src=x onerror=\"document.title='{OWNED}'\">",
    f"[click](javascript:document.title='{OWNED}')",
    "\x1b]0;OWNED\x07\x1b[2J\x1b[31m",
    "\x9b2J\u202e\u2066",
    f'=HYPERLINK("http://{OWNED}.example","x")',
    f"@SUM(1+1)*cmd|' /C touch {OWNED}'!A0",
    f"../../../{OWNED}",
    f"/tmp/{OWNED}",
    f"{{{{ cycler.__init__.__globals__.os.system('touch {OWNED}') }}}}",
    "{% for a in range(10**9) %}{% for b in range(10**9) %}x{% endfor %}{% endfor %}",
    f"!!python/object/apply:os.system ['touch {OWNED}']",
    "&a [*a,*a,*a]",
    f"'; DROP TABLE items; COPY items TO '{OWNED}'; --",
    f"$(touch {OWNED}) `touch {OWNED}` %(asctime)s {{0.__class__}} {_SHELL}",
    "[/bold] [link=http://x]x[/link] [red]",
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_FORMULA = re.compile(r"[=+@\-\t\r]")
_NUMBER = re.compile(r"[+-]?[\d.e+-]+( \([\d.+−]+ to [\d.+−]+\))?")


class _Pickled:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {OWNED}",)


def prepare(folder: Path) -> None:
    """Write the data and the settings; each text stands in the questions, options, explanations and ids."""
    settings = small(folder / "lab", folder / "run")
    place = folder / "lab" / "person"
    for name in ("train", "dev", "homogeneous"):
        path = place / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(_hostile(row, k)) + "\n" for k, row in enumerate(rows)))
    general = folder / "lab" / "general.jsonl"
    rows = [json.loads(line) for line in general.read_text().splitlines()]
    for k, row in enumerate(rows):
        for turn in row["messages"]:
            turn["content"] += f" {TEXTS[k % len(TEXTS)]}"
    general.write_text("".join(json.dumps(row) + "\n" for row in rows))
    # The same data for `audit`, as conversations.
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:40]))
    (folder / "x.yaml").write_text(yaml.safe_dump(settings))
    pickled = pickle.dumps(_Pickled())
    for name in ("items.jsonl", "items.parquet", "items.csv", "beliefs.parquet", "settings.yaml"):
        (folder / name).write_bytes(pickled)
    paths = {"name": {"name": f"../../{OWNED}"}, "domain": {"domains": {f"../{OWNED}": {}}}}
    for name, change in paths.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({**settings, **change}))


def _hostile(row: dict[str, Any], k: int) -> dict[str, Any]:
    text, other = TEXTS[k % len(TEXTS)], TEXTS[(k * 7 + 3) % len(TEXTS)]
    return {
        **row,
        "id": f"{text} {row['id']}",
        "question": f"{text} {row['question']} {text}",
        "choices": [f"{other} {choice}" for choice in row["choices"]],
        "explanation": f"{other} {row['explanation']}",
        "cluster": f"{text} {row.get('cluster')}",
    }


TAKEN: dict[str, tuple[str, ...]] = {
    "run": ("run", "x.yaml"),
    "run again": ("run", "x.yaml"),
    "report": ("report", "run"),
    "query": ("query", "run", "SELECT * FROM items LIMIT 40"),
    "claims": ("claims", "run"),
    "groups": ("groups", "--beliefs", "run/beliefs/person.parquet", "--out", "groups"),
    "triage": ("triage", "--beliefs", "run/beliefs/person.parquet", "--out", "review.csv", "gold_below=1"),
    "leakage": ("leakage", "--train", "lab/person/train.jsonl", "--suite", "lab/person/train.jsonl"),
    "export": ("export-task", "--items", "lab/person/train.jsonl", "--shots", "0", "--out", "task"),
    "audit": ("audit", "--model", "MODEL", "own.jsonl", "--out", "audit", "model.device=cpu"),
}
REFUSED: dict[str, tuple[str, ...]] = {
    "pickle as JSON Lines": ("export-task", "--items", "items.jsonl", "--shots", "0", "--out", "no"),
    "pickle as Parquet": ("export-task", "--items", "items.parquet", "--shots", "0", "--out", "no"),
    "pickle as CSV": ("export-task", "--items", "items.csv", "--shots", "0", "--out", "no"),
    "pickle as beliefs": ("groups", "--beliefs", "beliefs.parquet", "--out", "no"),
    "pickle as settings": ("run", "settings.yaml"),
    "path as name": ("plan", "name.yaml"),
    "path as domain": ("plan", "domain.yaml"),
}


def hostile(folder: Path) -> tuple[int, list[str]]:
    """Take the data through everything; how much was tried, and what is wrong with the answers."""
    here = folder / "above" / "here"
    here.mkdir(parents=True)
    prepare(here)
    model = yaml.safe_load((here / "x.yaml").read_text())["model"]["path"]
    outside, lost = _listed(folder, here), []
    for name, words in {**TAKEN, **REFUSED}.items():
        done = _harmonia([model if word == "MODEL" else word for word in words], here)
        said = done.stdout + done.stderr
        due = 2 if name in REFUSED else 0
        if done.returncode != due or "Traceback" in said:
            lost.append(f"{name}: exit {done.returncode}: {said.strip()[-300:]}")
        if found := _CONTROL.search(said):
            lost.append(f"{name}: {found[0]!r} reaches the terminal")
        if name in REFUSED and len(done.stderr.strip().splitlines()) != 1:
            lost.append(f"{name}: not one line: {done.stderr[-300:]}")
    lost += [f"something ran or wrote outside: {name}" for name in _listed(folder, here) ^ outside]
    lost += [f"left by what ran: {path}" for path in here.rglob("*") if path.name.startswith(OWNED)]
    lost += [*_cells(here), *_pages(here), *_texts_gone(here)]
    return len(TAKEN) + len(REFUSED) + len(TEXTS), lost


def _harmonia(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    typed = [sys.executable, "-m", "harmonia.cli.main", *words]
    return subprocess.run(
        typed, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )


def _listed(folder: Path, here: Path) -> set[str]:
    places = [folder, folder / "above", *(Path("/tmp") / OWNED,), Path.cwd() / OWNED]
    inside = {str(one) for place in places[:2] for one in place.iterdir()} - {str(here)}
    return inside | {str(place) for place in places[2:] if place.exists()}


def _cells(here: Path) -> Iterator[str]:
    """Cells of tables for people that a spreadsheet takes for a formula."""
    for path in here.rglob("*.csv"):
        if path.name == "items.csv":
            continue
        with path.open(newline="") as handle:
            for row in csv.reader(handle):
                for cell in row:
                    if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
                        yield f"{path.name}: a formula: {cell[:60]}"


class _Page(HTMLParser):
    """Whether a page holds a text of the data as markup."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kind = dict(attrs).get("type") or ""
        self._code = tag == "script" and "json" not in kind
        for name, value in attrs:
            if name.startswith("on") or (name in ("href", "src") and str(value).startswith("javascript:")):
                self.found.append(f"<{tag} {name}>")

    def handle_data(self, data: str) -> None:
        if self._code and OWNED in data:
            self.found.append(f"a script with {data[:60]!r}")

    def handle_endtag(self, tag: str) -> None:
        self._code = self._code and tag != "script"


def _pages(here: Path) -> Iterator[str]:
    pages = list(here.rglob("*.html"))
    if not pages:
        yield "no page was written"
    for path in pages:
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        yield from (f"{path.name}: {found}" for found in page.found)
        if (title := _title(path)) is not None and OWNED in title:
            yield f"{path.name}: a script of the data ran"


def _title(path: Path) -> str | None:
    """The title of a page opened in Chromium; None without one."""
    found = next((one for one in NAMES if shutil.which(one)), None)
    if found is None:
        return None
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
    typed = [found, *flags, "--virtual-time-budget=3000", "--dump-dom", path.as_uri()]
    shown = subprocess.run(typed, capture_output=True, text=True, check=False, timeout=120).stdout
    title = re.search(r"<title>(.*?)</title>", shown, re.DOTALL)
    return title[1] if title else None


def _texts_gone(here: Path) -> Iterator[str]:
    """Texts that are not in the run's items as they were."""
    items = pq.read_table(here / "run" / "items" / "person.parquet")
    held = "\n".join(items["question"].to_pylist())
    yield from (f"not in the run as it was: {text!r}" for text in TEXTS if text not in held)
