"""What tasks cost: tokens, arithmetic, memory and disk, from the settings and a sample of the data.

A parameter and token takes 2 FLOPs for scoring and 6 for training, 8 with gradient
checkpointing, which computes the forward pass twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harmonia.analysis import Place
from harmonia.data import ItemSource
from harmonia.errors import InputError
from harmonia.groups.names import GroupName
from harmonia.models.architecture import Shape
from harmonia.models.folder import ModelSettings, model_folder
from harmonia.models.load import shape_of
from harmonia.models.server import ServedModelSettings
from harmonia.pipeline.device_memory import (
    WIDTH,
    Memory,
    asking_memory,
    asking_that_fits,
    training_memory,
    training_that_fits,
)
from harmonia.pipeline.task import MOST_PARTS, Task
from harmonia.pipeline.texts import writers_of
from harmonia.pipeline.workbench import Workbench
from harmonia.probe.ask import CHUNK
from harmonia.prompts import Encoder, ShotPool, Template, parse_form, require_encodable
from harmonia.prompts.encode import common_length
from harmonia.training.memory import SHARE
from harmonia.training.settings import FEW, optimizer_steps, say_steps
from harmonia.types import Item, Method

_SAMPLE = 16
_CHARS_PER_TOKEN = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCost:
    """What a task takes; what depends on the model's size is None where that is not known.

    Attributes:
        what: What it does, in a few words.
        tokens: Tokens to compute.
        flops: Arithmetic for them.
        memory: What it takes on its device; None, too, where servers alone answer.
        longest: Tokens of the longest row that goes through the model.
        disk_bytes: What it leaves on disk, where that is much.
        trains: Whether it goes at the pace of training, not of scoring.
        parts: Parts that it can be split into, at most.
    """

    what: str
    tokens: float
    flops: float | None
    memory: Memory | None
    longest: float = 0.0
    disk_bytes: float | None = 0.0
    trains: bool = False
    parts: int = 1

    @property
    def memory_bytes(self) -> float | None:
        """Memory on one device."""
        return self.memory and self.memory.all


class Costs:
    """Works out what the tasks of an experiment cost, each kind once.

    Where the tokenizer is at hand, what a task of asking costs is an `InputError` if it cannot be asked.

    Args:
        bench: The experiment.
        shape: The model's; None takes it from the model, where it is at hand.

    Attributes:
        shape: None if not known.
        notes: What is not known, and what was reckoned with instead.
    """

    shape: Shape | None

    def __init__(self, bench: Workbench, shape: Shape | None = None) -> None:
        self._bench = bench
        self._experiment = bench.experiment
        self.notes: list[str] = []
        self.shape = None
        if isinstance(bench.experiment.model, ServedModelSettings):
            self.notes.append("what a server needs for its answers is its own affair: no time is told")
        else:
            self.shape = shape or _shape(bench.experiment.model, self.notes)
        self.notes += self.shape.notes if self.shape else ()
        self._known: dict[tuple[str, ...], TaskCost] = {}
        self._template: Template | None = None
        try:
            self._template = bench.template()
            self._encoder = Encoder(self._template.chat.tokenizer)
        except InputError:
            self.notes.append("the tokenizer is not at hand: tokens are taken as a quarter of the characters")

    def require_room(self, tasks: Iterable[Task], gpu_bytes: float, gpus: int = 1) -> None:
        """Require that each task fits on GPUs of so much memory; one whose memory is not known does.

        Raises:
            InputError: One does not, with what would.
        """
        for task in tasks:
            cost = task.cost and task.cost(self)
            if not cost or not cost.memory or not self.shape:
                continue
            # Asked it lies on one GPU, unless it is spread.
            most = gpus if cost.trains or self._experiment.files.device_map else 1
            if (cost.memory.gpus(gpu_bytes) or math.inf) <= most:
                continue
            how = (self._experiment.files.dtype, cost.longest, gpu_bytes)
            fits = list(
                training_that_fits(self.shape, self._experiment.training, *how)
                if cost.trains
                else asking_that_fits(self.shape, *how)
            )
            held = f"{most} GPUs of {gpu_bytes / 1e9:,.0f} GB" if most > 1 else f"{gpu_bytes / 1e9:,.0f} GB"
            raise InputError(
                f"{task.key} takes {cost.memory} of a GPU's memory, of which {SHARE:.0%} are planned with",
                field="gpus",
                seen=held,
                remedy=f"What fits: {'; '.join(fits)}." if fits else "Take larger GPUs or a smaller model.",
            )

    def probe(self, domain: str) -> TaskCost:
        """Asking the base model a domain's training items."""
        settings, shots = self._experiment.prompt, self._experiment.domains[domain].shots
        draws = self._experiment.probe.draws if settings.shots else 1
        return self._asking(self._train_items(domain), shots, settings.probe_form, draws=draws)

    def evaluate(self, place: Place) -> TaskCost:
        """Asking a model one suite in one form by one method."""
        key = (place.domain, place.suite, place.form, place.readout)
        if key not in self._known:
            asked = self._experiment.domains[place.domain].suites[place.suite]
            items = self._bench.items(asked.items).items
            self._known[key] = self._asking(items, asked.shots, place.form, method=place.readout)
        return self._known[key]

    def fit(self, domain: str, group: str) -> TaskCost:
        """Asking a tuned model its own training rows, each in two wordings."""
        items = self._train_items(domain)
        rows = 2 * self._rows(items) * _has_items(group)
        mean, longest = self._row(items)
        return self._scoring(f"{rows} questions of the training set", rows * mean, longest)

    def write(self, domain: str) -> TaskCost:
        """What a local model writes; a server's work is not this machine's."""
        writing, items = self._experiment.writing, self._train_items(domain)
        here = [kind for kind, who in writers_of(self._experiment).items() if who in ("base", "model")]
        # The draws of all seeds together, of those that may be drawn.
        rows = min(len(items), self._rows(items) * len(self._experiment.seeds))
        written = [
            (writing.contexts if kind == "contexts" else writing.explanations).max_new_tokens for kind in here
        ]
        # Examples are computed once; the question again for each text, and every token written.
        mean, longest = self._row(items)
        what = f"about {rows * len(here)} texts" if here else "texts that no model here writes"
        tokens = sum(rows * (mean + new) for new in written)
        cost = self._scoring(what, tokens, longest + max(written, default=0))
        return cost if here else replace(cost, memory=None)

    def train(self, domain: str, group: str, seed: int) -> TaskCost:
        """One fine-tuning; groups of a domain with items are of one size and cost the same."""
        key = (domain, "items" if _has_items(group) else "general")
        if key not in self._known:
            self._known[key] = self._training(self._train_items(domain), with_items=_has_items(group))
        if self._experiment.keeps_model(seed):
            return self._known[key]
        self.notes.append("a model that is not kept lies on disk while it is asked, one for each worker")
        return replace(self._known[key], disk_bytes=0.0)

    def _training(self, items: Sequence[Item], *, with_items: bool) -> TaskCost:
        experiment, shape = self._experiment, self.shape
        settings = experiment.training
        rows = self._rows(items)
        general = round(rows * experiment.groups.general_ratio) if experiment.general else 0
        rows *= with_items
        steps = optimizer_steps(settings.epochs * (rows + general), settings)
        if steps < FEW:
            self.notes.append(f"a fine-tuning has about {say_steps(steps, settings)}")
        (mean, longest), (of_general, longest_general) = self._row(items), self._general()
        # Explanations and contexts that a model writes come on top of what the data has.
        written = (experiment.writing.contexts, experiment.writing.explanations)
        longest += sum(one.max_new_tokens for one in written) * bool(writers_of(experiment))
        longest = min(max(longest * bool(rows), longest_general), settings.max_length)
        tokens = settings.epochs * (rows * mean + general * of_general)
        per_token = 8 if settings.gradient_checkpointing else 6
        weights = shape and (
            shape.parameters if settings.lora is None else settings.lora.rank * shape.adapted
        )
        return TaskCost(
            what=f"about {rows} rows and {general} general ones, {settings.epochs} epochs, "
            f"{steps} optimizer steps",
            tokens=tokens,
            flops=shape and per_token * shape.used * tokens,
            memory=shape and training_memory(shape, settings, experiment.files.dtype, longest),
            longest=longest,
            disk_bytes=weights and weights * WIDTH[experiment.files.dtype],
            trains=True,
        )

    def _scoring(self, what: str, tokens: float, longest: float) -> TaskCost:
        shape = self.shape
        return TaskCost(
            what=what,
            tokens=tokens,
            flops=shape and 2 * shape.used * tokens,
            memory=shape and asking_memory(shape, self._experiment.files.dtype, longest),
            longest=longest,
        )

    def _asking(
        self,
        items: Sequence[Item],
        shots: ItemSource | None,
        form: str,
        *,
        draws: int = 1,
        method: Method | None = None,
    ) -> TaskCost:
        each, longest = self._question(items, shots, form, method or self._experiment.prompt.method)
        each *= draws
        cost = self._scoring(f"{len(items)} items, {each:.0f} tokens each", each * len(items), longest)
        return replace(cost, parts=min(draws * math.ceil(len(items) / CHUNK), MOST_PARTS))

    def _train_items(self, domain_name: str) -> tuple[Item, ...]:
        """A domain's training items; where they are not at hand, as many stand-ins as their limit lets in.

        Raises:
            InputError: They are not at hand and have no limit, or nothing else of the domain is there.
        """
        domain = self._experiment.domains[domain_name]
        source = domain.train
        try:
            return self._bench.items(source).items
        except InputError:
            if source.limit is None or (self._experiment.root / source.path).exists():
                raise
            for other in (suite.items for suite in domain.suites.values()):
                try:
                    known = self._bench.items(other).items
                except InputError:
                    continue
                instead = f"reckoned with {source.limit} items like those of {other.path}"
                self.notes.append(f"{source.path} is not at hand: {instead}")
                return tuple(known[place % len(known)] for place in range(source.limit))
            raise

    def _rows(self, items: Sequence[Item]) -> int:
        """Rows of a group; how many beliefs pass the threshold is only known after the probe."""
        return self._experiment.groups.size or max(1, len(items) // 4)

    def _question(
        self, items: Sequence[Item], shots: ItemSource | None, form_name: str, method: Method
    ) -> tuple[float, float]:
        """Mean tokens that an item costs in a form, in all its rows, and those of the longest prompt."""
        form = parse_form(form_name)
        pool = None
        if form.shots and shots is not None:
            pool = ShotPool.of(self._bench.items(shots).items, self._experiment.prompt)
        some = _sample(items)
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
            lengths = [sum(map(len, row)) / _CHARS_PER_TOKEN for row in texts]
            own = sum(lengths[:-1]) / len(lengths[:-1])
            shown = sum(len(text) for s in shots_of[-1] for text in (s.question, *s.choices))
            longest = max(lengths) + shared * shown / _CHARS_PER_TOKEN
            return own * self._orders(some, method), longest
        template = self._bench.template(method)
        require_encodable(items, form, template)
        prompts = [template.prompt(item, form, shots) for item, shots in zip(some, shots_of, strict=True)]
        rows = self._encoder.encode([prompt.context for prompt in prompts])
        shared_tokens = common_length(rows) if len(rows) > 1 else 0
        own = sum(len(row) - shared_tokens for row in rows[:-1]) / len(rows[:-1])
        if method == "cloze":
            # A letter is read off the context's last position; options in words are computed on top.
            spelled = (text for prompt in prompts[:-1] for text in prompt.continuations)
            own += sum(map(self._tokens, spelled)) / len(rows[:-1])
        return own * self._orders(some, method), float(max(map(len, rows)))

    def _orders(self, items: Sequence[Item], method: Method) -> float:
        """Orders of the options that the method asks an item in, on average."""
        options = sum(len(item.choices) for item in items) / len(items)
        if method == "letter_cyclic":
            return options
        return 1 + (options - 1) * self._experiment.probe.prior_share if method == "letter_pride" else 1.0

    def _row(self, items: Sequence[Item]) -> tuple[float, float]:
        """Mean tokens of one row of a group without general instructions, and those of the longest."""
        exam = self._template.exam if self._template else None
        explained = self._experiment.groups.explained != "none"
        some = _sample(items)
        texts = [
            "\n".join(m.content for m in exam.conversation(i, i.answer, i.explanation * explained))
            if exam
            else "\n".join((i.question, *i.choices, i.explanation * explained))
            for i in some
        ]
        own = [min(self._tokens(text), self._experiment.training.max_length) for text in texts]
        return sum(own[:-1]) / len(own[:-1]), max(own)

    def _general(self) -> tuple[float, float]:
        """Mean tokens of a general instruction, and those of the longest."""
        longest = float(self._experiment.training.max_length)
        if self._experiment.general is None:
            return 0.0, 0.0
        path = self._experiment.root / self._experiment.general
        if not path.exists():
            self.notes.append(f"{path.name} is not at hand: a general instruction is taken as 200 tokens")
            return min(200.0, longest), longest
        texts = ["\n".join(m.content for m in row.messages) for row in self._bench.instructions().rows]
        lengths = [min(self._tokens(text), longest) for text in (*texts[:200], max(texts, key=len))]
        return sum(lengths[:-1]) / len(texts[:200]), max(lengths)

    def _tokens(self, text: str) -> float:
        return len(self._encoder.encode([text])[0]) if self._template else len(text) / _CHARS_PER_TOKEN


def _has_items(group: str) -> bool:
    return GroupName.parse(group).kind != "general_only"


def _sample(items: Sequence[Item]) -> list[Item]:
    """Some of the items, spread evenly, and the longest last."""
    longest = max(items, key=lambda item: len(item.question) + sum(map(len, item.choices)))
    return [*items[:: max(1, len(items) // _SAMPLE)][:_SAMPLE], longest]


def _shape(settings: ModelSettings, notes: list[str]) -> Shape | None:
    try:
        model_folder(settings)
    except InputError:
        notes.append(
            f"the model {settings.path} is not at hand, so times and memory are not known; "
            "say how many `parameters` it has, such as 6.7e9, or name its config.json"
        )
        return None
    return shape_of(settings)
