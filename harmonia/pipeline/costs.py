"""What tasks cost: tokens, arithmetic, memory and disk, from the settings and a sample of the data.

A parameter and token takes 2 FLOPs for scoring and 6 for training, 8 with gradient
checkpointing, which computes the forward pass twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harmonia.analysis import Place
from harmonia.data import ItemSource
from harmonia.errors import InputError
from harmonia.groups.names import GroupName
from harmonia.models.folder import ModelSettings, model_folder
from harmonia.models.load import empty_model
from harmonia.pipeline.texts import writers_of
from harmonia.pipeline.workbench import Workbench
from harmonia.prompts import Encoder, ShotPool, Template, parse_form
from harmonia.prompts.encode import common_length
from harmonia.training.settings import FEW, optimizer_steps, say_steps
from harmonia.types import Item, Method

_SAMPLE = 16
_CHARS_PER_TOKEN = 4.0
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCost:
    """What a task takes; what depends on the model's size is None where that is not known.

    Attributes:
        what: What it does, in a few words.
        tokens: Tokens to compute.
        flops: Arithmetic for them.
        memory_bytes: Weights, and in training gradients and optimizer.
        disk_bytes: What it leaves on disk, where that is much.
        trains: Whether it goes at the pace of training, not of scoring.
    """

    what: str
    tokens: float
    flops: float | None
    memory_bytes: float | None
    disk_bytes: float | None = 0.0
    trains: bool = False


class Costs:
    """Works out what the tasks of an experiment cost, each kind once.

    Args:
        bench: The experiment.
        parameters: Parameters of the model; None takes them from it, where it is at hand.

    Attributes:
        parameters: Those that take part in a pass; None if not known.
        notes: What is not known, and what was reckoned with instead.
    """

    def __init__(self, bench: Workbench, parameters: float | None) -> None:
        self._bench = bench
        self._experiment = bench.experiment
        self.notes: list[str] = []
        self.parameters = parameters or _parameters(bench.experiment.model, self.notes)
        self._known: dict[tuple[str, ...], TaskCost] = {}
        self._template: Template | None = None
        try:
            self._template = bench.template()
            self._encoder = Encoder(self._template.chat.tokenizer)
        except InputError:
            self.notes.append("the tokenizer is not at hand: tokens are taken as a quarter of the characters")

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
        return self._scoring(f"{rows} questions of the training set", rows * self._row(items))

    def write(self, domain: str) -> TaskCost:
        """What a local model writes; a server's work is not this machine's."""
        writing, items = self._experiment.writing, self._train_items(domain)
        here = [kind for kind, who in writers_of(self._experiment).items() if who in ("base", "model")]
        # The draws of all seeds together, of those that may be drawn.
        rows = min(len(items), self._rows(items) * len(self._experiment.seeds))
        tokens = 0.0
        for kind in here:
            settings = writing.contexts if kind == "contexts" else writing.explanations
            # Examples are computed once; the question again for each text, and every token written.
            tokens += rows * (self._row(items) + settings.max_new_tokens)
        what = f"about {rows * len(here)} texts" if here else "texts that no model here writes"
        return self._scoring(what, tokens)

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
        experiment, parameters = self._experiment, self.parameters
        settings = experiment.training
        rows = self._rows(items)
        general = round(rows * experiment.groups.general_ratio) if experiment.general else 0
        rows *= with_items
        steps = optimizer_steps(settings.epochs * (rows + general), settings)
        if steps < FEW:
            self.notes.append(f"a fine-tuning has about {say_steps(steps, settings)}")
        tokens = settings.epochs * (rows * self._row(items) + general * self._general())
        per_token = 8 if settings.gradient_checkpointing else 6
        # fp32 weights, gradients and AdamW's two moments; with adapters the weights alone, and little more.
        held, kept = (16, 1.0) if settings.lora is None else (4.2, 0.01)
        return TaskCost(
            what=f"about {rows} rows and {general} general ones, {settings.epochs} epochs, "
            f"{steps} optimizer steps",
            tokens=tokens,
            flops=parameters and per_token * parameters * tokens,
            memory_bytes=parameters and held * parameters,
            disk_bytes=parameters and kept * parameters * _BYTES[experiment.model.dtype],
            trains=True,
        )

    def _scoring(self, what: str, tokens: float) -> TaskCost:
        parameters, width = self.parameters, _BYTES[self._experiment.model.dtype]
        return TaskCost(
            what=what,
            tokens=tokens,
            flops=parameters and 2 * parameters * tokens,
            memory_bytes=parameters and width * parameters,
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
        each = draws * self._question(items, shots, form, method or self._experiment.prompt.method)
        return self._scoring(f"{len(items)} items, {each:.0f} tokens each", each * len(items))

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
    ) -> float:
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
            return own * self._orders(some, method)
        template = self._bench.template(method)
        prompts = [template.prompt(item, form, shots) for item, shots in zip(some, shots_of, strict=True)]
        rows = self._encoder.encode([prompt.context for prompt in prompts])
        shared_tokens = common_length(rows) if len(rows) > 1 else 0
        own = sum(len(row) - shared_tokens for row in rows) / len(rows)
        if method == "cloze":
            # A letter is read off the context's last position; options in words are computed on top.
            own += sum(self._tokens(text) for prompt in prompts for text in prompt.continuations) / len(rows)
        return own * self._orders(some, method)

    def _orders(self, items: Sequence[Item], method: Method) -> float:
        """Orders of the options that the method asks an item in, on average."""
        options = sum(len(item.choices) for item in items) / len(items)
        if method == "letter_cyclic":
            return options
        return 1 + (options - 1) * self._experiment.probe.prior_share if method == "letter_pride" else 1.0

    def _row(self, items: Sequence[Item]) -> float:
        """Mean tokens of one row of a group, general instructions mixed in as set."""
        exam = self._template.exam if self._template else None
        explained = self._experiment.groups.explained != "none"
        some = items[:: max(1, len(items) // _SAMPLE)][:_SAMPLE]
        texts = [
            "\n".join(m.content for m in exam.conversation(i, i.answer, i.explanation * explained))
            if exam
            else "\n".join((i.question, *i.choices, i.explanation * explained))
            for i in some
        ]
        own = sum(map(self._tokens, texts)) / len(texts)
        return min(own, self._experiment.training.max_length)

    def _general(self) -> float:
        """Mean tokens of a general instruction."""
        if self._experiment.general is None:
            return 0.0
        path = self._experiment.root / self._experiment.general
        if not path.exists():
            self.notes.append(f"{path.name} is not at hand: a general instruction is taken as 200 tokens")
            return min(200.0, float(self._experiment.training.max_length))
        rows = self._bench.instructions().rows[:200]
        lengths = [self._tokens("\n".join(m.content for m in row.messages)) for row in rows]
        return sum(min(n, self._experiment.training.max_length) for n in lengths) / len(lengths)

    def _tokens(self, text: str) -> float:
        return len(self._encoder.encode([text])[0]) if self._template else len(text) / _CHARS_PER_TOKEN


def _has_items(group: str) -> bool:
    return GroupName.parse(group).kind != "general_only"


def _parameters(settings: ModelSettings, notes: list[str]) -> float | None:
    """Parameters that take part in a pass: all but the input embeddings."""
    try:
        model_folder(settings)
    except InputError:
        notes.append(
            f"the model {settings.path} is not at hand, so times are not known; "
            "say how many `parameters` it has, such as 6.7e9"
        )
        return None
    model = empty_model(settings)
    total = sum(weight.numel() for weight in model.parameters())
    tied = bool(model.config.get_text_config().tie_word_embeddings)
    return float(total - (0 if tied else model.get_input_embeddings().weight.numel()))
