"""What harmonia does on a GPU: the answers of a CPU, how fast, and where the time goes.

    python scripts/gpu_check.py                         LLaMA-2-7B's shape, random weights; about 5 minutes
    python scripts/gpu_check.py --only rates answers    some parts of it
    python scripts/gpu_check.py --device cpu --random tiny.json --questions 8 --rows 4 --step-rows 4

Prints one JSON, and writes it after every part. A part that fails, or for which no time is left,
says so there, and the others run. Training LLaMA-2-7B's shape needs a GPU of 140 GB.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from gpu_equality import WAYS, answers, apart, asks, tuning, writing

from harmonia.bench import BenchSettings
from harmonia.bench.limit import flops_per_token, products
from harmonia.bench.scoring import encode, measure_scoring
from harmonia.bench.subject import Subject, load_subject
from harmonia.bench.training import Trainers, measure_training, training_rows
from harmonia.bench.turns import in_turn, timed
from harmonia.files import write_json
from harmonia.models import LocalModel
from harmonia.pipeline.machine import machine, versions
from harmonia.prompts import Request, parse_form

KINDS = {
    "attention": r"fmha|flash|attention|sdpa",
    "matrix products": r"gemm|nvjet|cublas|xmma|cutlass|aten::(mm|addmm|bmm|linear)$",
    "logits and loss": r"softmax|logprob|logsumexp|cross_entropy|nll|exp_kernel",
    "optimizer": r"adam|multi_tensor|foreach|lpnorm",
    "copies": r"memcpy|memset|copy|catarray|aten::cat",
}
"""What a kernel does, by its name; the first that fits."""


class Check:
    """What is checked, with what the parts share.

    Args:
        args: The command line's.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.device: str = args.device
        self._subject: Subject | None = None

    @property
    def subject(self) -> Subject:
        """The model whose speed is measured, built the first time."""
        if self._subject is None:
            named = {
                name: getattr(self.args, name) for name in ("model", "items", "shots", "general", "random")
            }
            settings = BenchSettings(**named, device=self.device, questions=self.args.questions)
            self._subject = load_subject(settings, count=max(self.args.questions, self.args.step_rows))
        return self._subject


def rates(check: Check) -> dict[str, Any]:
    """The two rates of the machine: a large matrix product in bf16, a large copy."""
    size = 8192 if check.device != "cpu" else 512
    one, other = (torch.randn(size, size, device=check.device, dtype=torch.bfloat16) for _ in range(2))
    block = torch.empty(2**31 if check.device != "cpu" else 2**24, dtype=torch.uint8, device=check.device)
    goal = torch.empty_like(block)

    def each(work: Callable[[], object]) -> float:
        timed(work)
        return timed(lambda: [work() for _ in range(20)]) / 20

    return {
        "bf16 matrix product, TFLOP/s": 2e-12 * size**3 / each(lambda: one @ other),
        "copy, GB/s read and written": 2e-9 * block.numel() / each(lambda: goal.copy_(block)),
    }


def probing(check: Check) -> dict[str, Any]:
    """The benchmark's three ways of asking, and where the time of the letter probe goes."""
    subject = check.subject
    items = subject.items[: check.args.questions]
    asked = encode(subject.loaded, items, subject.shots, subject.prompt("letter"), parse_form("icl5"))
    asks(subject.loaded, asked[:1])
    # A benchmark asks the same again and again; a user asks once.
    found: dict[str, Any] = {
        "asked for the first time, ms a question": 1e3
        * timed(lambda: asks(subject.loaded, asked))
        / len(asked)
    }
    for method, form in WAYS:
        row = measure_scoring(
            f"{method} {form}",
            subject,
            items,
            subject.prompt(method),
            parse_form(form),
            baseline_questions=8,
            repeats=check.args.repeats,
        ).row()
        row["questions a second"] = 1e3 / row["ours"]
        found[f"{method} {form}"] = row
    found["profile, letter icl5"] = profiled(lambda: asks(subject.loaded, asked))
    if torch.cuda.is_available():
        found["short of memory, letter icl5"] = short_of_memory(subject.loaded, asked)
    return found


def short_of_memory(loaded: LocalModel, asked: Sequence[Request]) -> dict[str, Any]:
    """Answers where the memory does not hold a pass: smaller ones, and the same answers."""
    reference = asks(loaded, asked)
    torch.cuda.empty_cache()
    room = torch.cuda.memory_allocated() + 2**30
    torch.cuda.set_per_process_memory_fraction(room / torch.cuda.get_device_properties(0).total_memory)
    try:
        found = apart(asks(loaded, asked), reference)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return {
        "room above the model, MB": 1024,
        "out of memory, times": torch.cuda.memory_stats()["num_ooms"],
        **found,
    }


def steps(check: Check) -> dict[str, Any]:
    """The benchmark's training step, one as large as the paper's, and where its time goes."""
    subject, size = check.subject, check.args.step_rows
    loaded = subject.loaded
    rows = training_rows(subject, size)
    tokens = sum(len(row.input_ids) for row in rows)
    # Embeddings are looked up; the head is in no limit.
    rate = flops_per_token(loaded.model) / in_turn({"": products(loaded, 16384)}, 3)[0][""]
    found: dict[str, Any] = {"model's matrix products, TFLOP/s": 1e-12 * rate}
    flops = 3 * flops_per_token(loaded.model) * tokens
    with tempfile.TemporaryDirectory() as folder:
        make = Trainers(subject, folder)
        loaded.model.to("cpu")
        make.ours(rows[:2])()
        step = make.ours(rows)
        first, seconds = timed(step), timed(step)
        found[f"a step of {size} rows"] = {
            "first one, s": first,
            "s": seconds,
            "rows a second": size / seconds,
            "tokens": tokens,
            "tokens a second": tokens / seconds,
            "TFLOP/s, recomputation not counted": 1e-12 * flops / seconds,
            "share of the model's matrix rate": flops / seconds / rate,
        }
        del step
        found["profile, 32 rows"] = profiled(make.ours(rows[:32]))
        loaded.model.to(loaded.device)
    row = measure_training(subject, rows=check.args.rows, repeats=check.args.repeats).row()
    return found | {"benchmark": row}


def profiled(work: Callable[[], object]) -> dict[str, Any]:
    """Shares of a work's wall-clock time by what the device does, and its longest kernels."""
    from torch.profiler import ProfilerActivity, profile

    cuda = torch.cuda.is_available()
    timed(work)
    wall = timed(work)
    activities = [ProfilerActivity.CUDA] if cuda else [ProfilerActivity.CPU]
    with profile(activities=activities) as profiler:
        timed(work)
    events = [
        (one.key, (one.self_device_time_total if cuda else one.self_cpu_time_total) / 1e6)
        for one in profiler.key_averages()
        if not one.is_user_annotation and (one.device_type.name == "CUDA") == cuda
    ]
    kinds: Counter[str] = Counter()
    for name, seconds in events:
        kinds[kind_of(name)] += seconds
    busy = sum(kinds.values())
    longest = sorted(events, key=lambda one: -one[1])[:25]
    return {
        "wall, s": wall,
        "busy, s": busy,
        "shares of wall": {
            **{name: value / wall for name, value in kinds.most_common()},
            "idle": 1 - busy / wall,
        },
        "longest kernels": {name[:160]: seconds / wall for name, seconds in longest},
    }


def kind_of(kernel: str) -> str:
    """What a kernel does, by its name."""
    return next(
        (kind for kind, names in KINDS.items() if re.search(names, kernel, re.I)), "element-wise and other"
    )


def on_small_models(part: Callable[[str, Path], dict[str, Any]]) -> Callable[[Check], dict[str, Any]]:
    """A part of gpu_equality.py, with a folder for what it writes."""

    def run(check: Check) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="gpu_check") as folder:
            return part(check.device, Path(folder))

    return run


PARTS: dict[str, Callable[[Check], dict[str, Any]]] = {
    "rates": rates,
    "answers": on_small_models(answers),
    "writing": on_small_models(writing),
    "tuning": on_small_models(tuning),
    "probing": probing,
    "steps": steps,
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--random", default="llama-2-7b", help="a shape, or a config.json")
    parser.add_argument("--model", help="where the tokenizer comes from; default a lab base, with its data")
    parser.add_argument("--items", help="exam questions")
    parser.add_argument("--shots", help="demonstrations")
    parser.add_argument("--general", help="general instructions")
    parser.add_argument("--questions", type=int, default=1024)
    parser.add_argument("--rows", type=int, default=64, help="rows of the benchmark's training step")
    parser.add_argument("--step-rows", type=int, default=256, help="rows of a step as large as the paper's")
    parser.add_argument("--repeats", type=int, default=1, help="turns of each figure of the benchmark")
    parser.add_argument("--minutes", type=float, default=8.0, help="no part begins after so many")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu_check.json"))
    return parser.parse_args()


def main() -> int:
    """Run the parts; 1 if one failed."""
    args = arguments()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    check = Check(args)
    found: dict[str, Any] = {"command": sys.argv, "machine": machine(args.device), "versions": versions()}
    found["failed"], found["seconds"] = {}, {}
    for name in args.only:
        begun = time.monotonic()
        if begun - started > 60 * args.minutes:
            found["failed"][name] = "no time was left"
            continue
        print(name, "...", file=sys.stderr, flush=True)
        try:
            found[name] = PARTS[name](check)
        except Exception as error:
            traceback.print_exc()
            found["failed"][name] = f"{type(error).__name__}: {error}"
        found["seconds"][name] = time.monotonic() - begun
        write_json(args.out, copy.deepcopy(found))
    print(json.dumps(found, indent=1))
    return bool(found["failed"])


if __name__ == "__main__":
    sys.exit(main())
