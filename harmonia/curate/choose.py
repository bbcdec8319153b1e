"""Which rows a policy takes, and which the control: by one draw of each row, in little memory.

The pool is all audited rows, but for facts that are held back and for rows that are marked as a
model's own errors. A policy takes the first of its rows in the order of their draws, the control
`random` as many of the whole pool in the same order. `least_conflict` alone orders its rows by how
little they conflict, and by their draws where they do so equally.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harmonia.audit.content import words_of
from harmonia.curate.audited import AuditedRows, JudgedRow
from harmonia.curate.settings import LEAST_CONFLICT, CurateSettings
from harmonia.errors import EmptyGroupError, InputError
from harmonia.groups.policies import FILTERS, Standing, aligned_share
from harmonia.hashing import draw
from harmonia.writers.checks import ends_sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POOL, _CANDIDATE, _CONFLICTING = 1, 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is taken of an audit's rows, in their order.

    Attributes:
        line_N: Line of each row.
        chosen_N: Whether the policy takes it.
        control_N: Whether the control does.
        aligned_N: Whether it is taught the model's own answer.
        pool: Rows to choose from.
        candidates: Those that the policy may take.
        held_back: Rows that are a fact held back, or ask for one.
        errors: Rows that are marked as a model's own errors.
        without_text: Rows that the policy would take, and the text that it needs for them is missing.
    """

    line_N: NDArray[np.int64]
    chosen_N: NDArray[np.bool_]
    control_N: NDArray[np.bool_]
    aligned_N: NDArray[np.bool_]
    pool: int
    candidates: int
    held_back: int
    errors: int
    without_text: int


def choose(audited: AuditedRows, settings: CurateSettings, contexts: Collection[str]) -> Choice:
    """Choose rows; `contexts` are the ids of the rows for which there is one.

    Raises:
        EmptyGroupError: There is no row for the policy.
        InputError: The rows of the audit are not in the file's order.
    """
    lines, draws, conflicts, marks = array("q"), array("Q"), array("d"), array("B")
    held_back = errors = without_text = 0
    for row in audited.rows():
        if lines and row.line <= lines[-1]:
            raise InputError(
                "the rows are not in the file's order", field="line", seen=row.line, remedy="Audit it again."
            )
        mark = 0
        if row.line in audited.errors:
            errors += 1
        elif row.line in audited.held_lines:
            held_back += 1
        else:
            mark = _POOL | (_CONFLICTING if row.category == "conflicting" else 0)
            if _passes(settings.policy, row):
                has = _has_text(settings.policy, row, audited.short, contexts)
                without_text += not has
                mark |= _CANDIDATE if has else 0
        lines.append(row.line)
        draws.append(draw(settings.seed, "curate", row.id))
        conflicts.append(row.conflict)
        marks.append(mark)
    mark_N = np.frombuffer(marks, dtype=np.uint8)
    order_N = np.lexsort((np.frombuffer(lines, dtype=np.int64), np.frombuffer(draws, dtype=np.uint64)))
    candidates, pool = (order_N[mark_N[order_N] & bit > 0] for bit in (_CANDIDATE, _POOL))
    if settings.policy == LEAST_CONFLICT:
        candidates = candidates[np.argsort(np.frombuffer(conflicts)[candidates], kind="stable")]
    if not len(candidates):
        raise _nothing(settings.policy, held_back, errors, without_text)
    size = min(len(candidates), settings.budget or len(candidates))
    taken = candidates[:size]
    conflicting = taken[mark_N[taken] & _CONFLICTING > 0]
    aligned = conflicting[: round(aligned_share(settings.policy) * len(conflicting))]
    return Choice(
        line_N=np.frombuffer(lines, dtype=np.int64),
        chosen_N=_among(taken, len(lines)),
        control_N=_among(pool[:size], len(lines)),
        aligned_N=_among(aligned, len(lines)),
        pool=len(pool),
        candidates=len(candidates),
        held_back=held_back,
        errors=errors,
        without_text=without_text,
    )


def has_own_answer(row: JudgedRow, short: int) -> bool:
    """Whether an audit holds an answer of the model's own that can be taught.

    That of a long answer is a sample which was cut somewhere; it can be where it ends a sentence.
    """
    if row.kind == "choice":
        return row.believed is not None
    own = (row.own_answer or "").strip()
    return bool(own) and (len(words_of(row.answer)) <= short or ends_sentence(own))


def _passes(policy: str, row: JudgedRow) -> bool:
    if policy not in FILTERS:
        return True
    right = row.believed == row.target if row.kind == "choice" else row.category in ("known", "form")
    return FILTERS[policy](Standing(row.category, right, row.agreement))


def _has_text(policy: str, row: JudgedRow, short: int, contexts: Collection[str]) -> bool:
    if row.category != "conflicting":
        return True
    if aligned_share(policy):
        return has_own_answer(row, short)
    return policy != "contextualise" or row.id in contexts


def _among(places: Any, count: int) -> NDArray[np.bool_]:
    found = np.zeros(count, dtype=np.bool_)
    found[places] = True
    return found


def _nothing(policy: str, held_back: int, errors: int, without_text: int) -> EmptyGroupError:
    counts = {
        "held back as canaries": held_back,
        "marked as a model's own errors": errors,
        "without the text they need": without_text,
    }
    why = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return EmptyGroupError(
        f"policy {policy} has no row{f' ({why})' if why else ''}",
        field="policy",
        seen=policy,
        remedy="Choose another policy, or audit more rows.",
    )
