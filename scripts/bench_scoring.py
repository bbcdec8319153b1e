"""Speed of scoring against its baselines and against the matrix products it cannot avoid.

    python scripts/bench_scoring.py --model FOLDER [--gguf-file FILE] --items FILE --shots FILE
                                    [--questions N] [--baseline-questions N] [--repeats N] [--threads N]

Baselines: (a) one question per forward pass, logits of every position; (b) the same, logits
of the last position alone; for cloze, a full pass per option. All works take their turns in
one process, and each figure is a median of its turns. The limit is the time of the model's
own matrix products, in their dtype and order, for the tokens that must be computed once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from harmonia.data import ItemSource, read_items
from harmonia.probe import ask
from harmonia.prompts import PromptSettings, ShotPool, build_template, parse_form
from harmonia.scoring import (
    Encoder,
    LoadedModel,
    ModelSettings,
    Request,
    Scorer,
    fit_prompt,
    load_model,
)
from harmonia.scoring.trie import blocks_of, group_requests
from harmonia.types import Item

WORKS = {
    "5-shot letter": ("letter", "icl5"),
    "5-shot cloze": ("cloze", "icl5"),
    "0-shot letter": ("letter", "icl0"),
}
"""What is measured: name -> (method, form)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Milliseconds per question, medians over the repeats.

    Attributes:
        ours: Packed, the shared prefix included.
        all_logits: Baseline (a); for cloze, a pass per option.
        last_logits: Baseline (b); for cloze, a pass per option.
        limit: Matrix products outside embedding and head, for the tokens computed once.
        limit_whole: The same with the head, where it is read, and with the products of
            attention at the same rate.
        encoding: Rendering the prompts and encoding them.
        prompt_tokens: Mean length of a prompt.
        own_tokens: Mean tokens of a question, or question and options, behind the prefix.
        computed_tokens: Mean tokens that a question costs us, a share of the prefix included.
        plain: Questions that took the plain path.
    """

    ours: float
    all_logits: float
    last_logits: float
    limit: float
    limit_whole: float
    encoding: float
    prompt_tokens: float
    own_tokens: float
    computed_tokens: float
    plain: int

    def ratios(self) -> dict[str, float]:
        """How often ours fits into each baseline, and which share of the limit it reaches."""
        return {
            "x (a)": self.all_logits / self.ours,
            "x (b)": self.last_logits / self.ours,
            "share of limit": self.limit / self.ours,
            "share of limit with attention and head": self.limit_whole / self.ours,
            "encoding / scoring": self.encoding / self.ours,
        }


def medians(works: dict[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Median of what each work gives, the works in turn, so that a busy machine is busy for all."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            found[name].append(work())
    return {name: statistics.median(values) for name, values in found.items()}


def timed(work: Callable[[], Any]) -> float:
    """Seconds of one call, until the device has done it."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def one_by_one(loaded: LoadedModel, requests: Sequence[Request], *, last_only: bool) -> None:
    """Baselines (a) and (b): a whole row per forward pass; letters share their question's row."""
    with torch.inference_mode():
        for request in requests:
            letters = all(len(ids) == 1 for ids in request.continuations)
            options = [()] if letters else [ids[:-1] for ids in request.continuations]
            for ids in options:
                keep = {"logits_to_keep": len(ids) + 1} if last_only else {}
                row = torch.tensor([request.context + ids], device=loaded.device)
                logits = loaded.model(input_ids=row, use_cache=False, **keep).logits
                torch.log_softmax(logits[0, -len(ids) - 1 :].float(), dim=-1).cpu()


def matrices(loaded: LoadedModel) -> list[torch.Tensor]:
    """Weights of the matrix products between embedding and head, in the model's order."""
    head = loaded.model.get_output_embeddings()
    return [
        module.weight
        for module in loaded.model.modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    ]


def product_seconds(loaded: LoadedModel, tokens: int) -> float:
    """Seconds of those products for so many tokens, each weight read where the model keeps it."""
    weights = matrices(loaded)
    widths = {weight.shape[1] for weight in weights}
    rows = {
        width: torch.randn(tokens, width, dtype=weights[0].dtype, device=loaded.device) for width in widths
    }
    with torch.inference_mode():
        return timed(
            lambda: [torch.nn.functional.linear(rows[weight.shape[1]], weight) for weight in weights]
        )


def cost(loaded: LoadedModel, requests: Sequence[Request]) -> tuple[int, int, int]:
    """(tokens computed once, their products' FLOPs, those of attention and head) for some requests."""
    config = loaded.model.config.get_text_config()
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    per_key = 4 * config.num_attention_heads * size * config.num_hidden_layers
    per_token = 2 * sum(weight.numel() for weight in matrices(loaded))
    tokens = more = 0
    for group in group_requests(requests):
        before = len(group.prefix)
        tokens += before
        more += per_key * before * (before + 1) // 2
        for block in blocks_of(requests, group.members, before, 1):
            tokens += len(block.ids)
            more += per_key * sum(before + depth + 1 for depth in block.depths)
            more += 2 * config.hidden_size * config.vocab_size * len({read.at for read in block.reads})
    return tokens, per_token * tokens, more


def encode(
    loaded: LoadedModel, items: Sequence[Item], shots: Sequence[Item], method: str, form_name: str
) -> list[Request]:
    """Requests of some items, as `ask` makes them."""
    settings = PromptSettings.model_validate({"method": method})
    template, encoder = build_template(settings, loaded.tokenizer), Encoder(loaded.tokenizer)
    form, pool = parse_form(form_name), ShotPool.of(shots, settings)
    return [
        fit_prompt(
            item,
            form,
            pool.choose(item, form.shots) if form.shots else (),
            template,
            encoder,
            loaded.max_tokens,
        ).request
        for item in items
    ]


def measure(
    loaded: LoadedModel,
    items: Sequence[Item],
    shots: Sequence[Item],
    *,
    method: str,
    form: str,
    baseline_questions: int,
    repeats: int,
) -> Speed:
    """Measure one way of asking.

    Args:
        loaded: The model.
        items: Questions for ours.
        shots: Demonstrations.
        method: `letter` or `cloze`.
        form: `icl5`, `icl0`, `chat0`, ...
        baseline_questions: How many of them, evenly spread, the baselines are asked.
        repeats: Turns.
    """
    requests = encode(loaded, items, shots, method, form)
    few = requests[:: max(1, len(requests) // baseline_questions)][:baseline_questions]
    scorers = [Scorer(loaded)]
    scorers[0].loglikelihoods(requests[:1])  # the model is tried out once
    tokens, flops, more = cost(loaded, requests)
    batch = min(2048, tokens)

    def ours() -> float:
        scorers.append(Scorer(loaded))  # knows no prefix yet
        return timed(lambda: scorers[-1].loglikelihoods(requests)) / len(requests)

    works = {
        "all": lambda: timed(lambda: one_by_one(loaded, few, last_only=False)) / len(few),
        "last": lambda: timed(lambda: one_by_one(loaded, few, last_only=True)) / len(few),
        "ours": ours,
        "product": lambda: product_seconds(loaded, batch) / batch,
        "encoding": lambda: timed(lambda: encode(loaded, items, shots, method, form)) / len(requests),
    }
    found = medians(works, repeats)
    limit = found["product"] * tokens / len(requests)
    own = sum(
        len(one.context) - len(group.prefix) + sum(len(ids) - 1 for ids in one.continuations)
        for group in group_requests(requests)
        for one in (requests[index] for index in group.members)
    )
    return Speed(
        ours=1e3 * found["ours"],
        all_logits=1e3 * found["all"],
        last_logits=1e3 * found["last"],
        limit=1e3 * limit,
        limit_whole=1e3 * limit * (1 + more / flops),
        encoding=1e3 * found["encoding"],
        prompt_tokens=statistics.fmean(len(one.context) for one in requests),
        own_tokens=own / len(requests),
        computed_tokens=tokens / len(requests),
        plain=scorers[-1].plain,
    )


def peak_mb(loaded: LoadedModel, items: Sequence[Item], shots: Sequence[Item]) -> dict[int, float]:
    """Peak memory in MB while asking so many items, above what was held just before.

    Flat in the number of items: the figures from a chunk of 256 on should not grow.
    """
    settings = PromptSettings()
    template, pool = build_template(settings, loaded.tokenizer), ShotPool.of(shots, settings)
    found = {}
    for count in (64, 256, 512, 1024, 2048, 4096):
        if count <= len(items):
            with Peak() as peak:
                ask(loaded, items[:count], parse_form("icl5"), template, pool=pool)
            found[count] = peak.grown_mb
    return found


class Peak:
    """Watches resident memory, every 5 ms: loading may have peaked higher than asking does."""

    def __enter__(self) -> Peak:
        self._process, self._done = psutil.Process(), threading.Event()
        self._before = self._highest = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self._highest = max(self._highest, self._process.memory_info().rss)

    @property
    def grown_mb(self) -> float:
        """Highest so far, above what was held at the start."""
        return (self._highest - self._before) / 2**20


def main() -> None:
    """Measure all works, print them as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("--model", "--items", "--shots"):
        parser.add_argument(name, required=True)
    parser.add_argument("--gguf-file")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--questions", type=int, default=248)
    parser.add_argument("--baseline-questions", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--memory", action="store_true", help="peak memory instead of speed")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    items = read_items(ItemSource(path=args.items, limit=args.questions, on_bad_row="skip"), Path(".")).items
    shots = read_items(ItemSource(path=args.shots), Path(".")).items
    loaded = load_model(
        ModelSettings.model_validate({"path": args.model, "gguf_file": args.gguf_file, "dtype": args.dtype})
    )
    if args.memory:
        print(
            json.dumps({"peak MB above the loaded model, by items": peak_mb(loaded, items, shots)}, indent=2)
        )
        return
    for name, (method, form) in WORKS.items():
        speed = measure(
            loaded,
            items,
            shots,
            method=method,
            form=form,
            baseline_questions=args.baseline_questions,
            repeats=args.repeats,
        )
        print(json.dumps({name: {**speed.ratios(), "ms": asdict(speed)}, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
