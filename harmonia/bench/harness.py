"""Baseline (c): lm-evaluation-harness's `hf` backend on the task that we export.

Timed is what scores: encoding the texts and the forward passes. Building the texts and
taking the metrics are not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from harmonia.bench.turns import Work, timed
from harmonia.export.harness import export_task
from harmonia.models import LocalModel
from harmonia.models.memory import out_of_memory
from harmonia.prompts import Form, PromptSettings, ShotPool
from harmonia.types import Item

BEST = "(c) lm-eval hf, best batch"
BATCH_SIZES = (1, 4, 8, 32)

Likelihoods = Callable[[], list[float]]
"""Log-likelihood in nats of each option of each item, one after the other."""


def harness_works(
    loaded: LocalModel,
    items: Sequence[Item],
    pool: ShotPool,
    settings: PromptSettings,
    *,
    batch_sizes: Sequence[int],
) -> dict[int, Likelihoods]:
    """One piece of work per batch size: score all items, as the harness does with `--model hf`.

    The questions are of one domain; batch sizes are the rows in one of its forward passes.
    """
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    form = Form(chat=False, shots=settings.shots)
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder) / "task"
        export_task(
            items, task, name="bench", form=form, exam=settings.exam, preset=settings.preset, pool=pool
        )
        manager = TaskManager(include_path=str(task), include_defaults=False)
        (built,) = manager.load(["bench"])["tasks"].values()
    built.build_all_requests()

    def score(lm: HFLM) -> list[float]:
        return [value for value, _ in lm.loglikelihood(built.instances, disable_tqdm=True)]

    return {
        size: partial(
            score,
            HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=size, device=loaded.device),
        )
        for size in batch_sizes
    }


def best_harness_work(
    loaded: LocalModel, items: Sequence[Item], pool: ShotPool, settings: PromptSettings
) -> tuple[int, Work] | str:
    """The batch size that was fastest in one trial, with its work; or why there is none."""
    if find_spec("lm_eval") is None:
        return "lm-eval is not installed: pip install 'harmonia[harness]'"
    same = [item for item in items if item.domain == items[0].domain]
    sizes = [size for size in BATCH_SIZES if size <= len(same)]
    works = harness_works(loaded, same, pool, settings, batch_sizes=sizes)
    works[sizes[0]]()  # the first of all calls pays for imports
    seconds = {}
    for size, work in works.items():
        try:
            seconds[size] = timed(work)
        except Exception as error:
            if not out_of_memory(error):
                raise
    if not seconds:
        return "memory ran out"
    best = min(seconds, key=lambda size: seconds[size])
    return best, Work.of(works[best], per=len(same))
