"""The texts that a domain's groups need beyond the data's own, written before the groups are built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harmonia.errors import EmptyGroupError
from harmonia.groups import WantedTexts, wanted_texts
from harmonia.hashing import result_settings
from harmonia.models import GenerationSettings, Generator, load_model, load_tokenizer
from harmonia.models.load import pick_device
from harmonia.models.served import ServedModel
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.manifest import PARTIAL
from harmonia.pipeline.overlaps import usable
from harmonia.pipeline.workbench import Workbench
from harmonia.probe import read_beliefs
from harmonia.writers import (
    Wanted,
    Written,
    dropped,
    read_written,
    texts,
    write_contexts,
    write_explanations,
    write_written,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededTexts:
    """Which kinds of text the groups of an experiment need at all.

    Attributes:
        own: Explanations of answers that the model believes.
        gold: New explanations of right answers.
        contexts: Knowledge to be written into prompts.
    """

    own: bool
    gold: bool
    contexts: bool

    @property
    def any(self) -> bool:
        """Whether there is anything to write."""
        return self.own or self.gold or self.contexts


def needed_texts(experiment: Experiment) -> NeededTexts:
    """What the experiment's settings call for."""
    groups = experiment.groups
    kinds = {name.kind for name in groups.groups}
    aligned = kinds & {"self_aligning", "self_align"} or any(name.ratio for name in groups.groups)
    return NeededTexts(
        own=groups.explanations == "own" and bool(aligned),
        gold=groups.explanations != "none" and experiment.writing.explanations.gold != "data",
        contexts=bool(kinds & {"contextualised", "contextualise"}),
    )


def require_writers(experiment: Experiment) -> None:
    """Require that whoever is to write the experiment's texts is there.

    Raises:
        InputError: A model, its device, or a server is not.
        MissingExtraError: The library for servers is not installed.
    """
    needed, writing = needed_texts(experiment), experiment.writing
    who = {
        *([writing.explanations.own] if needed.own else []),
        *([writing.explanations.gold] if needed.gold else []),
        *([writing.contexts.writer] if needed.contexts else []),
    }
    if "model" in who and writing.model is not None:
        load_tokenizer(writing.model)
        pick_device(writing.model.device)
    if "served" in who and writing.served is not None:
        asked = GenerationSettings(max_new_tokens=1)
        ServedModel(writing.served).generate(["Hello"], asked, addresses=["check"], seed=0, stage="check")


def texts_recipe(bench: Workbench) -> dict[str, Any]:
    """What decides the texts besides the beliefs.

    Which ratios are asked for does not: a ratio added later writes nothing anew.
    """
    experiment = bench.experiment
    groups, writer = experiment.groups, experiment.writing.model
    needed = needed_texts(experiment)
    return {
        "needed": [needed.own, needed.gold, needed.contexts],
        "groups": result_settings(groups.model_copy(update={"names": (), "ratios": ()})),
        "writing": result_settings(experiment.writing),
        "model": bench.model_hash(),
        **({"writer": bench.model_hash(writer)} if writer else {}),
    }


def write_texts(bench: Workbench, *, domain_name: str, address: str) -> list[str]:
    """Write a domain's explanations and contexts, each checked; what failed is noted with its reason."""
    beliefs = read_beliefs(bench.run / "beliefs" / f"{domain_name}.parquet")
    try:
        wanted = wanted_texts(usable(bench, domain_name, beliefs), bench.experiment.groups)
    except EmptyGroupError:
        # The groups themselves will say so; here there is nothing to write.
        wanted = WantedTexts(explanations=(), gold=(), contexts=())
    writing = bench.experiment.writing
    needed = needed_texts(bench.experiment)
    explained: list[Written] = []
    # One writer may write several kinds, and its model is loaded once.
    writers: dict[str, Generator] = {}
    for name, chosen, who in (
        ("own", wanted.explanations if needed.own else (), writing.explanations.own),
        ("gold", wanted.gold if needed.gold else (), writing.explanations.gold),
    ):
        if chosen:
            explained += write_explanations(
                _writer(bench, who, writers),
                [Wanted(item=item, target=target) for item, target in chosen],
                writing.explanations,
                seed=writing.seed,
                journal=_journal(bench, address, name),
                progress=bench.progress,
            )
    contexts = []
    if wanted.contexts:
        author = writing.contexts.writer
        contexts = write_contexts(
            None if author == "explanation" else _writer(bench, author, writers),
            [item for item, _ in wanted.contexts],
            writing.contexts,
            seed=writing.seed,
            journal=_journal(bench, address, "contexts"),
            progress=bench.progress,
        )
    write_written(bench.run / "explanations" / f"{domain_name}.jsonl", explained)
    write_written(bench.run / "contexts" / f"{domain_name}.jsonl", contexts)
    for name in ("own", "gold", "contexts"):
        _journal(bench, address, name).unlink(missing_ok=True)
    slower = dict.fromkeys(line for writer in writers.values() for line in writer.slower_generating)
    return [*slower] + [
        f"{domain_name}: {count} {what} of {len(written)} could not be written: {reason}"
        for what, written in (("explanations", explained), ("contexts", contexts))
        for reason, count in dropped(written).items()
    ]


def texts_of(bench: Workbench, domain_name: str) -> tuple[Mapping[tuple[str, int], str], Mapping[str, str]]:
    """The explanations by (item id, option) and the contexts by item id that a domain has."""
    if not needed_texts(bench.experiment).any:
        return {}, {}
    explained, contexts = (
        texts(read_written(bench.run / kind / f"{domain_name}.jsonl"))
        for kind in ("explanations", "contexts")
    )
    return explained, {name: text for (name, _), text in contexts.items()}


def _writer(bench: Workbench, who: str, writers: dict[str, Generator]) -> Generator:
    """Who writes, of `writers` if there already, else made and put there."""
    if who not in writers:
        writers[who] = _new_writer(bench, who)
    return writers[who]


def _new_writer(bench: Workbench, who: str) -> Generator:
    writing = bench.experiment.writing
    if who == "base":
        return bench.base()
    if who == "served":
        assert writing.served is not None  # the settings are checked
        return ServedModel(writing.served)
    assert writing.model is not None
    return load_model(writing.model, bench.model_hash(writing.model))


def _journal(bench: Workbench, address: str, name: str) -> Path:
    return bench.run / PARTIAL / f"{address}-{name}.jsonl"
