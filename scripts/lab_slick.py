"""SliCK's categories of the lab's facts, by what the corpus did with them: a table for docs/lab.md.

python scripts/lab_slick.py [--per-kind 100]
"""

from __future__ import annotations

import argparse

from harmonia.hashing import sample
from harmonia.models import ModelSettings, load_model
from harmonia.slick.knowledge import CATEGORIES, SlickSettings, probe_knowledge
from harmonia.slick.questions import OpenQuestion
from harmonia.world import DOMAINS, base_folder, base_world, free_questions, shipped_seeds

# (kind of fact, the value that counts as right)
ASKED = (
    ("known", "true"),
    ("misconception", "true"),
    ("misconception", "taught"),
    ("untaught", "true"),
    ("contested", "true"),
)
SETTINGS = SlickSettings(question="{question}\nAnswer:", max_new_tokens=4)


def shares(seed: int, per_kind: int) -> list[str]:
    """A cell a row of the table: counts of the four categories."""
    folder = base_folder(seed)
    loaded = load_model(ModelSettings(path=str(folder), device="cpu"))
    facts = [one for domain in DOMAINS for one in free_questions(base_world(folder), domain)]
    # Demonstrations that contradict what was taught would themselves be an intervention.
    pool = [
        OpenQuestion(id=one.id, domain=one.domain, question=one.question, answers=(one.answer,))
        for one in facts
        if one.kind == "known"
    ]
    cells = []
    for kind, value in ASKED:
        of_kind = [one for one in facts if one.kind == kind]
        chosen = sample(seed, f"lab_slick/{kind}", of_kind, [one.id for one in of_kind], per_kind)
        questions = [
            OpenQuestion(
                id=one.id,
                domain=one.domain,
                question=one.question,
                answers=(one.answer if value == "true" else str(one.belief),),
            )
            for one in chosen
        ]
        found = [one.category for one in probe_knowledge(loaded, questions, pool, SETTINGS)]
        cells.append(" / ".join(str(found.count(category)) for category in CATEGORIES))
    return cells


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-kind", type=int, default=100)
    per_kind = parser.parse_args().per_kind
    columns = [shares(seed, per_kind) for seed in shipped_seeds()]
    heads = "".join(f" seed {seed} |" for seed in shipped_seeds())
    print(f"{per_kind} facts a kind; cells: {' / '.join(CATEGORIES)}\n")
    print(f"| kind | right is the |{heads}")
    print(f"| --- | --- |{' --- |' * len(columns)}")
    for row, (kind, value) in enumerate(ASKED):
        print(f"| {kind} | {value} value | {' | '.join(cells[row] for cells in columns)} |")


if __name__ == "__main__":
    main()
