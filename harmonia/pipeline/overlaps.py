"""The leakage check of a run: which test questions its models have been shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harmonia.analysis.tables import FOLDER, LEAKAGE
from harmonia.data.leakage import (
    Overlap,
    Pool,
    find_overlaps,
    leaked_test_items,
    leaked_training_items,
)
from harmonia.numbers import counted
from harmonia.pipeline.workbench import Workbench
from harmonia.types import Belief


def check_leakage(bench: Workbench) -> list[str]:
    """Compare all training items, demonstrations and suites of the run, and list what overlaps."""
    overlaps = find_overlaps(list(_pools(bench)), ngram=bench.experiment.leakage.ngram)
    LEAKAGE.write(bench.run / FOLDER, overlaps)
    kinds = Counter((o.left_domain, o.left, o.right_domain, o.right) for o in overlaps)
    _, table = LEAKAGE.files(FOLDER)
    return [
        f"{counted(number, 'overlap')} of {left_domain}, {left} with {right_domain}, {right}: see {table}"
        for (left_domain, left, right_domain, right), number in kinds.items()
        if left_domain == right_domain
    ]


def suite_items_left_out(bench: Workbench) -> dict[tuple[str, str], frozenset[str]]:
    """Ids that the settings leave out of scores, by (domain, suite)."""
    return leaked_test_items(_read(bench)) if bench.experiment.leakage.exclude == "scores" else {}


def usable(bench: Workbench, domain_name: str, beliefs: Sequence[Belief]) -> list[Belief]:
    """The beliefs that a domain's groups may be made of."""
    if bench.experiment.leakage.exclude != "training":
        return list(beliefs)
    leaked = leaked_training_items(_read(bench)).get(domain_name, frozenset())
    return [belief for belief in beliefs if belief.item.id not in leaked]


def _read(bench: Workbench) -> tuple[Overlap, ...]:
    return LEAKAGE.read(bench.run / FOLDER)


def _pools(bench: Workbench) -> Iterator[Pool]:
    for name, domain in bench.experiment.domains.items():
        yield Pool(domain=name, role="train", name="train", items=bench.items(domain.train).items)
        if domain.shots is not None:
            yield Pool(domain=name, role="shots", name="shots", items=bench.items(domain.shots).items)
        for suite_name, suite in domain.suites.items():
            yield Pool(domain=name, role="suite", name=suite_name, items=bench.items(suite.items).items)
            if suite.shots is not None and suite.shots != domain.shots:
                shots = bench.items(suite.shots).items
                yield Pool(domain=name, role="shots", name=f"{suite_name} shots", items=shots)
