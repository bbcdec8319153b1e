"""The sections of the page of one run, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
from harmonia.report.about import settings_section
from harmonia.report.explorer import explorer
from harmonia.report.parts import PageSection, Part, bullets, macro, pairs, prose, table, tables
from harmonia.report.run_files import RunFiles
from harmonia.report.words import count


def sections(run: RunFiles) -> list[PageSection]:
    """All sections; each says what it has not got."""
    return [
        claims_section(run.claims),
        _accuracy(run),
        _questions(run),
        _ratios(run),
        _consistency(run),
        _outcomes(run),
        _letters(run),
        _calibration(run),
        _groups(run),
        _leakage(run),
        _controls(run),
        PageSection(
            anchor="training",
            title="Training",
            gist="the loss of every fine-tuning",
            parts=[figures.loss(run)],
            without="No loss curves yet.",
        ),
        PageSection(
            anchor="cost",
            title="Cost",
            gist="time and memory of each kind of work",
            parts=[table(cost.cost_table(run))],
            without="The run does not say what its stages took.",
        ),
        settings_section(run),
        _limits(run),
    ]


def claims_section(claims: Any) -> PageSection:
    """The claim cards, of one run or several."""
    paper = (
        "Ren et al. (ACL 2024) measured other models on other data: their figures stand beside these for "
        "orientation, and neither replicates the other."
    )
    return PageSection(
        anchor="paper",
        title="The paper’s claims",
        gist="what this says of each, beside what the paper found",
        parts=[
            prose(f"{paper} {claims.rule}", note=True),
            *map(_card, cards.cards(claims)),
            table(cards.policies_table(claims)),
        ]
        if claims
        else [],
        without="No claims judged yet.",
        opened=True,
    )


def _card(card: cards.Card) -> Part:
    (found,) = tables([card.table])
    title = f"{card.claim}: {card.verdict}"
    return macro("card", card, found.html, anchor=card.claim, title=title, files=found.files)


def _accuracy(run: RunFiles) -> PageSection:
    return PageSection(
        anchor="accuracy",
        title="Accuracy",
        gist="per training set and suite, with intervals",
        parts=[
            figures.accuracy(run),
            table(compared.differences_table(run)),
            *tables(
                grid.accuracy_tables(run),
                "Under each accuracy: its 95 % Wilson interval over questions in percent, the macro "
                "accuracy (mean over the questions’ own domains or subjects), where it is another, and the "
                "number of questions. "
                "The base model is set off.",
            ),
        ],
        without="No accuracies yet.",
        opened=True,
    )


def _questions(run: RunFiles) -> PageSection:
    table_of_all = explorer(run)
    return PageSection(
        anchor="questions",
        title="Every question",
        gist="searched, sorted and opened: what every model answers to it",
        parts=[
            prose(
                "Before is the base model asked with examples, after the tuned model of the chosen training "
                "set. Change is in points of the probability of the right answer. A question opens to its "
                "options and what every model answers.",
                note=True,
            ),
            Part(html=table_of_all),
        ]
        if table_of_all
        else [],
        without="No question has been asked yet.",
        opened=True,
    )


def _ratios(run: RunFiles) -> PageSection:
    return PageSection(
        anchor="mixtures",
        title="Ratio curve",
        gist="accuracy, agreement and KL by how many rows agree with the base model",
        parts=[figures.ratios(run)],
        without="No mixed training set was compared with ratio 0.",
    )


def _consistency(run: RunFiles) -> PageSection:
    return PageSection(
        anchor="consistency",
        title="Consistency",
        gist="how far answers moved from the base model’s, by form and by weights",
        parts=[
            figures.agreement(run),
            figures.cells(run),
            *tables(
                consistency.consistency_tables(run),
                "Before and after are asked the same questions. Rank agreement is Pearson’s correlation of "
                "the ranks of the options’ probabilities; KL runs from before to after. Means over seeds; "
                "under them the 95 % interval over questions that holds those of all seeds. The comparison "
                "that the paper reports is set off. Spearman, Kendall, Jensen-Shannon, entropy and every "
                "seed by itself stand in tables/consistency.csv.",
            ),
        ],
        without="No consistency yet.",
    )


def _outcomes(run: RunFiles) -> PageSection:
    return PageSection(
        anchor="outcomes",
        title="Kept, lost, gained",
        gist="what became of what the base model knew",
        parts=[
            outcomes.run_outcomes(run),
            *tables(
                outcomes.outcomes_tables(run),
                "Kept: right before and after; lost: right only before; gained: right only after; never "
                "right: wrong both times. Counts of all seeds together. Other forms and methods are in "
                "tables/consistency.csv.",
            ),
            *tables(
                readouts.loss_tables(run),
                "Readout lost: by the other method the answer is still right. Knowledge lost: by neither.",
            ),
        ],
        without="No model before and after has been compared.",
    )


def _letters(run: RunFiles) -> PageSection:
    return PageSection(
        anchor="letters",
        title="Letters",
        gist="whether answers follow the letter and not the question",
        parts=[
            *tables(
                [trust.probe_letters_table(run)],
                "RStd is the standard deviation over the letters of the share answered right (0: no letter "
                "is favoured). Letter mass is the share of the vocabulary’s probability on the letters. "
                "Prior is the mean probability of a letter, whatever stands at it.",
            ),
            figures.letters(run),
            *tables(
                readouts.spread_tables(run),
                "Entropy of the options’ probabilities (0: sure of one; ln 4 = 1.386: none of four "
                "preferred) and the share of answers that give each letter, means over suites and seeds.",
            ),
            *tables(
                trust.letter_bias_tables(run),
                "RStd is the standard deviation over the letters of the share answered right (0: no "
                "letter is favoured); under it: what an answerer without bias would show by chance (mean, "
                "and the value that 95 % stay below), the share of the vocabulary’s probability on the "
                "letters, and of A, B and so on the mean probability (prior) and the share of the answers "
                "(gave), in percent.",
            ),
            table(ingredients.letters_table(run)),
        ],
        without="No letters compared.",
    )


def _calibration(run: RunFiles) -> PageSection:
    return PageSection(
        anchor="calibration",
        title="Beliefs and calibration",
        gist="what the base model believes, and whether its confidence can be taken at its word",
        parts=[
            *tables([trust.beliefs_table(run)], _levels(run)),
            figures.reliability(run),
            *tables(
                [trust.probe_calibration_table(run)],
                "ECE, the expected calibration error over 15 bins of equal size, is the mean distance of "
                "confidence from the share right (0 to 1). The Brier score is the squared error of the "
                "probabilities summed over the options (0 to 2; equal probabilities of four give 0.75).",
            ),
            *tables(
                trust.calibration_tables(run),
                "Under each ECE: what an answerer whose confidence is right would show by chance (mean, and "
                "the value that 95 % stay below).",
            ),
        ],
        without="No calibration yet.",
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


def _groups(run: RunFiles) -> PageSection:
    def parts() -> Iterator[Part | None]:
        for domain, shown in ingredients.group_tables(run):
            yield prose(_drawn(run, domain))
            yield table(shown)
        yield figures.targets(run)
        yield from tables(
            compared.confounds_tables(run),
            "Distance is total variation, 0 to 1. Under the median confidence of the base model stand its "
            "10 % and 90 % quantiles. A label is in doubt where the item’s own explanation names another "
            "letter. Where groups differ in the letters they train on, a difference between them may come "
            "from the letters and not from the knowledge: letter shares are a known confound.",
        )
        if twins := summary.twins(run):
            yield prose(f"Groups of the same rows have one model: {'; '.join(twins)}.", note=True)

    return PageSection(
        anchor="groups",
        title="Training sets and confounds",
        gist="what was trained on, and what else differs between the sets",
        parts=list(parts()),
        without="No groups yet.",
    )


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


def _leakage(run: RunFiles) -> PageSection:
    return PageSection(
        anchor="leakage",
        title="Leakage",
        gist="test questions that a model was trained on or shown",
        parts=[
            *(prose(sentence) for sentence in leaks.left_out(run)),
            *tables(
                [leaks.leakage_table(run)],
                "Same text: the same question and right answer, character for character; same words: the "
                "same without case, punctuation and white space; a run of words: both questions hold it. "
                "Pairs within a domain, whose models meet both, are set off.",
            ),
            table(leaks.leakage_examples(run)),
        ],
        without="No leakage check yet.",
    )


def _controls(run: RunFiles) -> PageSection:
    return PageSection(
        anchor="controls",
        title="Controls",
        gist="whether models learned their rows, and what other training does",
        parts=[
            figures.fit(run),
            *tables(
                readouts.fit_tables(run),
                "Each tuned model is asked the very rows that it was trained on, in the chat form: in the "
                "words of the training, and behind another wording, the exam’s line of introduction above "
                "the question. What counts is the option that the row teaches, right or wrong. A model "
                "whose interval reaches down to chance (set off) has not learned its rows: what else it "
                "shows is not the effect of what they say.",
            ),
        ],
        without="No model was asked the rows that it was trained on.",
    )


def _limits(run: RunFiles) -> PageSection:
    return PageSection(
        anchor="limits",
        title="Limits",
        gist="what this does not show, and what could not be computed",
        parts=[bullets(summary.limits(run)), pairs(missing.missing_parts(run))],
        without="Nothing is missing: all that this report can show is here.",
    )
