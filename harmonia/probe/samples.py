"""Sample logs of lm-evaluation-harness (`--log_samples`) as belief records.

Read are the rows of any multiple-choice task whose document holds `question`, `choices`
and the index `answer`, as those of `harmonia export-task` and the harness's own MMLU do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, StrictInt

from harmonia.errors import InputError
from harmonia.parsing import validated
from harmonia.probe.views import softmax
from harmonia.prompts import LETTERS

_REMEDY = (
    "A multiple-choice task's documents have question, choices and answer (an index): give the log "
    "of a task of harmonia export-task, or of the harness's MMLU."
)
_ROUNDING = 0.01  # models in half precision


class _Doc(BaseModel):
    question: str
    choices: list[str] = Field(min_length=2, max_length=26)
    answer: StrictInt


class _Asked(BaseModel):
    arg_1: str


class _Sample(BaseModel):
    doc: _Doc
    arguments: dict[str, _Asked]
    filtered_resps: list[tuple[float, Any]]


def is_sample(values: Mapping[str, Any]) -> bool:
    """Whether a record is a row of the harness's sample log."""
    return {"doc_id", "doc", "arguments", "filtered_resps"} <= values.keys()


def sample_record(values: Mapping[str, Any], path: Path, row: int) -> dict[str, Any]:
    """Turn a row of the log into the fields of a belief record.

    Probabilities are the softmax over the options' log-likelihoods as the harness summed
    them. What the log does not say (which prompt the harness was told to write) stays
    `unknown`, also where a run changed the exported prompt (`--num_fewshot`,
    `--apply_chat_template`).

    Raises:
        InputError: It is not of a multiple-choice task, its document is of another form, or its
            log-likelihoods are none.
    """
    sample = validated(_Sample, values, file=path, row=row, remedy=_REMEDY)
    doc, count = sample.doc, len(sample.doc.choices)

    def wrong(field: str, problem: str) -> InputError:
        return InputError(problem, file=path, row=row, field=field, seen=values[field], remedy=_REMEDY)

    try:
        texts = [sample.arguments[f"gen_args_{index}"].arg_1 for index in range(count)]
    except KeyError as error:
        raise wrong("arguments", f"no {error.args[0]} for {count} options") from error
    # Rows after these, if any, are the same options without their question (acc_mutual_info).
    logprobs = [value for value, _ in sample.filtered_resps[:count]]
    if len(logprobs) < count:
        raise wrong("filtered_resps", f"{len(logprobs)} log-likelihoods for {count} options")
    if not all(value <= _ROUNDING for value in logprobs) or max(logprobs) == -math.inf:
        raise wrong("filtered_resps", "a log-likelihood is not a number, above 0, or no option is possible")
    said = values["doc"]
    letters = said.get("method", "letter") == "letter" and [text.strip() for text in texts] == list(
        LETTERS[:count]
    )
    mass = math.fsum(map(math.exp, logprobs))
    if letters and mass > 1 + _ROUNDING:
        raise wrong("filtered_resps", f"the letters' probabilities sum to {mass:.3f}")
    same = "prompt_hash" in said and values.get("prompt_hash") == said["prompt_hash"]
    names = ("explanation", "source", "split", "cluster", *(("form", "shots", "preset") if same else ()))
    probs = list(softmax(logprobs))
    return {
        **{name: said.get(name) for name in names},
        "domain": said.get("domain") or said.get("subject"),
        "id": said.get("id", values["doc_id"]),
        "question": doc.question,
        "choices": doc.choices,
        "answer": doc.answer,
        "probs": probs,
        "asked_probs": probs if letters else None,
        "letter_mass": min(1.0, mass) if letters else None,
        "method": "letter" if letters else "cloze",
        "normalisation": None if letters else "raw",
    }
