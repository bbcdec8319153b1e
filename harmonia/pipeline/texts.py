"""The texts that a domain's groups need beyond the data's own, written before the groups are built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harmonia.errors import EmptyGroupError
from harmonia.groups import WantedTexts, wanted_texts
from harmonia.hashing import result_settings
from harmonia.models import GenerationSettings, Generator, load_model, load_tokenizer
from harmonia.models.load import pick_device
from harmonia.models.served import ServedWriter
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


def writers_of(experiment: Experiment) -> dict[str, str]:
    """Who writes each kind of text that the groups need: `own` and `gold` explanations, `contexts`."""
    groups, writing = experiment.groups, experiment.writing
    asked = {
        "own": groups.argued and writing.explanations.own,
        "gold": groups.explained != "none"
        and writing.explanations.gold != "data"
        and writing.explanations.gold,
        "contexts": any(name.in_context for name in groups.groups) and writing.contexts.writer,
    }
    return {kind: who for kind, who in asked.items() if who}


def require_writers(experiment: Experiment) -> None:
    """Require that whoever is to write the experiment's texts is there.

    Raises:
        InputError: A model, its device, or a server is not.
        MissingExtraError: The library for servers is not installed.
    """
    who, writing = writers_of(experiment).values(), experiment.writing
    if "model" in who and writing.model is not None:
        load_tokenizer(writing.model)
        pick_device(writing.model.device)
    if "served" in who and writing.served is not None:
        asked = GenerationSettings(max_new_tokens=1)
        ServedWriter(writing.served).generate(["Hello"], asked, addresses=["check"], seed=0, stage="check")


def texts_recipe(bench: Workbench) -> dict[str, Any]:
    """What decides the texts besides the beliefs.

    Which ratios are asked for does not: a ratio added later writes nothing anew. Neither do the seeds whose
    groups need them: they say which texts there are, not what is in one.
    """
    experiment = bench.experiment
    groups, writer = experiment.groups, experiment.writing.model
    needed = writers_of(experiment)
    return {
        "needed": [kind in needed for kind in ("own", "gold", "contexts")],
        "argued": groups.argued,
        "groups": result_settings(groups.alone),
        "writing": result_settings(experiment.writing),
        "model": bench.model_hash(),
        **({"writer": bench.model_hash(writer)} if writer else {}),
    }


def write_texts(bench: Workbench, *, domain_name: str, address: str) -> list[str]:
    """Write a domain's explanations and contexts for all seeds, each checked; what failed is noted."""
    beliefs = read_beliefs(bench.run / "beliefs" / f"{domain_name}.parquet")
    draws = map(bench.experiment.groups_of, bench.experiment.seeds)
    try:
        wanted = wanted_texts(usable(bench, domain_name, beliefs), *draws)
    except EmptyGroupError:
        # The groups themselves will say so; here there is nothing to write.
        wanted = WantedTexts(explanations=(), gold=(), contexts=())
    writing = bench.experiment.writing
    writers = _Writers(bench)
    explained: list[Written] = []
    for kind, chosen in (("own", wanted.explanations), ("gold", wanted.gold)):
        if chosen and (writer := writers.of(kind)):
            explained += write_explanations(
                writer,
                [Wanted(item=item, target=target) for item, target in chosen],
                writing.explanations,
                seed=writing.seed,
                journal=_journal(bench, address, kind),
                progress=bench.progress,
            )
    contexts = []
    if wanted.contexts:
        contexts = write_contexts(
            writers.of("contexts"),
            [item for item, _ in wanted.contexts],
            writing.contexts,
            seed=writing.seed,
            journal=_journal(bench, address, "contexts"),
            progress=bench.progress,
        )
    write_written(bench.run / "explanations" / f"{domain_name}.jsonl", explained)
    write_written(bench.run / "contexts" / f"{domain_name}.jsonl", contexts)
    slower = dict.fromkeys(line for writer in writers.made.values() for line in writer.slower_generating)
    return [*slower] + [
        f"{domain_name}: {count} {what} of {len(written)} could not be written: {reason}"
        for what, written in (("explanations", explained), ("contexts", contexts))
        for reason, count in dropped(written).items()
    ]


def texts_of(bench: Workbench, domain_name: str) -> tuple[Mapping[tuple[str, int], str], Mapping[str, str]]:
    """The explanations by (item id, option) and the contexts by item id that a domain has."""
    if not writers_of(bench.experiment):
        return {}, {}
    explained, contexts = (
        texts(read_written(bench.run / kind / f"{domain_name}.jsonl"))
        for kind in ("explanations", "contexts")
    )
    return explained, {name: text for (name, _), text in contexts.items()}


class _Writers:
    """Who writes a domain's texts; one writes several kinds, and its model is loaded once."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._who = writers_of(bench.experiment)
        self.made: dict[str, Generator] = {}

    def of(self, kind: str) -> Generator | None:
        """Who writes a kind of text; None where the data's own explanations are taken."""
        who = self._who.get(kind)
        if who in (None, "explanation"):
            return None
        if who not in self.made:
            self.made[who] = self._new(who)
        return self.made[who]

    def _new(self, who: str) -> Generator:
        writing = self._bench.experiment.writing
        if who == "base":
            return self._bench.base()
        if who == "served":
            assert writing.served is not None  # the settings are checked
            return ServedWriter(writing.served)
        assert writing.model is not None
        return load_model(writing.model, self._bench.model_hash(writing.model))


def _journal(bench: Workbench, address: str, name: str) -> Path:
    return bench.run / PARTIAL / f"{address}-{name}.jsonl"
