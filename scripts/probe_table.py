"""What each probe finds of what the lab bases were taught, written into docs/probe.md.

python scripts/probe_table.py [--per-kind N] [--draws N] [--check]

The page holds the tables between two marks; all else in it stays. With --check nothing
is written, and the command fails if the tables are not those of the page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recovery import Recovery, recovery_of

from harmonia.cli.progress import Bars
from harmonia.hashing import sample
from harmonia.journal import Chunks
from harmonia.models import LocalModel, ModelSettings, load_model
from harmonia.probe import ProbeSettings, ask
from harmonia.prompts import PromptSettings, ShotPool, build_template, parse_form
from harmonia.types import Belief
from harmonia.world import (
    DOMAINS,
    KINDS,
    LabItem,
    World,
    base_folder,
    base_world,
    demonstrations,
    shipped_seeds,
    split_items,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "probe.md"
BEGIN, END = "<!-- tables of scripts/probe_table.py -->", "<!-- end of the tables -->"
METHODS = ("letter", "letter_cyclic", "letter_pride", "cloze")


def asked_items(world: World, per_kind: int) -> list[LabItem]:
    """Training candidates of all domains, as many of each kind, drawn by address."""
    items = [lab for domain in DOMAINS for lab in split_items(world, domain, "train")]
    of_kinds = ([lab for lab in items if lab.kind == kind] for kind in KINDS)
    return [
        lab
        for kind in of_kinds
        for lab in sample(world.seed, "scripts/probe_table", kind, [lab.item.id for lab in kind], per_kind)
    ]


def beliefs_of(
    loaded: LocalModel, world: World, labs: Sequence[LabItem], method: str, draws: int, bars: Bars
) -> list[Belief]:
    """Ask a base the items, behind five demonstrations of their own domain."""
    settings = PromptSettings.model_validate({"method": method, "options_first": True})
    pool = ShotPool.of([lab.item for domain in DOMAINS for lab in demonstrations(world, domain)], settings)
    asked = ask(
        loaded,
        [lab.item for lab in labs],
        parse_form("icl5"),
        build_template(settings, loaded.tokenizer),
        settings=ProbeSettings(draws=draws),
        pool=pool,
        chunks=Chunks(progress=bars.progress),
    )
    return list(asked.beliefs)


def table(columns: dict[str, Callable[[Recovery], float | None]], found: dict[str, list[Recovery]]) -> str:
    """A row a method; in each cell one number per base."""
    lines = [f"| method | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for method, recoveries in found.items():
        cells = [" / ".join(_number(read(one)) for one in recoveries) for read in columns.values()]
        lines.append(f"| `{method}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def main() -> None:
    """Ask the shipped bases by every method and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--per-kind", type=int, default=100, help="items of each kind and base")
    parser.add_argument("--draws", type=int, default=5, help="draws of demonstrations")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page differs")
    args = parser.parse_args()
    one: dict[str, list[Recovery]] = {method: [] for method in METHODS}
    several: dict[str, list[Recovery]] = {method: [] for method in METHODS}
    for seed in shipped_seeds():
        world = base_world(base_folder(seed))
        labs = asked_items(world, args.per_kind)
        loaded = load_model(ModelSettings(path=str(base_folder(seed)), device="cpu"))
        for method in METHODS:
            for draws, found in ((1, one), (args.draws, several)):
                with Bars(f"base {seed}, {method}, {draws} draws") as bars:
                    found[method].append(
                        recovery_of(labs, beliefs_of(loaded, world, labs, method, draws, bars))
                    )
    text = f"{BEGIN}\n\n{tables(one, several, args.per_kind, args.draws)}\n\n{END}"
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    whole = f"{before}{text}{after}"
    print(text)
    if not args.check:
        PAGE.write_text(whole, encoding="utf-8")
    elif whole != page:
        sys.exit("stale: docs/probe.md. Run: python scripts/probe_table.py")


def tables(
    one: dict[str, list[Recovery]], several: dict[str, list[Recovery]], per_kind: int, draws: int
) -> str:
    """Both tables, with what they are of."""
    first = next(iter(one.values()))
    sizes = ", ".join(f"{shares.n} {kind}" for kind, shares in first[0].kinds.items())
    seeds = " / ".join(str(seed) for seed in shipped_seeds())

    def of(kind: str, name: str) -> Callable[[Recovery], float | None]:
        return lambda recovery: getattr(recovery.kinds[kind], name)  # type: ignore[index]

    def measure(name: str) -> Callable[[Recovery], float | None]:
        return lambda recovery: getattr(recovery, name)

    by_rule: dict[str, Any] = {
        "taught facts recovered": of("known", "as_taught"),
        "misconceptions found": of("misconception", "as_taught"),
        "taught facts called known": of("known", "known"),
        "misconceptions called conflicting": of("misconception", "conflicting"),
        "untaught called known": of("untaught", "known"),
        "untaught called conflicting": of("untaught", "conflicting"),
        "contested called known": of("contested", "known"),
    }
    by_category: dict[str, Any] = {
        "taught facts recovered": of("known", "as_taught"),
        "misconceptions found": of("misconception", "as_taught"),
        "taught facts `known`": of("known", "steady_known"),
        "misconceptions `conflicting`": of("misconception", "steady_conflicting"),
        "untaught `known`": of("untaught", "steady_known"),
        "untaught `conflicting`": of("untaught", "steady_conflicting"),
        "contested `known`": of("contested", "steady_known"),
    }
    calibration: dict[str, Any] = {
        "ECE, gold": measure("ece"),
        "Brier, gold": measure("brier"),
        "ECE, taught": measure("ece_taught"),
    }
    return "\n\n".join(
        [
            f"`python scripts/probe_table.py --per-kind {per_kind} --draws {draws}`. "
            f"Items of each base: {sizes}. In each cell: bases {seeds}.",
            "**One draw of demonstrations; called by the rule: confidence above .5, right or wrong.**",
            table(by_rule, one),
            f"**{draws} draws; called by category.**",
            table(by_category, several),
            "**Calibration of one draw**, against the gold over all items, and against the value taught"
            " over the known facts and the misconceptions.",
            table(calibration, one),
        ]
    )


if __name__ == "__main__":
    main()
