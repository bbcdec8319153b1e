"""All answers of one run, found by who was asked what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harmonia.analysis.answers import Answers, read_answers, require_same_items
from harmonia.analysis.bootstrap import PairedUnit
from harmonia.groups.names import BASE, GroupName
from harmonia.probe.belief_columns import ItemColumns

CHAT = "chat0"
"""The form in which tuned models are compared."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Who):
    """Which model was asked what, and how.

    Attributes:
        form: `icl<k>` or `chat0`.
        suite: What was asked; `probe` for the items whose beliefs were taken.
    """

    form: str
    suite: str

    @classmethod
    def of(cls, path: str) -> Place:
        """The place of a prediction file, from its path in the run directory."""
        _, domain, group, *seed, form, suite = Path(path).with_suffix("").parts
        number = int(seed[0].removeprefix("seed")) if seed else None
        return cls(domain=domain, group=group, seed=number, form=form, suite=suite)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAnswers:
    """The answers of one run, which has one base model.

    Attributes:
        name: The run's name.
        model: Fingerprint of the base model.
        probe_form: The form in which beliefs were taken.
        answers: What was answered.
    """

    name: str
    model: str
    probe_form: str
    answers: Mapping[Place, Answers]

    @property
    def domains(self) -> list[str]:
        """All domains, in the order of the answers."""
        return list(dict.fromkeys(place.domain for place in self.answers))

    @property
    def groups(self) -> list[str]:
        """All groups that a model was tuned on, in the order of the answers."""
        return list(dict.fromkeys(place.group for place in self.answers if place.group != BASE))

    def base(self, domain: str, form: str, suite: str) -> Answers | None:
        """What the base model answered."""
        return self.answers.get(Place(domain=domain, group=BASE, seed=None, form=form, suite=suite))

    def tuned(self, domain: str, group: str, form: str, suite: str) -> dict[int, Answers]:
        """What models tuned on a group answered, by seed.

        `incompatible` and `mixed_0` are the same rows, and so are `self_aligning` and
        `mixed_1`: where a run has one of the two, it is found by either name.
        """
        return {
            place.seed: answers
            for place, answers in self.answers.items()
            if place.seed is not None
            and _plain(place.group) == _plain(group)
            and (place.domain, place.form, place.suite) == (domain, form, suite)
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
    excluded: Excluded | None = None,
) -> RunAnswers:
    """Read prediction files of a run directory.

    Paths are relative to the run; those that are not there are passed over. `model` is the fingerprint of the
    base model.

    Raises:
        InputError: A file is wrong, or all of its items are excluded.
    """
    answers: dict[Place, Answers] = {}
    items: dict[Path, ItemColumns] = {}
    for path in paths:
        if not (run / path).is_file():
            continue
        place = Place.of(path)
        found = read_answers(run / path, items)
        if ids := (excluded or {}).get((place.domain, place.suite)):
            found = found.without(ids)
        answers[place] = found
    return RunAnswers(name=name, model=model, probe_form=probe_form, answers=answers)


def units_of(
    runs: Sequence[RunAnswers],
    left: str,
    right: str,
    *,
    suite: str,
    form: str = CHAT,
    domain: str | None = None,
    seed: int | None = None,
) -> list[PairedUnit]:
    """Differences in being right between models tuned on two groups.

    Without a domain all count, without a seed all that both groups have.

    Returns:
        A unit for each base model and domain that has both groups under a common seed.
    """
    units = []
    for run in runs:
        for name in run.domains if domain is None else [domain]:
            one, other = (run.tuned(name, group, form, suite) for group in (left, right))
            seeds = [number for number in sorted(one.keys() & other.keys()) if seed in (None, number)]
            for number in seeds:
                require_same_items(one[number], other[number])
            if seeds:
                left_S_I, right_S_I = (
                    np.stack([kind[number].correct_I for number in seeds]).astype(np.float64)
                    for kind in (one, other)
                )
                units.append(
                    PairedUnit(items_I=one[seeds[0]].items_I, left_S_I=left_S_I, right_S_I=right_S_I)
                )
    return units
