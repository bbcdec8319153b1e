"""What became of what the base model knows, told apart by how it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harmonia.analysis.answers import Answers, require_same_items
from harmonia.analysis.run_answers import Place, RunAnswers
from harmonia.columns import Count
from harmonia.groups.names import BASE


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What a tuned model lost by the probe's method, and by another.

    Counted are the questions that the base model answers right by both, in the probe's form.
    What it can still say in words it has not forgotten, whichever letter it gives.

    Attributes:
        n: Questions asked.
        right_before: Those that the base model answers right by both methods: the four below.
        kept: Right after tuning by both.
        readout_lost: Wrong by the probe's method, right by the other: the readout was lost.
        other_lost: Right by the probe's method, wrong by the other: the same the other way round.
        knowledge_lost: Wrong by both.
    """

    n: Count
    right_before: Count
    kept: Count
    readout_lost: Count
    other_lost: Count
    knowledge_lost: Count


def losses_of(before: tuple[Answers, Answers], after: tuple[Answers, Answers]) -> Losses:
    """Tell apart what was lost; of each model its answers by the probe's method, and by another.

    Raises:
        InputError: They do not hold the same items.
    """
    for other in (before[1], *after):
        require_same_items(before[0], other)
    known_I = before[0].correct_I & before[1].correct_I
    probe_I, other_I = (one.correct_I[known_I] for one in after)
    return Losses(
        n=len(known_I),
        right_before=int(known_I.sum()),
        kept=int((probe_I & other_I).sum()),
        readout_lost=int((~probe_I & other_I).sum()),
        other_lost=int((probe_I & ~other_I).sum()),
        knowledge_lost=int((~probe_I & ~other_I).sum()),
    )


def losses(run: RunAnswers) -> Iterator[tuple[Place, str, Losses]]:
    """What every tuned model lost of a suite in a form: (where, form of the other method, losses).

    The place says in which form the probe's method was asked, and as readout which the other
    method is. That is asked in the same form, and in the probe's form: there the base model
    was right, and demonstrations show what is asked. Passed over is what was not asked.
    """
    tuned = [(place, found) for place, found in run.answers.items() if place.group != BASE]
    for place, letters in tuned:
        asked = (run.base(place.domain, run.probe_form, place.suite, one) for one in (None, *run.readouts))
        base, *others = asked
        for readout, other in zip(run.readouts, others, strict=True) if place.readout == run.method else ():
            for form in dict.fromkeys((place.form, run.probe_form)):
                where = replace(place, readout=readout)
                after = run.answers.get(replace(where, form=form))
                if base is not None and other is not None and after is not None:
                    yield where, form, losses_of((base, other), (letters, after))
