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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig

from harmonia.bench import BenchSettings
from harmonia.bench.limit import flops_per_token, products
from harmonia.bench.scoring import encode, measure_scoring, one_by_one
from harmonia.bench.subject import Subject, load_subject
from harmonia.bench.training import Trainers, measure_training, training_rows
from harmonia.bench.turns import in_turn, timed
from harmonia.files import write_json
from harmonia.models import (
    Continuation,
    GenerationSettings,
    LocalModel,
    ModelSettings,
    load_model,
    load_tokenizer,
)
from harmonia.models.generate import end_tokens
from harmonia.pipeline.machine import machine, versions
from harmonia.prompts import Encoder, Request, parse_form
from harmonia.training import LoraSettings, TrainingSettings
from harmonia.training.handover import detach
from harmonia.training.sft import LOSSES, RECORD, TrainingJob, fine_tune
from harmonia.world import base_folder, write_lab_data

WAYS = (("letter", "icl5"), ("cloze", "icl5"), ("letter", "chat0"))
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
        self.folder = Path(tempfile.mkdtemp(prefix="gpu_check"))
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


# Equality.


def small_models(check: Check) -> Iterator[tuple[str, str]]:
    """(name, folder): the lab's base, and random ones with grouped heads and with windows."""
    yield "lab base", str(base_folder(0))
    tokenizer = load_tokenizer(ModelSettings(path=str(base_folder(0))))
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 2048,
    }
    configs = {
        "grouped heads": LlamaConfig(**shape),
        "windows": Gemma3TextConfig(
            **shape, sliding_window=64, layer_types=["sliding_attention", "full_attention"] * 2
        ),
    }
    for name, config in configs.items():
        torch.manual_seed(0)
        folder = check.folder / name
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        yield name, str(folder)


def probabilities(found: Sequence[Sequence[float]]) -> torch.Tensor:
    """Probability of each option among its question's, all in a row."""
    return torch.cat([torch.softmax(torch.tensor(one, dtype=torch.float64), dim=0) for one in found])


def apart(found: Sequence[Sequence[float]], reference: Sequence[Sequence[float]]) -> dict[str, float]:
    """Largest differences, and the share of questions whose likeliest option is the same."""
    pairs = list(zip(found, reference, strict=True))
    same = [one.index(max(one)) == other.index(max(other)) for one, other in pairs]
    return {
        "nats": max(abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True)),
        "probability": float((probabilities(found) - probabilities(reference)).abs().max()),
        "same choice": sum(same) / len(same),
    }


def asks(loaded: LocalModel, asked: Sequence[Request]) -> list[tuple[float, ...]]:
    """Log-likelihood of each option of each question."""
    return [tuple(option.sum for option in one) for one in loaded.loglikelihoods(asked)]


def compared(
    loaded: LocalModel, asked: Sequence[Request], reference: list[tuple[float, ...]]
) -> dict[str, Any]:
    """Packed and plain answers of a model on the device against the CPU's, and against each other."""
    packed = asks(loaded, asked)
    plain = one_by_one(loaded, asked, last_only=True)
    return {
        "packed": apart(packed, reference),
        "plain": apart(plain, reference),
        "packed against plain": apart(packed, plain),
        "slower": loaded.slower_scoring,
    }


def answers(check: Check) -> dict[str, Any]:
    """Log-likelihoods on the device, fp32 and bf16, against those of the CPU in fp32."""
    lab = load_subject(BenchSettings(device="cpu"), count=48)
    found: dict[str, Any] = {}
    for name, folder in small_models(check):
        base = load_model(ModelSettings(path=folder, device="cpu"))
        for method, form in WAYS:
            asked = encode(base, lab.items, lab.shots, lab.prompt(method), parse_form(form))
            reference = asks(base, asked)
            for dtype in ("float32", "bfloat16"):
                there = load_model(ModelSettings(path=folder, device=check.device, dtype=dtype))
                found[f"{name}, {method} {form}, {dtype}"] = compared(there, asked, reference)
    return found


def writing(check: Check) -> dict[str, Any]:
    """Greedy texts against transformers' own, row by row; draws in small and in large batches."""
    lab = load_subject(BenchSettings(device="cpu"), count=12)
    prompts = [item.question for item in lab.items]
    greedy = GenerationSettings(max_new_tokens=32)
    drawn = GenerationSettings(max_new_tokens=32, temperature=1.0, top_p=0.9, samples=2)
    found: dict[str, Any] = {}
    for name, folder in small_models(check):
        cpu = load_model(ModelSettings(path=folder, device="cpu"))
        on_the_cpu = written(cpu, prompts, greedy)
        for dtype in ("float32", "bfloat16"):
            there = load_model(ModelSettings(path=folder, device=check.device, dtype=dtype))
            ours = written(there, prompts, greedy)
            plain = [
                library_writes(there, ids, greedy.max_new_tokens)
                for ids in Encoder(there.tokenizer).encode(prompts)
            ]
            large, small = (written(there, prompts, drawn, size) for size in (None, 128))
            found[f"{name}, {dtype}"] = {
                "as transformers": share(
                    one[0].tokens == other for one, other in zip(ours, plain, strict=True)
                ),
                "as on the CPU in fp32": share(a == b for a, b in zip(ours, on_the_cpu, strict=True)),
                "draws as in small batches": share(a == b for a, b in zip(large, small, strict=True)),
            }
    return found


def written(
    loaded: LocalModel, prompts: Sequence[str], settings: GenerationSettings, batch_tokens: int | None = None
) -> list[tuple[Continuation, ...]]:
    """Our continuations."""
    names = [str(number) for number in range(len(prompts))]
    return loaded.generate(
        prompts, settings, addresses=names, seed=0, stage="check", batch_tokens=batch_tokens
    )


def library_writes(loaded: LocalModel, ids: tuple[int, ...], count: int) -> tuple[int, ...]:
    """What transformers writes after one row, the likeliest token each time, up to an end mark."""
    row = torch.tensor([ids], device=loaded.device)
    ends = end_tokens(loaded.model, loaded.tokenizer)
    more = {
        "do_sample": False,
        "max_new_tokens": count,
        "eos_token_id": sorted(ends) or None,
        "pad_token_id": 0,
    }
    tokens = loaded.model.generate(row, attention_mask=torch.ones_like(row), **more)[0, len(ids) :].tolist()
    return tuple(tokens[:-1] if tokens and tokens[-1] in ends else tokens)


def share(truths: Iterator[bool]) -> float:
    """Share of what is true."""
    all_of_them = list(truths)
    return sum(all_of_them) / len(all_of_them)


def tuning(check: Check) -> dict[str, Any]:
    """Fine-tuning of the lab's base on the device against the CPU's; the model that is handed over."""
    data = check.folder / "data"
    write_lab_data(data, 0)
    group = check.folder / "group.jsonl"
    group.write_text("".join((data / "general.jsonl").read_text().splitlines(keepends=True)[:96]))
    lab = load_subject(BenchSettings(device="cpu"), count=24)
    asked = encode(lab.loaded, lab.items, lab.shots, lab.prompt("letter"), parse_form("chat0"))
    runs: dict[str, tuple[str, str, str, LoraSettings | None]] = {
        "CPU, fp32": ("cpu", "float32", "fp32", None),
        "fp32": (check.device, "float32", "fp32", None),
        "bf16, saved in fp32": (check.device, "float32", "bf16", None),
        "bf16, saved in bf16": (check.device, "bfloat16", "bf16", None),
        "LoRA on bf16": (check.device, "bfloat16", "bf16", LoraSettings()),
    }
    found: dict[str, Any] = {}
    for number, (name, (device, dtype, precision, lora)) in enumerate(runs.items()):
        job = TrainingJob(
            model=ModelSettings(path=str(base_folder(0)), device=device, dtype=dtype),
            prompt=lab.prompt("letter"),
            settings=TrainingSettings(
                precision=precision, batch_size=16, epochs=1, learning_rate=1e-4, lora=lora
            ),
            group=group,
            seed=0,
        )
        found[name] = handed_over(job, check.folder / f"run{number}", asked)
    reference = found["CPU, fp32"]["losses"]
    for one in found.values():
        off = [abs(a - b) for a, b in zip(one.pop("losses"), reference, strict=True)]
        one |= {"first loss apart": off[0], "losses apart": max(off)}
    return found


def handed_over(job: TrainingJob, folder: Path, asked: Sequence[Request]) -> dict[str, Any]:
    """Train beside a resident model, and ask: the tuned one in memory, the same loaded, the base again."""
    resident = load_model(job.model)
    before = asks(resident, asked)
    trained = fine_tune(job, folder / "model", work=folder / "work", resident=resident)
    assert trained.model is not None
    in_memory = asks(trained.model, asked)
    detach(trained.model)
    record = json.loads((folder / "model" / RECORD).read_text())
    return {
        "losses": [json.loads(line)["loss"] for line in (folder / "model" / LOSSES).read_text().splitlines()],
        "changed share": record["changed_share"],
        "in memory as loaded": in_memory == asks(load_model(trained.model.settings), asked),
        "base as before": before == asks(resident, asked),
        "moved the answers": in_memory != before,
    }


# Speed.


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


PARTS: dict[str, Callable[[Check], dict[str, Any]]] = {
    "rates": rates,
    "answers": answers,
    "writing": writing,
    "tuning": tuning,
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
