"""Items -> a task folder of lm-evaluation-harness that asks our prompt, offline.

    FOLDER/NAME.yaml  FOLDER/NAME.test.jsonl  FOLDER/NAME.dev.jsonl  FOLDER/harmonia_data.py

`lm_eval --include_path FOLDER --tasks NAME` then scores the texts that `harmonia probe`
scores. The data holds each question as it is asked: a second template in the task could
drift. The demonstrations are a few-shot split of which the first ones are shown, as the
harness's own MMLU does it. Items of several domains become
one task each, and a group NAME over them. The folder may be moved.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harmonia.errors import InputError
from harmonia.files import write_json_lines, write_text
from harmonia.outputs import fresh_directory
from harmonia.prompts import ExamFormat, Form, ShotPool
from harmonia.types import Item, Preset

_LOADER = '''"""Gives lm-evaluation-harness the rows that lie beside this file, wherever the folder is."""

import json
from pathlib import Path

from datasets import Dataset, DatasetDict


def load(task_name, splits, **_):
    return DatasetDict({split: Dataset.from_list(_rows(f"{task_name}.{split}.jsonl")) for split in splits})


def _rows(name):
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\\n") if line]
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedTask:
    """What was written.

    Attributes:
        name: What to give to `--tasks`.
        tasks: Items of each task; more than one where the items are of several domains.
        left_out: Ids of items not written, because they are themselves among the
            demonstrations; the harness shows all items of a task the same ones.
    """

    name: str
    tasks: dict[str, int]
    left_out: tuple[str, ...]


def export_task(
    items: Sequence[Item],
    folder: Path,
    *,
    name: str,
    form: Form,
    exam: ExamFormat,
    preset: Preset = "corrected",
    pool: ShotPool | None = None,
) -> ExportedTask:
    """Write a task folder.

    A prompt longer than the model is cut from the left by the harness; `harmonia probe`
    leaves out demonstrations instead.

    Earlier files of harmonia's in the folder are replaced, others stay. The preset is `corrected`, or
    `harness` for the texts of the harness's own MMLU. A pool is needed for `icl<k>` with k above 0.

    Raises:
        InputError: A name that the harness cannot use, a form or a choice of
            demonstrations that it cannot repeat, or no item left to ask.
    """
    _check(name, form, preset, pool)
    by_domain: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_domain[item.domain].append(item)
    names = {domain: name if len(by_domain) == 1 else f"{name}_{_slug(domain)}" for domain in by_domain}
    if len(set(names.values())) < len(names):
        raise InputError("two domains have the same name in letters and digits", seen=sorted(names))
    tasks: dict[str, int] = {}
    left_out: list[str] = []
    with fresh_directory(folder) as partial:
        for domain, asked in by_domain.items():
            shown = _demonstrations(asked[0], pool)
            shots = shown[: form.shots]
            same = [pool is None or pool.choose(item, form.shots) == shots for item in asked]
            kept = [item for item, fits in zip(asked, same, strict=True) if fits]
            left_out += [item.id for item, fits in zip(asked, same, strict=True) if not fits]
            if kept:
                _write_task(partial, names[domain], kept, shown, form, exam, preset)
                tasks[names[domain]] = len(kept)
        if not tasks:
            raise InputError("no item is left to ask", remedy="Give items that are not demonstrations.")
        if len(by_domain) > 1:
            _write_yaml(partial / f"{name}.yaml", _group(name, list(tasks)))
        write_text(partial / "harmonia_data.py", _LOADER)
    return ExportedTask(name=name, tasks=tasks, left_out=tuple(left_out))


def _check(name: str, form: Form, preset: Preset, pool: ShotPool | None) -> None:
    if not re.fullmatch(r"\w[\w-]*", name):
        raise InputError(
            "not a task's name", field="name", seen=name, remedy="Use letters, digits, _ and - only."
        )
    if form.chat:
        remedy = "Export icl<k>; give --apply_chat_template to lm_eval for a chat."
        raise InputError("the harness renders chats itself", field="form", seen=str(form), remedy=remedy)
    if preset == "repo":
        problem = "the released scripts' token rules cannot be told to the harness"
        raise InputError(
            problem, field="preset", seen=preset, remedy="Export with preset corrected or harness."
        )
    form.require_shots(pool)
    if pool is not None and pool.choice != "fixed":
        problem = "the harness shows the same demonstrations for all items"
        raise InputError(problem, field="shot_choice", seen=pool.choice, remedy="Use shot_choice: fixed.")


def _demonstrations(item: Item, pool: ShotPool | None) -> tuple[Item, ...]:
    """All that the pool has for an item's domain, in order."""
    return pool.choose(replace(item, question=""), len(pool.items)) if pool else ()


def _write_task(
    folder: Path,
    name: str,
    items: Sequence[Item],
    shown: tuple[Item, ...],
    form: Form,
    exam: ExamFormat,
    preset: Preset,
) -> None:
    dev = [_row(item, exam, preset) for item in shown]
    solved = [
        f"{row['text']}{exam.wording.joint}{row['answers'][row['answer']]}" for row in dev[: form.shots]
    ]
    how = {"form": str(form), "shots": len(solved), "method": exam.method, "preset": preset}
    test = (
        # Whoever reads the harness's log can tell by the hash whether it asked this very text.
        row | how | {"prompt_hash": _hash("\n\n".join([row["intro"], *solved, row["text"]]))}
        for row in (_row(item, exam, preset) for item in items)
    )
    write_json_lines(folder / f"{name}.test.jsonl", test)
    if dev:
        write_json_lines(folder / f"{name}.dev.jsonl", dev)
    metrics = ("acc", "acc_norm") if exam.method == "cloze" else ("acc",)
    task = {
        "task": name,
        "dataset_kwargs": {"task_name": name, "splits": ["test", "dev"] if dev else ["test"]},
        "output_type": "multiple_choice",
        "test_split": "test",
        **({"fewshot_split": "dev", "fewshot_config": {"sampler": "first_n"}} if dev else {}),
        "num_fewshot": len(solved),
        "description": "{{intro}}\n\n",
        "doc_to_text": "text",
        "doc_to_choice": "answers",
        "doc_to_target": "answer",
        "target_delimiter": exam.wording.joint,
        "fewshot_delimiter": "\n\n",
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in metrics
        ],
        "metadata": {"version": 1},
    }
    _write_yaml(folder / f"{name}.yaml", task, "custom_dataset: !function harmonia_data.load\n")


def _row(item: Item, exam: ExamFormat, preset: Preset) -> dict[str, Any]:
    return {
        **{name: getattr(item, name) for name in ("id", "domain", "question")},
        "choices": list(item.choices),
        **{name: getattr(item, name) for name in ("answer", "explanation", "source", "split", "cluster")},
        "intro": exam.intro(item),
        "text": _text(item, exam, preset),
        "answers": list(exam.answers(item)),
    }


def _text(item: Item, exam: ExamFormat, preset: Preset) -> str:
    return exam.block(replace(item, question=item.question.strip()) if preset == "harness" else item)


def _group(name: str, tasks: Sequence[str]) -> dict[str, Any]:
    return {
        "group": name,
        "task": list(tasks),
        "aggregate_metric_list": [{"metric": "acc", "weight_by_size": True}],
        "metadata": {"version": 1},
    }


def _write_yaml(path: Path, values: dict[str, Any], tagged: str = "") -> None:
    # JSON values are YAML, and show white space as it is.
    lines = (f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
    write_text(path, "".join(lines) + tagged)


def _slug(domain: str) -> str:
    return re.sub(r"\W+", "_", domain).strip("_").lower()


def _hash(prompt: str) -> str:
    """As lm-evaluation-harness notes it in its log."""
    return hashlib.sha256(prompt.encode()).hexdigest()
