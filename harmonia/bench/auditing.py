"""Auditing a fine-tuning file: the whole first pass of ours, and loops over one row a pass.

A script that filters by IFD (Li et al. 2024) reads each row twice, with and without its
instruction. Ours reads it behind several draws of demonstrations, too.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harmonia.audit import Audit, AuditedFile, AuditSettings
from harmonia.audit.first import FirstReading, RowRequests
from harmonia.bench.limit import cost_of
from harmonia.bench.subject import Subject
from harmonia.bench.turns import OURS, Timing, Work, in_turn, scaled
from harmonia.models import LocalModel
from harmonia.prompts import Request
from harmonia.types import Conversation

IFD, ALL = "(g) IFD alone, one row a pass", "(h) the same readings, one row a pass"
_IFD_OURS, _ENCODING = "IFD alone", "encoding"


def read_plainly(loaded: LocalModel, requests: Sequence[Request]) -> list[list[tuple[float, float]]]:
    """Baselines (g) and (h): a whole row per forward pass, with logits of every position.

    Returns:
        Log-probability and entropy at each token of each continuation, both in nats.
    """
    import torch

    found = []
    with torch.inference_mode():
        for request in requests:
            (answer,) = request.continuations
            row = torch.tensor([request.context + answer], device=loaded.device)
            logits = loaded.model(input_ids=row, use_cache=False).logits[0, -len(answer) - 1 : -1]
            logprobs = torch.log_softmax(logits.float(), dim=-1)
            own = logprobs.gather(1, row[0, -len(answer) :, None])[:, 0]
            entropy = -(logprobs.exp() * logprobs).sum(-1)
            found.append(list(zip(own.tolist(), entropy.tolist(), strict=True)))
    return found


def audit_of(subject: Subject, rows: int) -> Audit:
    """An audit of the first general instructions, at the default settings."""
    chosen = tuple(
        Conversation(id=name, messages=turns, line=line)
        for line, (name, turns) in enumerate(list(subject.general.items())[:rows], 1)
    )
    file = AuditedFile(path=Path("general"), sha256="", rows=chosen)
    return Audit(subject.loaded, file, AuditSettings())


def of_ifd(asked: RowRequests) -> list[Request]:
    """What an IFD script asks of a row."""
    return [one for one in asked.requests if not one.per_token]


def measure_auditing(subject: Subject, *, rows: int, baseline_rows: int, repeats: int) -> Timing:
    """Measure the first pass, in milliseconds a row.

    The baselines read `baseline_rows` of the rows, evenly spread, as token ids; ours encodes its own.
    """
    audit, loaded = audit_of(subject, rows), subject.loaded
    chosen = list(audit.open_rows)
    few = chosen[:: max(1, len(chosen) // baseline_rows)][:baseline_rows]
    asked = [audit.first.asked(row) for row in few]
    every = [one for row in asked for one in row.requests]
    plain = [one for row in asked for one in of_ifd(row)]
    of_all = [audit.first.asked(row) for row in chosen]
    whole = [one for row in of_all for one in of_ifd(row)]
    cost = cost_of(loaded, [one for row in of_all for one in row.requests])
    audit.first.read(chosen[:1])  # the model is tried out once
    read_plainly(loaded, plain[:1])
    found, skipped = in_turn(
        {
            IFD: Work.of(partial(read_plainly, loaded, plain), per=len(few)),
            ALL: Work.of(partial(read_plainly, loaded, every), per=len(few)),
            OURS: Work.of(partial(audit.first.read, chosen), per=len(chosen)),
            _IFD_OURS: Work.of(partial(loaded.loglikelihoods, whole), per=len(chosen)),
            _ENCODING: Work.of(lambda: [audit.first.asked(row) for row in few], per=len(few)),
        },
        repeats,
    )
    readings, loop = audit.first.read(few), read_plainly(loaded, every)
    return Timing(
        what="audit, first pass",
        unit="ms a row",
        ours=1e3 * found[OURS],
        baselines=scaled(found, 1e3, but=(OURS, _IFD_OURS, _ENCODING)),
        facts={
            "rows": len(chosen),
            "rows of the baselines": len(few),
            "draws": audit.settings.draws,
            "tokens of an answer": statistics.fmean(one.tokens for one in readings),
            "tokens a row of ours, what is shared once": cost.tokens / len(chosen),
            "tokens a row of (g)": sum(map(_length, plain)) / len(few),
            "tokens a row of (h)": sum(map(_length, every)) / len(few),
            "rows a second": 1 / found[OURS],
            "IFD alone by ours, ms a row": 1e3 * found[_IFD_OURS],
            "encoding, in the time of ours alone, ms a row": 1e3 * found[_ENCODING],
            "largest difference to (h), nats": largest_difference(readings, asked, loop),
        },
        skipped=skipped,
        slower=loaded.slower_scoring,
    )


def largest_difference(
    readings: Sequence[FirstReading], asked: Sequence[RowRequests], loop: Sequence[list[tuple[float, float]]]
) -> float:
    """Largest difference between ours and the loop's mean NLL of a row behind a draw, in nats a token."""
    places = iter(loop)
    worst = 0.0
    for reading, row in zip(readings, asked, strict=True):
        for ours, of_draw in zip(reading.draws, row.draws, strict=True):
            tokens = [own for _ in of_draw for own, _ in next(places)]
            worst = max(worst, abs(ours.nll + statistics.fmean(tokens)))
        for _ in of_ifd(row):
            next(places)
    return worst


def _length(request: Request) -> int:
    return len(request.context) + len(request.continuations[0])
