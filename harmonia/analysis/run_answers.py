"""All answers of one run, found by who was asked what."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np

from harmonia.analysis.answers import Answers, read_answers, require_same_items
from harmonia.analysis.bootstrap import PairedUnit
from harmonia.analysis.fit import TrainingFit, fit_of
from harmonia.errors import InputError
from harmonia.files import require_file
from harmonia.groups.names import BASE, GroupName
from harmonia.probe.fit import read_fit
from harmonia.probe.item_columns import ItemColumns
from harmonia.types import Method

_LOST = "Run the experiment again, with harmonia run: it asks anew for what is missing."

CHAT = "chat0"
"""The form in which tuned models are compared."""

ANSWERS_FILE = re.compile(
    r"predictions/(?P<domain>[^/]+)/(?P<group>[^/]+)(/seed(?P<seed>\d+))?/(?P<form>[^/]+)"
    rf"/(?P<readout>{'|'.join(get_args(Method))})/(?P<suite>[^/]+)\.parquet"
)
"""Where the answers of a model lie in a run directory."""

Excluded = Mapping[tuple[str, str], Collection[str]]
"""Ids of items to leave out of all scores, by (domain, suite)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A model of a run.

    Attributes:
        domain: The domain.
        group: What the model was tuned on; `base` for the base model.
        seed: Seed of the fine-tuning; empty for the base model.
    """

    domain: str
    group: str
    seed: int | None

    @classmethod
    def of_fit(cls, path: str) -> Who:
        """The model of a file of fit, from its path in the run directory."""
        domain, group, seed = Path(path).with_suffix("").parts[1:]
        return cls(domain=domain, group=group, seed=int(seed.removeprefix("seed")))

    @property
    def who(self) -> str:
        """`DOMAIN/base` or `DOMAIN/GROUP/seedN`."""
        return "/".join((self.domain, self.group, *(() if self.seed is None else (f"seed{self.seed}",))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Who):
    """Which model was asked what, and how.

    Attributes:
        form: `icl<k>` or `chat0`.
        readout: Method that the answer was read out by: `letter`, `cloze` (in words), `letter_cyclic`, ...
        suite: What was asked; `probe` for the items whose beliefs were taken.
    """

    form: str
    readout: Method
    suite: str

    @classmethod
    def of(cls, path: str) -> Place:
        """The place of a prediction file, from its path in the run directory.

        Raises:
            InputError: It lies as an earlier version put it, where the method was not said.
        """
        match = ANSWERS_FILE.fullmatch(path)
        if match is None:
            raise InputError(
                "these answers lie where an earlier version of harmonia put them",
                file=path,
                remedy="Run the experiment again, with harmonia run: it asks anew.",
            )
        parts: dict[str, Any] = match.groupdict()
        return cls(**{**parts, "seed": parts["seed"] and int(parts["seed"])})

    @property
    def where(self) -> str:
        """`DOMAIN/WHO/FORM/METHOD/SUITE`."""
        return f"{self.who}/{self.form}/{self.readout}/{self.suite}"

    @property
    def file(self) -> str:
        """Where its answers lie in the run directory."""
        return f"predictions/{self.where}.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAnswers:
    """The answers of one run, which has one base model.

    Attributes:
        name: The run's name.
        model: Fingerprint of the base model.
        probe_form: The form in which beliefs were taken.
        method: The method by which they were taken.
        answers: What was answered.
        fit: How well each tuned model answers the rows that it was trained on.
    """

    name: str
    model: str
    probe_form: str
    method: Method
    answers: Mapping[Place, Answers]
    fit: Mapping[Who, TrainingFit] = field(default_factory=dict)

    @property
    def domains(self) -> list[str]:
        """All domains, in the order of the answers."""
        return list(dict.fromkeys(place.domain for place in self.answers))

    @property
    def groups(self) -> list[str]:
        """All groups that a model was tuned on, in the order of the answers."""
        return list(dict.fromkeys(place.group for place in self.answers if place.group != BASE))

    @property
    def readouts(self) -> list[Method]:
        """Methods that answers were read out by beside the probe's."""
        return [one for one in dict.fromkeys(p.readout for p in self.answers) if one != self.method]

    def base(self, domain: str, form: str, suite: str, readout: Method | None = None) -> Answers | None:
        """What the base model answered, by the probe's method or another."""
        place = Place(
            domain=domain, group=BASE, seed=None, form=form, readout=readout or self.method, suite=suite
        )
        return self.answers.get(place)

    def tuned(
        self, domain: str, group: str, form: str, suite: str, readout: Method | None = None
    ) -> dict[int, Answers]:
        """What models tuned on a group answered, by seed; by the probe's method or another.

        `incompatible` and `mixed_0` are the same rows, and so are `self_aligning` and
        `mixed_1`: where a run has one of the two, it is found by either name.
        """
        asked = (domain, form, suite, readout or self.method)
        return {
            place.seed: answers
            for place, answers in self.answers.items()
            if (place.domain, place.form, place.suite, place.readout) == asked
            and place.seed is not None
            and _plain(place.group) == _plain(group)
        }

    def fits(self, domain: str, group: str) -> dict[int, TrainingFit]:
        """How well models tuned on a group, by either name, learned its rows, by seed."""
        return {
            who.seed: fit
            for who, fit in self.fit.items()
            if who.seed is not None and who.domain == domain and _plain(who.group) == _plain(group)
        }

    def ratios(self, domain: str) -> dict[float, str]:
        """Groups of the sweep in a domain, by their share of self-aligned rows, rising."""
        named = {place.group for place in self.answers if place.domain == domain}
        shares = ((GroupName.parse(group).share_aligned, group) for group in named)
        return dict(sorted((share, group) for share, group in shares if share is not None))


def _plain(group: str) -> GroupName:
    """One name for two that teach the same rows."""
    name = GroupName.parse(group)
    return name.twin or name


def read_run(
    run: Path,
    paths: Iterable[str],
    *,
    name: str,
    model: str,
    probe_form: str,
    method: Method,
    excluded: Excluded | None = None,
) -> RunAnswers:
    """Read prediction files of a run directory, and those of fit.

    Paths are relative to the run; `model` is the fingerprint of the
    base model; `probe_form` and `method` say how its beliefs were taken.

    Raises:
        InputError: A file is missing, wrong or of an earlier version, or all of its items are excluded.
    """
    answers: dict[Place, Answers] = {}
    fit: dict[Who, TrainingFit] = {}
    items: dict[Path, ItemColumns] = {}
    for path in paths:
        require_file(run / path, what="a file of the run's answers", remedy=_LOST)
        if path.startswith("fit/"):
            fit[Who.of_fit(path)] = fit_of(read_fit(run / path))
            continue
        place = Place.of(path)
        found = read_answers(run / path, items)
        if ids := (excluded or {}).get((place.domain, place.suite)):
            found = found.without(ids)
        answers[place] = found
    return RunAnswers(name=name, model=model, probe_form=probe_form, method=method, answers=answers, fit=fit)


def units_of(
    runs: Sequence[RunAnswers],
    left: str,
    right: str,
    *,
    suite: str,
    form: str = CHAT,
    readout: Method | None = None,
    domain: str | None = None,
    seed: int | None = None,
) -> list[PairedUnit]:
    """Differences in being right between models tuned on two groups.

    Without a domain all count, without a seed all that both groups have, without a readout
    the probe's method.

    Returns:
        A unit for each base model and domain that has both groups under a common seed.
    """
    units = []
    for run in runs:
        for name in run.domains if domain is None else [domain]:
            one, other = (run.tuned(name, group, form, suite, readout) for group in (left, right))
            seeds = [number for number in sorted(one.keys() & other.keys()) if seed in (None, number)]
            for number in seeds:
                require_same_items(one[number], other[number])
            if seeds:
                left_S_I, right_S_I = (
                    np.stack([kind[number].correct_I for number in seeds]).astype(np.float64)
                    for kind in (one, other)
                )
                units.append(
                    PairedUnit(
                        items_I=one[seeds[0]].items_I,
                        clusters_I=one[seeds[0]].clusters_I,
                        left_S_I=left_S_I,
                        right_S_I=right_S_I,
                    )
                )
    return units
