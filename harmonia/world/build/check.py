"""Does a rebuilt base behave as the shipped one of its seed?

On another machine, or with another number of threads, sums come out in another order
and a training takes another path: the weights differ, what the base knows must not.
The bounds below say how far the figures of two builds of one seed may lie apart. They
were set before the first comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harmonia.errors import InputError
from harmonia.world.bases import base_folder, base_record


class Bounds(NamedTuple):
    """Largest differences of a form: of the share of answers, and of the share above one half."""

    answers: float
    confident: float


BOUNDS = {
    "letter5": Bounds(0.05, 0.15),
    "cloze5": Bounds(0.05, 0.15),
    "open5": Bounds(0.10, 0.15),
    "chat0": Bounds(0.15, 0.25),
    "open0": Bounds(0.10, 0.25),
}
_SAME = ("recipe_version", "world", "training")


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureDifference:
    """One figure of two builds.

    Attributes:
        measure: `as_taught`, `gold` or `confident`.
        shipped: Figure of the shipped base, 0 to 1.
        rebuilt: Figure of the rebuilt base, 0 to 1.
        bound: Largest difference that counts as the same behaviour.
    """

    kind: str
    form: str
    measure: str
    shipped: float
    rebuilt: float
    bound: float

    @property
    def within(self) -> bool:
        """Whether the difference keeps to its bound, rounding aside."""
        return abs(self.rebuilt - self.shipped) <= self.bound + 1e-9


def compare_builds(rebuilt: Path) -> list[FigureDifference]:
    """Compare the figures of a rebuilt base with those of the base of its seed in the package.

    Answers are compared where one answer is right: as taught for taught facts, at the
    true value for all facts where the text states it. Confidence is compared everywhere.

    Raises:
        InputError: A folder holds no `lab.json`, or the two were built by other settings.
    """
    new = base_record(rebuilt)
    old = base_record(base_folder(new["seed"]))
    for name in _SAME:
        if new[name] != old[name]:
            problem = "the two bases were not built by the same recipe"
            remedy = "Compare a base built by `harmonia lab build` of this version."
            raise InputError(problem, file=rebuilt / "lab.json", field=name, seen=new[name], remedy=remedy)
    return [
        FigureDifference(
            kind=kind,
            form=form,
            measure=measure,
            shipped=cell[measure],
            rebuilt=new["figures"][kind][form][measure],
            bound=BOUNDS[form].confident if measure == "confident" else BOUNDS[form].answers,
        )
        for kind, forms in old["figures"].items()
        for form, cell in forms.items()
        for measure in _measures(kind, form)
    ]


def _measures(kind: str, form: str) -> tuple[str, ...]:
    if form.startswith("open"):
        return ("gold", "confident")
    return ("as_taught", "confident") if kind in ("known", "misconception") else ("confident",)
