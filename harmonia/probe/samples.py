"""Sample logs of lm-evaluation-harness (`--log_samples`) as belief records.

Read are the rows of any multiple-choice task whose document holds `question`, `choices`
and the index `answer`, as those of `harmonia export-task` and the harness's own MMLU do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harmonia.errors import InputError
from harmonia.probe.views import softmax
from harmonia.prompts import LETTERS

__all__ = ["is_sample", "sample_record"]


def is_sample(values: Mapping[str, Any]) -> bool:
    """Whether a record is a row of the harness's sample log."""
    return {"doc_id", "doc", "arguments", "filtered_resps"} <= values.keys()


def sample_record(values: Mapping[str, Any], path: Path, row: int) -> dict[str, Any]:
    """Turn a row of the log into the fields of a belief record.

    Probabilities are the softmax over the options' log-likelihoods as the harness summed
    them. What the log does not say (which prompt the harness was told to write) stays
    `unknown`, also where a run changed the exported prompt (`--num_fewshot`,
    `--apply_chat_template`).

    Args:
        values: The row.
        path: Its file.
        row: Its line.

    Raises:
        InputError: It is not of a multiple-choice task, or its document is of another form.
    """
    doc, asked = values["doc"], values["arguments"]
    try:
        texts = [asked[f"gen_args_{index}"]["arg_1"] for index in range(len(doc["choices"]))]
        # Rows after these, if any, are the same options without their question (acc_mutual_info).
        logprobs = [float(value) for value, _ in values["filtered_resps"][: len(texts)]]
        question, answer = doc["question"], int(doc["answer"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            "not a row of a multiple-choice task whose documents have question, choices and answer",
            file=path,
            row=row,
            field="doc",
            seen=doc,
            remedy="Give the log of a task of harmonia export-task, or of the harness's MMLU.",
        ) from error
    letters = doc.get("method", "letter") == "letter" and [text.strip() for text in texts] == list(
        LETTERS[: len(texts)]
    )
    same = "prompt_hash" in doc and values.get("prompt_hash") == doc["prompt_hash"]
    names = ("domain", "explanation", "source", "split", *(("form", "shots", "preset") if same else ()))
    probs = list(softmax(logprobs))
    return {
        **{name: doc.get(name) for name in names},
        "domain": doc.get("domain") or doc.get("subject"),
        "id": doc.get("id", values["doc_id"]),
        "question": question,
        "choices": list(doc["choices"]),
        "answer": answer,
        "probs": probs,
        "asked_probs": probs if letters else None,
        "letter_mass": min(1.0, math.fsum(map(math.exp, logprobs))) if letters else None,
        "method": "letter" if letters else "cloze",
        "normalisation": None if letters else "raw",
    }
