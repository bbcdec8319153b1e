"""What would fail a later task, told before the first one: files, devices, libraries, servers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from harmonia.errors import InputError
from harmonia.groups.interventions import require_third
from harmonia.models.folder import require_whole
from harmonia.models.load import pick_device
from harmonia.models.server import ServedModelSettings
from harmonia.models.spread import gpu_room
from harmonia.pipeline.costs import Costs
from harmonia.pipeline.plan import gpu_memory
from harmonia.pipeline.task import Task
from harmonia.pipeline.texts import require_writers
from harmonia.pipeline.work import read_sources
from harmonia.pipeline.workbench import Workbench
from harmonia.prompts import parse_form, require_encodable
from harmonia.training.launched import require_launcher
from harmonia.training.needs import require_trainable


def check(bench: Workbench, tasks: Sequence[Task]) -> None:
    """Look for what the tasks still to be done need.

    Raises:
        InputError: A file, a row of data, a device, a tracker, a kind of attention, a launcher or a server is
            not there. Or what is to be trained is an adapter, a letter is no token of the model's, or a task
            does not fit the GPU's memory.
        MissingExtraError: A library is not.
    """
    kinds, model = {task.kind for task in tasks}, bench.experiment.model
    here = bench.experiment.execution.executor != "ray"  # else other machines do it
    for task in tasks:
        if task.kind == "data":
            read_sources(bench, task.key.partition("/")[2])
    if kinds & {"probe", "write", "train", "evaluate"}:
        pick_device(model.device)
        _require_encodable(bench)
        if model.device_map and here:
            gpu_room()
    served = isinstance(model, ServedModelSettings)
    if served and "cloze" in bench.experiment.methods and not bench.base().tells_each:
        raise InputError(
            f"by cloze a model is asked for whole texts, and {bench.base().slower_scoring[0]}",
            field="evaluation.readouts",
            seen=bench.experiment.methods,
            remedy="Ask by letters alone (evaluation.readouts=[]).",
        )
    if "write" in kinds:
        require_writers(bench.experiment)
    if "groups" in kinds:
        bench.instructions()
        if "random_wrong" in bench.experiment.groups.names:
            for domain in bench.experiment.domains.values():
                require_third(bench.items(domain.train).items)
    if "train" in kinds:
        require_whole(bench.experiment.files)
        require_trainable(bench.experiment.trained_files, bench.experiment.training)
        if here:
            require_launcher(bench.experiment.execution.launch)
    if here and (room := gpu_memory(model)):
        import torch

        costs, gpus = Costs(bench), torch.cuda.device_count()
        costs.require_room([task for task in tasks if task.kind != "train"], room, gpus)
        launched = gpus if bench.experiment.execution.launch else 1
        costs.require_room([task for task in tasks if task.kind == "train"], room, launched)


def _require_encodable(bench: Workbench) -> None:
    """Require that the questions of each source can be asked in each form and by each method."""
    experiment = bench.experiment
    forms = dict.fromkeys((*experiment.base_forms, *(experiment.tuned_forms if experiment.train else ())))
    for domain in experiment.domains.values():
        asked = [(domain.train, experiment.prompt.probe_form, experiment.prompt.method)]
        suites = [suite.items for suite in domain.suites.values()]
        for source, form, method in (*asked, *product(suites, forms, experiment.methods)):
            require_encodable(bench.items(source).items, parse_form(form), bench.template(method))
