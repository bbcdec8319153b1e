"""Measure the table of every question in a real Chromium, for 15,000 questions x 12 models.

Prints size, seconds to make it, to open it, to filter, to search, to change the model, and the page's memory.

python scripts/measure_explorer.py [QUESTIONS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

sys.path += [str(Path(__file__).resolve().parents[1] / "tests" / part) for part in ("", "report")]

from answered_run import Size, write_answered_run
from browser import chromium, opened

from harmonia.report.explorer import explorer
from harmonia.report.load import load_run

_AGAIN = 5
_WAIT = """async ([name, value]) => {
  const field = document.querySelector(`#explorer [name=${name}]`);
  const told = document.querySelector("#explorer output");
  const began = performance.now(), before = told.textContent;
  field.value = value;
  field.dispatchEvent(new Event(field.tagName === "INPUT" ? "input" : "change"));
  while (told.textContent === before) await new Promise((done) => requestAnimationFrame(done));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}"""


def main() -> None:
    """Make the run and the page, and measure."""
    questions = int(sys.argv[1]) if sys.argv[1:] else 15_000
    # 12 tuned models beside the base; a question of 60 words and four options.
    size = Size(items=questions, groups=4, seeds=3, domains=("law", "rocks"), words=60)
    with tempfile.TemporaryDirectory() as folder:
        run = write_answered_run(Path(folder) / "run", size)
        files = load_run(run)
        began = time.process_time()
        shown = explorer(files)
        made = time.process_time() - began
        page = Path(folder) / "report.html"
        page.write_text(f'<!doctype html><meta charset="utf-8"><main>{shown}</main>', encoding="utf-8")
        print(f"{questions:,} questions, 12 models: {page.stat().st_size / 1e6:.1f} MB")
        print(f"made in {made:.1f} s of processor time")
        with chromium() as browser:
            print(f"open: {min(_open(browser, page) for _ in range(3)):.2f} s (least of 3)")
            with opened(browser, page) as tab:
                tab.wait_for_selector("#explorer[data-ready]")
                _measure(tab)


def _open(browser: Any, page: Path) -> float:
    """Seconds until the table stands."""
    began = time.perf_counter()
    with opened(browser, page) as tab:
        tab.wait_for_selector("#explorer[data-ready]", timeout=120_000)
        return time.perf_counter() - began


def _spent() -> float:
    """Processor time of the browser's processes so far, in seconds."""
    times = [one.cpu_times() for one in psutil.Process().children(recursive=True)]
    return sum(one.user + one.system for one in times)


def _measure(tab: Any) -> None:
    asked = {
        "filter by suite": [("suite", "homogeneous"), ("suite", "")],
        "filter by outcome": [("outcome", "lost"), ("outcome", "")],
        "search (with 120 ms of waiting for the next key)": [("search", "basalt fjord 77"), ("search", "")],
        "another model": [("group", "2"), ("group", "3")],
    }
    session = tab.context.new_cdp_session(tab)
    for what, changes in asked.items():
        before = _spent()
        took = [tab.evaluate(_WAIT, list(change)) for _ in range(_AGAIN) for change in changes]
        spent = 1000 * (_spent() - before) / len(took)
        typical = statistics.median(took)
        print(f"{what}: {typical:.0f} ms (median of {len(took)}), {spent:.0f} ms of processor time")
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")
    arrays = heap.get("backingStorageSize", 0)
    print(f"memory: {heap['usedSize'] / 1e6:.0f} MB of JavaScript, {arrays / 1e6:.0f} MB of arrays")


if __name__ == "__main__":
    main()
