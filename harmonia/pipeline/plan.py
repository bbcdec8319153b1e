"""What an experiment would run, and roughly what that costs. Runs nothing.

Time is arithmetic: FLOPs over a share of this machine's measured matrix-product rate. A
parameter and token takes 2 FLOPs for scoring and 6 for training, 8 with gradient
checkpointing, which computes the forward pass twice. It is an order of magnitude, not a promise.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harmonia.data import ItemSource
from harmonia.errors import InputError
from harmonia.models.folder import ModelSettings, model_folder
from harmonia.models.load import empty_model, pick_device
from harmonia.pipeline.experiment import DomainSettings, Experiment
from harmonia.pipeline.texts import needed_texts
from harmonia.pipeline.workbench import Workbench
from harmonia.prompts import Encoder, ShotPool, Template, parse_form
from harmonia.training.settings import FEW, optimizer_steps, say_steps
from harmonia.types import Item

EFFICIENCY = 0.4
"""Share of the measured matrix-product rate that a pass is taken to reach; a guess."""

_SAMPLE = 16
_CHARS_PER_TOKEN = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of the plan.

    Attributes:
        key: The stage's name.
        what: What it does, in a few words.
        tokens: Tokens to compute; None where nothing is.
        flops: Arithmetic for them; None where the model's size is not known.
        disk_bytes: What it leaves on disk, where that is much.
    """

    key: str
    what: str
    tokens: float | None = None
    flops: float | None = None
    disk_bytes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The cost of an experiment.

    Attributes:
        steps: What would run, in order.
        parameters: Parameters of the model; None if not known.
        flops_per_s: Rate that the times are taken at.
        memory_bytes: Peak for weights, gradients and optimizer; None if not known.
        notes: What the estimate does not know.
    """

    steps: tuple[Step, ...]
    parameters: float | None
    flops_per_s: float
    memory_bytes: float | None
    notes: tuple[str, ...]

    def seconds(self, step: Step) -> float | None:
        """Estimated time of a step."""
        return None if step.flops is None else step.flops / self.flops_per_s


def make_plan(
    experiment: Experiment, *, parameters: float | None = None, tflops: float | None = None
) -> Plan:
    """Price an experiment from its settings and data.

    Args:
        experiment: The settings.
        parameters: Parameters of the model, where it is not at hand.
        tflops: Rate to reckon with, in 1e12 FLOP/s; None measures this machine's.

    Raises:
        InputError: Data are missing or wrong.
    """
    notes: list[str] = []
    known = parameters or _parameters(experiment.model, notes)
    bench = Workbench(experiment)
    measure = _Measure(bench, notes)
    steps: list[Step] = []
    for name, domain in experiment.domains.items():
        likes = [suite.items for suite in domain.suites.values()]
        train = _items(bench, domain.train, likes, notes)
        probed = measure.asking(train, domain.shots, experiment.prompt.probe_form)
        if experiment.prompt.shots:
            probed *= experiment.probe.draws
        steps.append(_asking_step(f"probe/{name}", train, probed, known))
        steps += _writing_steps(experiment, name, train, measure, known)
        suites = _suite_steps(bench, domain, measure, known)
        base = suites(experiment.base_forms)
        steps += [replace(step, key=f"evaluate/{name}/base/{step.key}") for step in base]
        tuned = suites(experiment.tuned_forms)
        training = _training_step(experiment, train, measure, known, notes)
        for group in experiment.trained_groups:
            for seed in experiment.seeds:
                steps.append(replace(training, key=f"train/{name}/{group}/seed{seed}"))
                who = f"evaluate/{name}/{group}/seed{seed}"
                steps += [replace(step, key=f"{who}/{step.key}") for step in tuned]
    rate = tflops * 1e12 if tflops else EFFICIENCY * matrix_rate(pick_device(experiment.model.device))
    return Plan(
        steps=tuple(steps),
        parameters=known,
        flops_per_s=rate,
        memory_bytes=None if known is None else _memory(experiment, known),
        notes=tuple(dict.fromkeys(notes)),
    )


def _items(
    bench: Workbench, source: ItemSource, likes: Sequence[ItemSource], notes: list[str]
) -> tuple[Item, ...]:
    """A source's items; where it is not at hand, as many stand-ins as its limit lets in.

    Raises:
        InputError: It is not at hand and has no limit, or nothing else of its domain is there.
    """
    try:
        return bench.items(source).items
    except InputError:
        if source.limit is None or (bench.experiment.root / source.path).exists():
            raise
        for other in likes:
            try:
                known = bench.items(other).items
            except InputError:
                continue
            notes.append(
                f"{source.path} is not at hand: reckoned with {source.limit} items like those of {other.path}"
            )
            return tuple(known[place % len(known)] for place in range(source.limit))
        raise


def matrix_rate(device: str, size: int = 1024) -> float:
    """Measured rate of fp32 matrix products on this machine, FLOP/s."""
    import torch

    a, b = torch.randn(size, size, device=device), torch.randn(size, size, device=device)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        (a @ b).sum().item()
        best = min(best, time.perf_counter() - started)
    return float(2 * size**3 / best)


class _Measure:
    """Mean tokens of prompts and rows, from a sample; from characters where no tokenizer is at hand."""

    def __init__(self, bench: Workbench, notes: list[str]) -> None:
        self._bench = bench
        self._experiment = bench.experiment
        self._notes = notes
        self._template: Template | None = None
        try:
            self._template = bench.template()
            self._encoder = Encoder(self._template.chat.tokenizer)
        except InputError:
            notes.append("the tokenizer is not at hand: tokens are taken as a quarter of the characters")

    def asking(self, items: Sequence[Item], shots: ItemSource | None, form_name: str) -> float:
        """Mean tokens that one item costs in a form, all its rows together."""
        form = parse_form(form_name)
        pool = None
        if form.shots and shots is not None:
            pool = ShotPool.of(self._bench.items(shots).items, self._experiment.prompt)
        some = items[:: max(1, len(items) // _SAMPLE)][:_SAMPLE]
        shots_of = [pool.choose(item, form.shots) if pool else () for item in some]
        if self._template is None:
            # Demonstrations that are the same for all items are computed once.
            shared = self._experiment.prompt.shot_choice == "fixed"
            texts = [
                (
                    i.question,
                    *i.choices,
                    *(t for s in (() if shared else shots) for t in (s.question, *s.choices)),
                )
                for i, shots in zip(some, shots_of, strict=True)
            ]
            own = sum(len(text) for row in texts for text in row) / _CHARS_PER_TOKEN / len(texts)
            return own * self._orders(some)
        prompts = [
            self._template.prompt(item, form, shots) for item, shots in zip(some, shots_of, strict=True)
        ]
        rows = self._encoder.encode([prompt.context for prompt in prompts])
        shared_tokens = _opening(rows) if len(rows) > 1 else 0
        own = sum(len(row) - shared_tokens for row in rows) / len(rows)
        if self._template.exam.method == "cloze":
            # A letter is read off the context's last position; options in words are computed on top.
            own += sum(self._tokens(text) for prompt in prompts for text in prompt.continuations) / len(rows)
        return own * self._orders(some)

    def _orders(self, items: Sequence[Item]) -> float:
        """Orders of the options that the method asks an item in, on average."""
        options = sum(len(item.choices) for item in items) / len(items)
        method = self._experiment.prompt.method
        if method == "letter_cyclic":
            return options
        return 1 + (options - 1) * self._experiment.probe.prior_share if method == "letter_pride" else 1.0

    def training(self, items: Sequence[Item]) -> float:
        """Mean tokens of one row of a group, general instructions mixed in as set."""
        exam = self._template.exam if self._template else None
        some = items[:: max(1, len(items) // _SAMPLE)][:_SAMPLE]
        texts = [
            "\n".join(m.content for m in exam.conversation(i, i.answer, i.explanation))
            if exam
            else "\n".join((i.question, *i.choices, i.explanation))
            for i in some
        ]
        own = sum(map(self._tokens, texts)) / len(texts)
        return min(own, self._experiment.training.max_length)

    def general(self) -> float:
        """Mean tokens of a general instruction."""
        if self._experiment.general is None:
            return 0.0
        path = self._experiment.root / self._experiment.general
        if not path.exists():
            self._notes.append(f"{path.name} is not at hand: a general instruction is taken as 200 tokens")
            return min(200.0, float(self._experiment.training.max_length))
        rows = self._bench.instructions().rows[:200]
        lengths = [self._tokens("\n".join(m.content for m in row.messages)) for row in rows]
        return sum(min(n, self._experiment.training.max_length) for n in lengths) / len(lengths)

    def _tokens(self, text: str) -> float:
        return len(self._encoder.encode([text])[0]) if self._template else len(text) / _CHARS_PER_TOKEN


def _opening(rows: Sequence[Sequence[int]]) -> int:
    """Tokens that all rows begin with."""
    for place, column in enumerate(zip(*rows, strict=False)):
        if len(set(column)) > 1:
            return place
    return min(map(len, rows))


def _asking_step(key: str, items: Sequence[Item], each: float, parameters: float | None) -> Step:
    tokens = each * len(items)
    return Step(
        key=key,
        what=f"{len(items)} items, {each:.0f} tokens each",
        tokens=tokens,
        flops=None if parameters is None else 2 * parameters * tokens,
    )


def _writing_steps(
    experiment: Experiment, name: str, items: Sequence[Item], measure: _Measure, parameters: float | None
) -> list[Step]:
    """What a local model writes; a server's work is not this machine's."""
    needed, writing = needed_texts(experiment), experiment.writing
    if not needed.any:
        return []
    rows = _rows(experiment, items)
    kinds = (
        (needed.own, writing.explanations.own, writing.explanations),
        (needed.gold, writing.explanations.gold, writing.explanations),
        (needed.contexts, writing.contexts.writer, writing.contexts),
    )
    texts, tokens = 0, 0.0
    for wanted, who, settings in kinds:
        if wanted and who in ("base", "model"):
            texts += rows
            # Examples are computed once; the question again for each text, and every token written.
            tokens += rows * (measure.training(items) + settings.max_new_tokens)
    what = f"about {texts} texts" if texts else "texts that no model here writes"
    return [
        Step(
            key=f"write/{name}",
            what=what,
            tokens=tokens,
            flops=None if parameters is None else 2 * parameters * tokens,
        )
    ]


def _rows(experiment: Experiment, items: Sequence[Item]) -> int:
    """Rows of a group; how many beliefs pass the threshold is only known after the probe."""
    return experiment.groups.size or max(1, len(items) // 4)


def _suite_steps(
    bench: Workbench, domain: DomainSettings, measure: _Measure, parameters: float | None
) -> Any:
    """A function from forms to the steps that ask a model every suite in them."""
    priced: dict[str, list[Step]] = {}

    def steps(forms: Sequence[str]) -> list[Step]:
        for form in forms:
            if form not in priced:
                priced[form] = []
                for suite_name, suite in domain.suites.items():
                    items = bench.items(suite.items).items
                    each = measure.asking(items, suite.shots, form)
                    priced[form].append(_asking_step(f"{form}/{suite_name}", items, each, parameters))
        return [step for form in forms for step in priced[form]]

    return steps


def _training_step(
    experiment: Experiment,
    items: Sequence[Item],
    measure: _Measure,
    parameters: float | None,
    notes: list[str],
) -> Step:
    """One fine-tuning of a domain; all its groups are of one size and cost the same."""
    settings = experiment.training
    rows = _rows(experiment, items)
    general = round(rows * experiment.groups.general_ratio) if experiment.general else 0
    steps = optimizer_steps(settings.epochs * (rows + general), settings)
    if steps < FEW:
        notes.append(f"a fine-tuning has about {say_steps(steps, settings)}")
    tokens = settings.epochs * (rows * measure.training(items) + general * measure.general())
    per_token = 8 if settings.gradient_checkpointing else 6
    width = {"float32": 4, "bfloat16": 2, "float16": 2}[experiment.model.dtype]
    share = 1.0 if settings.lora is None else 0.01
    return Step(
        key="train",
        what=f"about {rows} rows and {general} general ones, {settings.epochs} epochs, "
        f"{steps} optimizer steps",
        tokens=tokens,
        flops=None if parameters is None else per_token * parameters * tokens,
        disk_bytes=0.0 if parameters is None else share * parameters * width,
    )


def _memory(experiment: Experiment, parameters: float) -> float:
    # fp32 weights, gradients and AdamW's two moments; with adapters the weights alone, and little more.
    return parameters * (16 if experiment.training.lora is None else 4.2)


def _parameters(settings: ModelSettings, notes: list[str]) -> float | None:
    """Parameters that take part in a pass: all but the input embeddings."""
    try:
        model_folder(settings)
    except InputError:
        notes.append(
            f"the model {settings.path} is not at hand, so times are not known; "
            "give --parameters (such as 6.7e9)"
        )
        return None
    model = empty_model(settings)
    total = sum(weight.numel() for weight in model.parameters())
    tied = bool(model.config.get_text_config().tie_word_embeddings)
    return float(total - (0 if tied else model.get_input_embeddings().weight.numel()))
