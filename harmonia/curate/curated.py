"""A curated set: its rows, its control, and its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import harmonia
from harmonia.curate.audited import AuditedRows, JudgedRow
from harmonia.curate.change import CuratedRow, RowTexts, changed
from harmonia.curate.choose import Choice, choose
from harmonia.curate.coverage import Covered, covered
from harmonia.curate.formats import lost_in, record_of, require_beside, write_beside
from harmonia.curate.refine import Refined, refined
from harmonia.curate.rewrite import rewritten
from harmonia.curate.settings import COVERAGE, REFINE, WRITTEN, CurateSettings, Format
from harmonia.data.turns import MODEL_ERROR
from harmonia.errors import EmptyGroupError, InputError
from harmonia.files import write_json, write_json_lines
from harmonia.hashing import draw
from harmonia.journal import Progress
from harmonia.models import Generator
from harmonia.outputs import Inputs, require_file_place
from harmonia.parsing import json_rows, read_object
from harmonia.types import Conversation
from harmonia.writers import dropped, read_written

CONTROL = "random"
_TUNED = "Give a model that answers in the chat template (curate.refining.chat), after its tuning."


@dataclass(frozen=True, eq=False, repr=False)
class Curated:
    """A set to train on, made anew from the audited file each time it is gone through.

    Attributes:
        audited: What it is made from.
        settings: How.
        choice: Which rows.
        texts: The texts that they are changed by.
        unwritten: Answers that could not be rewritten, by reason.
        covered: Rows made of a reference corpus.
        refined: Pairs for preference training, which are the set where there are any.
        of_another: Whether another model rewrote than the audited one.
    """

    audited: AuditedRows
    settings: CurateSettings
    choice: Choice
    texts: RowTexts
    unwritten: Mapping[str, int]
    of_another: bool = False
    covered: Covered | None = None
    refined: Refined | None = None

    def __len__(self) -> int:
        if self.refined:
            return len(self.refined.pairs)
        return int(self.choice.chosen_N.sum()) + len(self.covered.rows if self.covered else ())

    def __repr__(self) -> str:
        return f"{self.settings.policy}: {len(self)} of {self.choice.candidates} rows"

    def __iter__(self) -> Iterator[CuratedRow]:
        if self.refined:
            yield from self.refined.pairs
            return
        aligned = compress(self.choice.aligned_N, self.choice.chosen_N)
        for (judged, row), own in zip(self._pairs(self.choice.chosen_N), aligned, strict=True):
            yield changed(judged, row, bool(own), self.settings, self.texts)
        for row in self.covered.rows if self.covered else ():
            yield CuratedRow(row=row, category=None, conflict=None, policy=COVERAGE, changed="new")

    @property
    def control(self) -> Iterator[CuratedRow]:
        """As many rows of the whole file, at random and as they are; the pairs, preferred by a coin."""
        for pair in self.refined.pairs if self.refined else ():
            yield _tossed(pair, self.settings.seed)
        if self.refined:
            return
        for judged, row in self._pairs(self.choice.control_N):
            yield CuratedRow(row=row, category=judged.category, conflict=judged.conflict, policy=CONTROL)

    @property
    def clean(self) -> bool:
        """Whether no row teaches the model's own error."""
        return not self.choice.aligned_N.any()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the choice, a sentence each."""
        choice, new = self.choice, self.covered
        unpaired = self.refined.unpaired if self.refined else {}
        said = {
            "rows held back as canaries, or that ask for one": choice.held_back,
            "rows left out that are marked as a model's own errors": choice.errors,
            "rows left out, as the text that the policy needs is missing": choice.without_text,
            "rows that teach the model's own error": int(choice.aligned_N.sum()),
            **{f"answers kept as they were ({why})": count for why, count in self.unwritten.items()},
            "texts of the reference left out, as no sentence states anything": new.stating_nothing
            if new
            else 0,
            "texts of the reference that repeat an earlier one, taken once": new.repeated if new else 0,
            "texts of the reference from where the file is sparse": new.sparse if new else 0,
            "rows made of them": len(new.rows) if new else 0,
            **{
                f"texts not rewritten ({why})": count for why, count in (new.unwritten if new else {}).items()
            },
            **{f"rows without a pair ({why})": count for why, count in unpaired.items()},
            "texts written by another model than was audited": self.of_another
            and len(self.texts.rewritten) + len(new.rows if new else ()),
        }
        return tuple(f"{what}: {count}" for what, count in said.items() if count)

    def save(self, path: str | Path, format: Format = "jsonl") -> dict[str, Any]:
        """Write the set; beside it its control NAME.random.jsonl, its summary, and what a trainer needs.

        Returns:
            The summary.

        Raises:
            InputError: A file of others would be overwritten, or the set is called clean and is not.
        """
        place = Path(path)
        require_form(self.settings, format)
        require_place(place, format)
        if not self.clean and "clean" in place.name.lower():
            problem = f"rows that teach the model's own error: {int(self.choice.aligned_N.sum())}"
            remedy = "Do not call such a set clean."
            raise InputError(problem, file=path, field="out", seen=place.name, remedy=remedy)
        lost: Counter[str] = Counter()
        counts: dict[str, Counter[str]] = {"categories": Counter(), "changed": Counter()}

        def records(rows: Iterator[CuratedRow], told: bool) -> Iterator[dict[str, Any]]:
            for one in rows:
                if told:
                    counts["categories"][one.category or "none"] += 1
                    counts["changed"][one.changed] += 1
                    lost.update(lost_in(one, format))
                record = record_of(one, format)
                if record is not None:
                    yield record
                elif not told:
                    lost["rows of weight 0, left out of the control"] += 1

        for file, rows in ((control_of(place), self.control), (place, iter(self))):
            write_json_lines(file, records(rows, file == place))
            write_beside(file, format)
        summary = self._summary(counts, [f"not carried by {format}: {what}: {n}" for what, n in lost.items()])
        write_json(summary_of(place), summary)
        return summary

    def _summary(self, counts: Mapping[str, Counter[str]], lost: list[str]) -> dict[str, Any]:
        about = self.audited.about
        return {
            "harmonia": harmonia.__version__,
            "audit": {"model": about["model"], "data": about["data"]},
            "settings": self.settings.model_dump(mode="json"),
            "rows": len(self),
            "candidates": self.choice.candidates,
            "pool": self.choice.pool,
            **{name: dict(count) for name, count in counts.items()},
            "clean": self.clean,
            "notes": [*self.notes, *lost],
        }

    def _pairs(self, which: Any) -> Iterator[tuple[JudgedRow, Conversation]]:
        rows = compress(self.audited.rows(), which)
        return zip(rows, self.audited.conversations(map(int, self.choice.line_N[which])), strict=True)


def curate_audit(
    audited: AuditedRows,
    settings: CurateSettings,
    *,
    model: Generator | None = None,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> Curated:
    """Choose the rows of a set, and write the texts that they need.

    Args:
        audited: An audit.
        settings: How.
        model: Who rewrites answers.
        journal: A folder for what is written, which the caller removes when the set is safe.
        progress: Told how many answers are written.

    Raises:
        EmptyGroupError: There is no row for the policy.
        InputError: The policy needs contexts or a model, and there are none.
    """
    contexts = _contexts(settings)
    if (settings.policy in WRITTEN) != (model is not None):
        problem = f"{' and '.join(WRITTEN)}, and no other policy, need a model that writes"
        raise InputError(problem, field="model", remedy="Give --model." if model is None else "Leave it out.")
    if (settings.policy == COVERAGE) != (settings.reference is not None):
        problem = f"{COVERAGE}, and no other policy, needs a reference corpus"
        remedy = "Leave it out." if settings.reference else "Name its file: rows of `text`."
        raise InputError(problem, field="reference", remedy=remedy)
    choice = choose(audited, settings, contexts)
    found = Curated(audited, settings, choice, RowTexts(contexts=contexts, rewritten={}), {})
    return found if model is None else _with_texts(found, model, journal, progress)


def _with_texts(found: Curated, model: Generator, journal: Path | None, progress: Progress | None) -> Curated:
    """A set with the texts that its policy has a model write."""
    audited, settings, choice = found.audited, found.settings, found.choice
    other = model.identity != audited.about["model"]
    rows = found._pairs(choice.chosen_N)
    if settings.policy == COVERAGE:
        only = (row for _, row in rows)
        new = covered(model, only, len(found), audited, settings, journal=journal, progress=progress)
        fewer = settings.model_copy(update={"budget": len(found) - len(new.rows)})
        choice = replace(choose(audited, fewer, {}), control_N=choice.control_N)
        return replace(found, choice=choice, of_another=other, covered=new)
    more: Any = {"seed": settings.seed, "journal": journal, "progress": progress}
    if settings.policy == REFINE:
        pairs = refined(model, rows, settings.refining, audited.short, **more)
        if not pairs.pairs:
            why = ", ".join(f"{reason}: {count}" for reason, count in pairs.unpaired.items())
            raise EmptyGroupError(f"no row gave a pair ({why})", field="policy", seen=REFINE, remedy=_TUNED)
        return replace(found, refined=pairs)
    written = rewritten(model, rows, settings.rewriting, audited.short, **more)
    told = {(one.id, one.target): one.text for one in written if one.text is not None}
    texts = RowTexts(contexts={}, rewritten=told)
    return replace(found, texts=texts, unwritten=dropped(written), of_another=other)


def require_form(settings: CurateSettings, form: Format) -> None:
    """Require a format that holds what the policy makes.

    Raises:
        InputError: Pairs are for TRL alone.
    """
    if settings.policy == REFINE and form not in ("trl", "jsonl"):
        problem = f"{REFINE} makes pairs of answers, in TRL's form"
        raise InputError(problem, field="format", seen=form, remedy="Give trl.")


def _tossed(pair: CuratedRow, seed: int) -> CuratedRow:
    """A pair of which a coin says which answer is preferred."""
    chosen, rejected = pair.row.messages[-1], pair.rejected or ""
    if draw(seed, "curate/refining/coin", pair.row.id) % 2:
        turns = (*pair.row.messages[:-1], replace(chosen, content=rejected))
        pair = replace(pair, row=replace(pair.row, messages=turns), rejected=chosen.content)
    return replace(pair, policy=CONTROL)


def _contexts(settings: CurateSettings) -> dict[str, str]:
    """Contexts by row id, for the policy that needs them."""
    if settings.policy != "contextualise":
        return {}
    if settings.contexts is None:
        problem = "contextualise needs the knowledge that each conflicting row takes"
        remedy = "Name a file of texts: rows of id, target, text, tries; `harmonia write` writes such files."
        raise InputError(problem, field="contexts", remedy=remedy)
    return {one.id: one.text for one in read_written(Path(settings.contexts)) if one.text}


def require_place(path: Path, format: Format, inputs: Inputs = ()) -> None:
    """Require that a set and all beside it can be written.

    Raises:
        InputError: It cannot, or a file of others would be lost.
    """
    if path.suffix != ".jsonl":
        raise InputError(
            "a set is JSON Lines",
            file=path,
            field="out",
            seen=path.suffix,
            remedy="Let the name end in .jsonl.",
        )
    for one in (path, control_of(path)):
        require_file_place(one, inputs=inputs, ours=_is_ours)
        require_beside(one, format, inputs)
    require_file_place(summary_of(path), inputs=inputs, ours=lambda file: "harmonia" in _object(file))


def control_of(path: Path) -> Path:
    """Where the control of a set stands."""
    return path.with_name(f"{path.stem}.{CONTROL}{path.suffix}")


def summary_of(path: Path) -> Path:
    """Where the summary of a set stands."""
    return path.with_suffix(".summary.json")


def _is_ours(path: Path) -> bool:
    try:
        _, first = next(json_rows(path, what="the set"))
    except (InputError, StopIteration):
        return False
    return isinstance(first, dict) and MODEL_ERROR in first


def _object(path: Path) -> dict[str, Any]:
    try:
        return read_object(path, what="the summary")
    except InputError:
        return {}
