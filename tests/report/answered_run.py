"""A run directory with questions, beliefs, answers and training rows, of any size, without a model."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harmonia.data.stored_items import write_items
from harmonia.groups.group_files import write_group
from harmonia.probe import write_answers
from harmonia.types import Belief, GroupRow, Item, Message

GROUPS = ("harmonious", "incompatible", "self_aligning", "contextualised")
HOSTILE = "<script>window.hit = 1</script> or <img src=x onerror='window.hit = 2'>?"
ODD: dict[tuple[str, int], dict[str, Any]] = {
    ("in_domain", 6): {
        "id": "__proto__ \"q'1",
        "choices": tuple(f"option {k}" for k in range(26)),
        "answer": 25,
    },
    ("in_domain", 7): {
        "id": "<b>rtl</b>",
        "question": "ما هي عاصمة مصر؟",
        "choices": ("القاهرة", "</script>", "دبر"),
    },
    ("in_domain", 8): {"question": "long " * 2_000 + "x" * 2_000, "explanation": ""},
}
"""What else a file of questions may hold, by suite and number."""
_WORDS = ("alder", "basalt", "copper", "delta", "ember", "fjord", "granite", "harbour", "indigo", "kelp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a run is to be; questions are those of all domains' suites together."""

    items: int = 120
    groups: int = 2
    seeds: int = 2
    domains: tuple[str, ...] = ("law", "rocks")
    suites: tuple[str, ...] = ("homogeneous", "in_domain")
    words: int = 12


def write_answered_run(run: Path, size: Size = Size()) -> Path:
    """Write it; `manifest.json` names each file."""
    stages: dict[str, object] = {}
    draw = np.random.default_rng(7)
    each = size.items // (len(size.domains) * len(size.suites))
    for domain in size.domains:
        suites = {suite: _items(domain, suite, each, size.words, draw) for suite in size.suites}
        train = _items(domain, "train", 40, size.words, draw)
        items = run / "items" / f"{domain}.parquet"
        write_items(items, [*train, *(item for some in suites.values() for item in some)])
        _note(stages, run, f"data/{domain}", items)
        _answer(stages, run, f"probe/{domain}", run / "beliefs" / f"{domain}.parquet", train, "icl5", draw)
        for suite, some in suites.items():
            for form in ("icl5", "chat0"):
                _suite(stages, run, f"{domain}/base", form, suite, some, draw)
            for group in GROUPS[: size.groups]:
                for seed in range(size.seeds):
                    _suite(stages, run, f"{domain}/{group}/seed{seed}", "chat0", suite, some, draw)
        for group in GROUPS[: size.groups]:
            for seed in range(size.seeds):
                path = run / "groups" / domain / f"seed{seed}" / f"{group}.jsonl"
                write_group(path, [_row(item, group) for item in train[:10]])
                _note(stages, run, f"groups/{domain}/seed{seed}/{group}", path)
    (run / "experiment.yaml").write_text("name: answered\ngroups: {threshold: 0.5}\n", encoding="utf-8")
    about = {"name": "answered", "seeds": list(range(size.seeds)), "method": "letter", "stages": stages}
    (run / "manifest.json").write_text(json.dumps(about), encoding="utf-8")
    return run


def _items(domain: str, suite: str, count: int, words: int, draw: np.random.Generator) -> list[Item]:
    def text(length: int) -> str:
        return " ".join(_WORDS[k] for k in draw.integers(len(_WORDS), size=length))

    items = [
        Item(
            id=f"{domain}-{suite}-{number}",
            domain=domain,
            question=HOSTILE if (suite, number) == ("in_domain", 3) else f"{text(words)}, {number}?",
            choices=tuple(f"{text(2)} {letter}" for letter in "abcd"[: 3 if number % 5 == 0 else 4]),
            answer=int(draw.integers(3)),
            explanation=text(words),
            source=f"{domain}/{suite}.jsonl",
            split=suite,
        )
        for number in range(count)
    ]
    return [replace(item, **ODD.get((suite, number), {})) for number, item in enumerate(items)]


def prompt_of(item: Item, form: str) -> str:
    """A prompt as the exam has it; that of a form with examples begins with one that has the same options."""
    asked = "\n".join(
        [item.question, *(f"{k}. {text}" for k, text in zip("ABCD", item.choices, strict=False))]
    )
    shot = f"An example?\nA. {item.choices[0]}\nB. no\nAnswer: A\n\n" if form.startswith("icl") else ""
    return f"{shot}{asked}\nAnswer:"


def _suite(
    stages: dict[str, object],
    run: Path,
    who: str,
    form: str,
    suite: str,
    items: list[Item],
    draw: np.random.Generator,
) -> None:
    where = f"{who}/{form}/letter/{suite}"
    _answer(stages, run, f"evaluate/{where}", run / "predictions" / f"{where}.parquet", items, form, draw)


def _answer(
    stages: dict[str, object],
    run: Path,
    key: str,
    path: Path,
    items: list[Item],
    form: str,
    draw: np.random.Generator,
) -> None:
    domain = key.split("/")[1]
    beliefs = []
    for item in items:
        probs = draw.dirichlet(np.full(len(item.choices), 0.4))
        pred = int(probs.argmax())
        beliefs.append(
            Belief(
                item=item,
                probs=tuple(map(float, probs)),
                pred=pred,
                confidence=float(probs[pred]),
                correct=pred == item.answer,
                letter_mass=0.9,
                form=form,
                method="letter",
                preset="corrected",
                shots=int(form.removeprefix("icl")) if form.startswith("icl") else 0,
                asked_probs=tuple(map(float, probs)),
                draws=1,
                prompt=prompt_of(item, form) if "/base/" in key else None,
            )
        )
    write_answers(path, beliefs, run / "items" / f"{domain}.parquet", {})
    _note(stages, run, key, path)


def _row(item: Item, group: str) -> GroupRow:
    target = (item.answer + 1) % 3 if group == "incompatible" else item.answer
    said = f"{'ABCD'[target]}. {item.choices[target]}"
    return GroupRow(
        id=item.id,
        domain=item.domain,
        group=group,
        question=item.question,
        choices=item.choices,
        answer=item.answer,
        target=target,
        messages=(Message(role="user", content=item.question), Message(role="assistant", content=said)),
    )


def _note(stages: dict[str, object], run: Path, key: str, path: Path) -> None:
    name = path.relative_to(run).as_posix()
    stages[key] = {"status": "done", "reason": None, "notes": [], "outputs": {name: {"size": 1}}}
