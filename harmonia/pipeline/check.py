"""What would fail a later stage, told before the first one: files, devices, libraries, servers."""

from __future__ import annotations

from collections.abc import Sequence

from harmonia.models.folder import require_whole
from harmonia.models.load import pick_device
from harmonia.pipeline.stage import Stage
from harmonia.pipeline.texts import require_writers
from harmonia.pipeline.workbench import Workbench
from harmonia.training.needs import require_trainable

__all__ = ["check"]


def check(bench: Workbench, stages: Sequence[Stage]) -> None:
    """Look for what the stages still to be run need.

    Raises:
        InputError: A file, a device, a tracker, a kind of attention or a server is not there,
            or what is to be trained is an adapter.
        MissingExtraError: A library is not.
    """
    kinds = {stage.key.partition("/")[0] for stage in stages}
    if kinds & {"probe", "write", "train", "evaluate"}:
        pick_device(bench.experiment.model.device)
    if "write" in kinds:
        require_writers(bench.experiment)
    if "groups" in kinds:
        bench.instructions()
    if "train" in kinds:
        require_whole(bench.experiment.model)
        require_trainable(bench.experiment.model, bench.experiment.training)
