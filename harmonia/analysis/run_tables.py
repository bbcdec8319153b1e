"""A run's answers -> the rows of its tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from statistics import fmean

from harmonia.analysis.accuracy import accuracy_of
from harmonia.analysis.answers import Answers
from harmonia.analysis.calibration import calibration_of
from harmonia.analysis.consistency import consistency_of, levels
from harmonia.analysis.letter_bias import LetterSummary, letter_bias
from harmonia.analysis.readouts import losses
from harmonia.analysis.run_answers import Place, RunAnswers
from harmonia.analysis.tables import (
    BeliefsRow,
    CalibrationRow,
    ConsistencyRow,
    FitRow,
    LetterBiasRow,
    LetterRow,
    LossRow,
    ReliabilityRow,
    ResultRow,
)
from harmonia.groups.names import BASE
from harmonia.probe.level import LEVELS, level_of
from harmonia.prompts import LETTERS
from harmonia.types import Belief


def result_rows(run: RunAnswers) -> Iterator[ResultRow]:
    """Accuracy of every model on every suite."""
    for place, found in run.answers.items():
        yield ResultRow(**asdict(place), **asdict(accuracy_of(found)))


def fit_rows(run: RunAnswers) -> Iterator[FitRow]:
    """Whether each tuned model learned its rows."""
    for who, found in run.fit.items():
        yield FitRow(**asdict(who), **asdict(found))


def loss_rows(run: RunAnswers) -> Iterator[LossRow]:
    """What every tuned model lost, and in which readout."""
    for place, form, found in losses(run):
        yield LossRow(**asdict(place), other_form=form, **asdict(found))


def near_chance(rows: Iterable[FitRow]) -> list[str]:
    """A line on the models whose fit to their own training rows is near chance; none if there are none."""
    near = [
        f"{row.who} ({100 * row.fit:.0f} % of {row.rows} rows, chance {100 * row.chance:.0f} %)"
        for row in rows
        if row.near_chance and row.fit is not None and row.chance is not None
    ]
    said = (
        "answers to the rows of the training are hardly better than chance: not learned, or too few to tell"
    )
    return [f"{said}: {', '.join(near)}"] if near else []


def consistency_rows(run: RunAnswers, threshold: float) -> Iterator[ConsistencyRow]:
    """Every comparison of a model's answers with those before, by the same method.

    A tuned model is compared with the base model in every form, and any model with itself in
    the probe's form: what the form of the prompt does alone.
    """
    alike: dict[tuple[str, str, str], list[tuple[Place, Answers]]] = defaultdict(list)
    for place, found in run.answers.items():
        alike[place.domain, place.readout, place.suite].append((place, found))
    for place, after in run.answers.items():
        sure = run.base(place.domain, run.probe_form, place.suite)
        known = None if sure is None else levels(sure, threshold)
        for who, form, before in _befores(run, place, alike[place.domain, place.readout, place.suite]):
            yield ConsistencyRow(
                domain=place.domain,
                group=place.group,
                seed=place.seed,
                readout=place.readout,
                suite=place.suite,
                before_form=form,
                after_form=place.form,
                before_model=who,
                **asdict(consistency_of(before, after, level_I=known)),
            )


def _befores(
    run: RunAnswers, place: Place, alike: Iterable[tuple[Place, Answers]]
) -> Iterator[tuple[str, str, Answers]]:
    """(model, form, answers) that a model's answers in one form are compared with, of those asked alike."""
    for before, answers in alike:
        itself = (before.group, before.seed) == (place.group, place.seed)
        if itself and before.form == run.probe_form != place.form:
            yield (BASE if place.group == BASE else "tuned"), before.form, answers
        if before.group == BASE != place.group:
            yield BASE, before.form, answers


def beliefs_row(domain: str, beliefs: Sequence[Belief], threshold: float) -> BeliefsRow:
    """What a domain's beliefs are, and how steady."""
    found = Counter(level_of(belief, threshold) for belief in beliefs)
    draws = beliefs[0].draws or 1
    several = beliefs if draws > 1 else ()
    return BeliefsRow(
        domain=domain,
        form=beliefs[0].form,
        n=len(beliefs),
        draws=draws,
        borderline=None if beliefs[0].borderline is None else sum(bool(one.borderline) for one in beliefs),
        agreement=_mean(belief.agreement for belief in several),
        right_rate=_mean(belief.right_rate for belief in several),
        **{category: found[category] for category in LEVELS},
    )


def _mean(shares: Iterable[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return fmean(known) if known else None


def letter_rows(asked: Mapping[Place, Answers]) -> tuple[list[LetterBiasRow], list[LetterRow]]:
    """The letters of every model's answers; none of `cloze`, which asks for no letters."""
    biases, letters = [], []
    for place, found in asked.items():
        bias = letter_bias(found)
        if bias.prior is None:
            continue
        key = asdict(place)
        summary = {one.name: getattr(bias, one.name) for one in fields(LetterSummary)}
        biases.append(LetterBiasRow(**key, **summary))
        shares = zip(LETTERS, bias.recall, bias.right, bias.answered, bias.prior, strict=False)
        for letter, recall, right, answered, prior in shares:
            letters.append(
                LetterRow(**key, letter=letter, recall=recall, right=right, answered=answered, prior=prior)
            )
    return biases, letters


def calibration_rows(
    asked: Mapping[Place, Answers],
) -> tuple[list[CalibrationRow], list[ReliabilityRow]]:
    """The calibration of every model, and its reliability diagram bin by bin."""
    found, diagrams = [], []
    for place, answers in asked.items():
        calibration, bins = calibration_of(answers)
        found.append(CalibrationRow(**asdict(place), **asdict(calibration)))
        for number, items in enumerate(bins, start=1):
            diagrams.append(ReliabilityRow(**asdict(place), bin=number, **asdict(items)))
    return found, diagrams
