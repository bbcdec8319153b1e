"""The sections of the page of one run, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from harmonia.analysis import ClaimsDocument
from harmonia.numbers import count
from harmonia.report import (
    cards,
    compared,
    consistency,
    cost,
    figures,
    grid,
    ingredients,
    leaks,
    missing,
    outcomes,
    readouts,
    summary,
    trust,
)
from harmonia.report.about import settings_parts
from harmonia.report.explorer import explorer
from harmonia.report.parts import PageSection, Part, bullets, macro, pairs, prose, table, tables
from harmonia.report.run_files import RunFiles

_Parts: TypeAlias = Callable[[RunFiles], Iterable[Part | None]]
_SECTIONS: list[tuple[_Parts, dict[str, Any]]] = []


def sections(run: RunFiles) -> list[PageSection]:
    """All sections; each says what it has not got."""
    return [
        claims_section(run.claims),
        *(PageSection(parts=list(parts(run)), **about) for parts, about in _SECTIONS),
    ]


def claims_section(claims: ClaimsDocument | None) -> PageSection:
    """The claim cards, of one run or several."""
    return PageSection(
        anchor="paper",
        title="The paper’s claims",
        gist="what this says of each, beside what the paper found",
        parts=list(_claims(claims)) if claims else [],
        without="No claims judged yet.",
        opened=True,
    )


def _section(
    anchor: str, title: str, gist: str, without: str = "Nothing to show yet.", *, opened: bool = False
) -> Callable[[_Parts], _Parts]:
    """The next section has these parts; see `PageSection`."""

    def declare(parts: _Parts) -> _Parts:
        about = {"anchor": anchor, "title": title, "gist": gist, "without": without, "opened": opened}
        _SECTIONS.append((parts, about))
        return parts

    return declare


def _claims(claims: ClaimsDocument) -> Iterator[Part | None]:
    paper = (
        "Ren et al. (ACL 2024) measured other models on other data: their figures stand beside these for "
        "orientation, and neither replicates the other."
    )
    yield prose(" ".join((paper, claims.rule, *cards.reading(claims))), note=True)
    for card in cards.cards(claims):
        (found,) = tables([card.table])
        title = f"{card.claim}: {card.verdict}"
        yield macro("card", card, found.html, anchor=card.claim, title=title, files=found.files)
    yield table(cards.policies_table(claims))


@_section(
    "accuracy", "Accuracy", "per training set and suite, with intervals", "No accuracies yet.", opened=True
)
def _accuracy(run: RunFiles) -> Iterator[Part | None]:
    yield figures.accuracy(run)
    yield table(compared.differences_table(run))
    yield from tables(
        grid.accuracy_tables(run),
        "Under each accuracy: its 95 % Wilson interval over questions in percent, the macro accuracy (mean "
        "over the questions’ own domains or subjects), where it is another, and the number of questions. "
        "The base model is set off.",
    )


@_section(
    "questions",
    "Every question",
    "searched, sorted and opened: what every model answers to it",
    "No question has been asked yet.",
    opened=True,
)
def _questions(run: RunFiles) -> Iterator[Part]:
    if found := explorer(run):
        yield prose(
            "Before is the base model asked with examples, after the tuned model of the chosen training set. "
            "Change is in points of the probability of the right answer. A question opens to its options and "
            "what every model answers.",
            note=True,
        )
        yield Part(html=found)


_section(
    "mixtures",
    "Ratio curve",
    "accuracy, agreement and KL by how many rows agree with the base model",
    "No mixed training set was compared with ratio 0.",
)(lambda run: [figures.ratios(run)])


@_section(
    "consistency",
    "Consistency",
    "how far answers moved from the base model’s, by form and by weights",
    "No consistency yet.",
)
def _consistency(run: RunFiles) -> Iterator[Part | None]:
    yield figures.agreement(run)
    yield figures.cells(run)
    yield from tables(
        consistency.consistency_tables(run),
        "Before and after are asked the same questions. Rank agreement is Pearson’s correlation of the ranks "
        "of the options’ probabilities; KL runs from before to after. Means over seeds; under them the 95 % "
        "interval over questions that holds those of all seeds. The comparison that the paper reports is set "
        "off. Spearman, Kendall, Jensen-Shannon, entropy and every seed by itself stand in "
        "tables/consistency.csv.",
    )


@_section(
    "outcomes",
    "Kept, lost, gained",
    "what became of what the base model knew",
    "No model before and after has been compared.",
)
def _outcomes(run: RunFiles) -> Iterator[Part | None]:
    yield outcomes.run_outcomes(run)
    yield from tables(
        outcomes.outcomes_tables(run),
        "Kept: right before and after; lost: right only before; gained: right only after; never right: wrong "
        "both times. Counts of all seeds together. Other forms and methods are in tables/consistency.csv.",
    )
    yield from tables(
        readouts.loss_tables(run),
        "Readout lost: by the other method the answer is still right. Knowledge lost: by neither.",
    )


@_section(
    "letters", "Letters", "whether answers follow the letter and not the question", "No letters compared."
)
def _letters(run: RunFiles) -> Iterator[Part | None]:
    yield from tables(
        [trust.probe_letters_table(run)],
        "RStd is the standard deviation over the letters of the share answered right (0: no letter is "
        "favoured). By chance: 95 % of answerers that favour no letter stay below it. Letter mass is the "
        "share of the vocabulary’s probability on the letters.",
    )
    yield figures.letters(run)
    yield from tables(
        readouts.spread_tables(run),
        "Entropy of the options’ probabilities (0: sure of one; ln 4 = 1.386: none of four preferred), the "
        "share of answers that give each letter, and the mean probability of each, means over suites and "
        "seeds. On each suite and seed: tables/letters.csv.",
    )
    yield from tables(
        trust.letter_bias_tables(run),
        "As in the first table: under each RStd the value by chance and the letter mass.",
    )
    yield table(ingredients.letters_table(run))


@_section(
    "calibration",
    "Beliefs and calibration",
    "what the base model believes, and whether its confidence can be taken at its word",
    "No calibration yet.",
)
def _calibration(run: RunFiles) -> Iterator[Part | None]:
    yield from tables([trust.beliefs_table(run)], _levels(run))
    yield figures.reliability(run)
    yield from tables(
        [trust.probe_calibration_table(run)],
        "ECE, the expected calibration error over 15 bins of equal size, is the mean distance of confidence "
        "from the share right (0 to 1). The Brier score is the squared error of the probabilities summed "
        "over the options (0 to 2; equal probabilities of four give 0.75). By chance: 95 % of answerers "
        "whose confidence is right stay below it.",
    )
    yield from tables(
        trust.calibration_tables(run),
        "As in the first table: under each ECE the value by chance and the Brier score.",
    )


def _levels(run: RunFiles) -> str:
    if trust.most_draws(run) > 1:
        return (
            "Each question was asked with several draws of demonstrations. Known: right, and most draws "
            "answer alike; conflicting: wrong, alike and confident; uncertain: all else; the settings say "
            "what is alike and what is confident. Agreement of draws is the mean share of them that answer "
            "as the belief does."
        )
    return (
        "Each question was asked with one draw of demonstrations: known is right and confident, conflicting "
        "wrong and confident, by the confidence above which the groups take a belief. One draw does not tell "
        "whether other demonstrations would give the same belief."
    )


@_section(
    "groups",
    "Training sets and confounds",
    "what was trained on, and what else differs between the sets",
    "No groups yet.",
)
def _groups(run: RunFiles) -> Iterator[Part | None]:
    for domain, shown in ingredients.group_tables(run):
        yield prose(_drawn(run, domain))
        yield table(shown)
    yield figures.targets(run)
    yield from tables(
        compared.confounds_tables(run),
        "Distance is total variation, 0 to 1. Under the median confidence of the base model stand its 10 % "
        "and 90 % quantiles. A label is in doubt where the item’s own explanation names another letter. "
        "Where groups differ in the letters they train on, a difference between them may come from the "
        "letters and not from the knowledge: letter shares are a known confound.",
    )
    if twins := summary.twins(run):
        yield prose(f"Groups of the same rows have one model: {'; '.join(twins)}.", note=True)


def _drawn(run: RunFiles, domain: str) -> str:
    drawn = run.drawn(domain)
    found = drawn[0]
    said = (
        f"In {domain}, {count(found.confident)} of {count(found.beliefs)} beliefs had a confidence above "
        f"{found.threshold:g}: {count(found.found_right)} right and {count(found.found_wrong)} wrong."
    )
    if found.size is None:
        return said
    mixed = (
        f", with {ingredients.sizes(drawn, 'general')} general instructions mixed in" if found.general else ""
    )
    anew = f", drawn anew for each of {len(drawn)} fine-tuning seeds" if len(drawn) > 1 else ""
    return f"{said} Each group takes {ingredients.sizes(drawn, 'size')} of them{mixed}{anew}."


@_section(
    "leakage", "Leakage", "test questions that a model was trained on or shown", "No leakage check yet."
)
def _leakage(run: RunFiles) -> Iterator[Part | None]:
    yield from map(prose, leaks.left_out(run))
    yield from tables(
        [leaks.leakage_table(run)],
        "Same text: the same question and right answer, character for character; same words: the same "
        "without case, punctuation and white space; a run of words: both questions hold it. Pairs within a "
        "domain, whose models meet both, are set off.",
    )
    yield table(leaks.leakage_examples(run))


@_section(
    "controls",
    "Controls",
    "whether models learned their rows, and what other training does",
    "No model was asked the rows that it was trained on.",
)
def _controls(run: RunFiles) -> Iterator[Part | None]:
    yield figures.fit(run)
    yield from tables(
        readouts.fit_tables(run),
        "Each tuned model is asked the very rows that it was trained on, in the chat form: in the words of "
        "the training, and behind another wording, the exam’s line of introduction above the question. What "
        "counts is the option that the row teaches, right or wrong. A model whose interval reaches down to "
        "chance (set off) has not learned its rows: what else it shows is not the effect of what they say.",
    )


_section("training", "Training", "the loss of every fine-tuning", "No loss curves yet.")(
    lambda run: [figures.loss(run)]
)


_section(
    "cost", "Cost", "time and memory of each kind of work", "The run does not say what its stages took."
)(lambda run: [table(cost.cost_table(run))])


_section("settings", "Settings, versions, hashes", "all that is needed to make this again")(settings_parts)


@_section(
    "limits",
    "Limits",
    "what this does not show, and what could not be computed",
    "Nothing is missing: all that this report can show is here.",
)
def _limits(run: RunFiles) -> Iterator[Part | None]:
    yield bullets(summary.limits(run))
    yield pairs(missing.missing_parts(run))
