"""Speed against named baselines, ours and theirs in turn in one run; medians, ratios, JSON.

    python scripts/bench.py [--model FOLDER --gguf-file FILE] [--items FILE --shots FILE] [--questions N]

Without arguments it takes the lab model and its questions. Baselines: (a) one question per
forward pass, logits of every position; (b) the same, logits of the last position; for
cloze, one full pass per option; for the metrics, scipy row by row.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import entropy, pearsonr, rankdata

from harmonia.analysis import kl_divergence, rank_agreement
from harmonia.data import ItemSource, read_items
from harmonia.pipeline.machine import machine, versions
from harmonia.prompts import PromptSettings, ShotPool, build_template, parse_form
from harmonia.scoring import (
    Encoder,
    LoadedModel,
    ModelSettings,
    Request,
    fit_prompt,
    load_model,
    loglikelihoods,
)
from harmonia.world import base_folder, write_lab_data

REPEATS = 3


def timed(work: Callable[[], Any]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(works: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of each, run in turn so that a busy machine is busy for all."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(REPEATS):
        for name, work in works.items():
            seconds[name].append(timed(work))
    return {name: statistics.median(values) for name, values in seconds.items()}


def one_by_one(loaded: LoadedModel, requests: Sequence[Request], *, last_only: bool) -> None:
    """Baselines (a) and (b): each option's row by itself; letters share one row."""
    with torch.inference_mode():
        for request in requests:
            letters = all(len(ids) == 1 for ids in request.continuations)
            rows = (
                [request.context]
                if letters
                else [request.context + ids[:-1] for ids in request.continuations]
            )
            for row in rows:
                keep = {"logits_to_keep": 1 if letters else 16} if last_only else {}
                logits = loaded.model(input_ids=torch.tensor([row]), use_cache=False, **keep).logits
                torch.log_softmax(logits[0, -1].float(), dim=-1)


def scipy_rows(p: np.ndarray, q: np.ndarray) -> None:
    """Baseline of the metrics: rank agreement and KL, a row at a time."""
    for one, two in zip(p, q, strict=True):
        pearsonr(rankdata(-one, method="dense"), rankdata(-two, method="dense"))
        entropy(one, two)


def scoring(args: argparse.Namespace, method: str) -> dict[str, float]:
    """Seconds per question of ours and of the baselines."""
    settings = PromptSettings.model_validate({"method": method, "options_first": args.model is None})
    with tempfile.TemporaryDirectory() as folder:
        items, shots, model = args.items, args.shots, ModelSettings(path=args.model or str(base_folder(0)))
        if args.model is None:
            write_lab_data(Path(folder) / "data", 0)
            items, shots = (f"{folder}/data/person/{name}.jsonl" for name in ("train", "dev"))
        else:
            model = model.model_copy(update={"gguf_file": args.gguf_file})
        read = read_items(ItemSource(path=items, limit=args.questions, on_bad_row="skip")).items
        pool = ShotPool.of(read_items(ItemSource(path=shots)).items, settings)
    loaded = load_model(model.model_copy(update={"device": "cpu"}))
    template, encoder = build_template(settings, loaded.tokenizer), Encoder(loaded.tokenizer)
    form = parse_form("icl5")
    requests = [
        fit_prompt(item, form, pool.choose(item, 5), template, encoder, loaded.max_tokens).request
        for item in read
    ]
    seconds = in_turn(
        {
            "(a) one row a pass, all logits": lambda: one_by_one(loaded, requests, last_only=False),
            "(b) one row a pass, last logits": lambda: one_by_one(loaded, requests, last_only=True),
            "harmonia": lambda: loglikelihoods(loaded, requests, batch_size=args.batch_size),
        }
    )
    return {name: value / len(requests) for name, value in seconds.items()}


def metrics() -> dict[str, float]:
    """Seconds for rank agreement and KL of one model's 14,042 answers."""
    rng = np.random.default_rng(0)
    p, q = (rng.dirichlet(np.ones(4), size=14_042) for _ in range(2))
    return in_turn(
        {
            "(f) scipy row by row": lambda: scipy_rows(p, q),
            "harmonia": lambda: (rank_agreement(p, q), kl_divergence(p, q)),
        }
    )


def main() -> None:
    """Measure, print a table, write runs/bench/bench.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("--model", "--gguf-file", "--items", "--shots"):
        parser.add_argument(name)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=8)
    args = parser.parse_args()
    if args.model and not (args.items and args.shots):
        parser.error("--model needs --items and --shots")
    found = {f"5-shot {method}, s per question": scoring(args, method) for method in ("letter", "cloze")}
    found["rank agreement and KL, 14,042 items, s"] = metrics()
    asked = [sys.executable, "-m", "harmonia.cli.main", "--help"]
    found["harmonia --help, s"] = {
        "harmonia": statistics.median(
            timed(lambda: subprocess.run(asked, capture_output=True)) for _ in range(5)
        )
    }
    for what, seconds in found.items():
        print(what)
        for name, value in seconds.items():
            print(f"  {name:34s} {value:10.4f}  {value / seconds['harmonia']:8.2f} x ours")
    out = Path("runs/bench/bench.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "versions": versions(),
        "machine": machine("cpu"),
        "model": args.model or "lab base 0",
        "batch": args.batch_size,
    }
    out.write_text(
        json.dumps({**about, "repeats": REPEATS, "median_s": found}, indent=2) + "\n", encoding="utf-8"
    )
    print(out)


if __name__ == "__main__":
    main()
