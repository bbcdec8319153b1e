"""The settings of an experiment."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from harmonia.data import ItemSource, Suite
from harmonia.data.leakage import LeakageSettings
from harmonia.data.source import data_root
from harmonia.groups import GroupSettings
from harmonia.groups.settings import require_different
from harmonia.hashing import draw
from harmonia.models import ModelSettings
from harmonia.models.server import ServedModelSettings
from harmonia.parsing import Settings
from harmonia.probe import ProbeSettings
from harmonia.prompts import PromptSettings, parse_form
from harmonia.training import TrainingSettings
from harmonia.types import Method
from harmonia.writers import WritingSettings

_EXECUTION: dict[str, Any] = {"execution": True}
_NO_SUITES = {"train", "shots", "probe", "all"}
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


FILES, SERVER = "model files", "model server"
"""What pydantic calls the two kinds of models, in the places of errors."""
AskedModel = Annotated[
    Annotated[ModelSettings, Tag(FILES)] | Annotated[ServedModelSettings, Tag(SERVER)],
    Discriminator(lambda one: SERVER if isinstance(one, ServedModelSettings) or _is_served(one) else FILES),
]
"""A model that is asked: by its files, or where a server holds it."""


def _is_served(values: Any) -> bool:
    return isinstance(values, dict) and "served" in values


class EvaluationSettings(Settings):
    """In which forms the suites are asked, and by which methods besides the probe's.

    Attributes:
        base_forms: Forms for the base model; None for the probe's form and `chat0`.
        tuned_forms: Forms for tuned models; None for the same.
        readouts: Methods that answers are read out by beside the probe's, in all of these
            forms: what is lost in one and kept in another was not forgotten. None for
            `cloze` beside letters and `letter` beside `cloze`; none beside presets `repo`
            and `harness`, which have letters alone.
    """

    base_forms: tuple[str, ...] | None = Field(default=None, min_length=1)
    tuned_forms: tuple[str, ...] | None = Field(default=None, min_length=1)
    readouts: tuple[Method, ...] | None = None

    @model_validator(mode="after")
    def _are_forms(self) -> EvaluationSettings:
        for form in (*(self.base_forms or ()), *(self.tuned_forms or ())):
            parse_form(form)
        return self

    @field_validator("base_forms", "tuned_forms", "readouts")
    @classmethod
    def _differ(cls, asked: tuple[str, ...] | None) -> tuple[str, ...] | None:
        require_different(asked or ())
        return asked


class DomainSettings(Settings):
    """The data of one domain.

    Attributes:
        train: Items to probe and to build groups from.
        shots: Demonstrations of the probe; None only with `shots: 0`.
        suites: Test suites by any name; `homogeneous`, `in_domain` and `out_of_domain` are the
            paper's, whose figures stand beside theirs.
    """

    train: ItemSource
    shots: ItemSource | None = None
    suites: dict[Annotated[str, Field(pattern=_NAME)], Suite] = Field(min_length=1)

    @field_validator("suites")
    @classmethod
    def _are_no_other_thing(cls, suites: dict[str, Suite]) -> dict[str, Suite]:
        if taken := _NO_SUITES & suites.keys():
            raise ValueError(
                f"'{min(taken)}' names something else in the tables of a run: call the suite otherwise"
            )
        return suites


class RaySettings(Settings):
    """A Ray cluster, and what each of its workers takes of it.

    Attributes:
        address: HOST:PORT of a running cluster, or `auto` on one of its machines. None for the
            environment variable `RAY_ADDRESS`, or else for this machine alone, where a cluster
            is started and stopped.
        cpus: CPUs and threads of a worker.
        gpus: GPUs of a worker; None for one where the cluster has any and the model's device is
            not `cpu`.
        files: `shared` where all machines see the run directory. `returned` where they do not: files go
            through Ray's object store, and data and model lie at the same path on each machine.
    """

    address: str | None = Field(default=None, min_length=1)
    cpus: int = Field(default=1, ge=1)
    gpus: int | None = Field(default=None, ge=0)
    files: Literal["shared", "returned"] = "shared"

    @field_validator("address")
    @classmethod
    def _is_no_client(cls, address: str | None) -> str | None:
        if address and address.startswith("ray://"):
            raise ValueError(
                "start the command on a machine of the cluster (ray job submit does) and write HOST:PORT or "
                "auto: through a Ray client files would not reach the run directory"
            )
        return address


class ExecutionSettings(Settings):
    """Where the tasks of a run are done. Nothing here changes a result.

    Attributes:
        executor: `local` does one after the other in the command's own process, `processes`
            those that wait for nothing side by side, in processes of their own. `ray` does
            them likewise on the machines of a Ray cluster.
        workers: Processes at a time, each with its own model in memory; None for one a core, or
            with `ray` for as many as the cluster has room for.
        keep_models: Tuned models that stay on disk once they were asked: `all`, those of the `last` seed,
            or `none`. One that is gone is trained anew when more is asked of it.
        launch: Command that starts each fine-tuning in several processes, or its words, such as
            `accelerate launch --config_file FILE`; none for training in the worker's own.
        ray: The cluster of executor `ray`.
    """

    executor: Literal["local", "processes", "ray"] = "local"
    workers: int | None = Field(default=None, ge=1)
    launch: tuple[Annotated[str, Field(coerce_numbers_to_str=True)], ...] = ()
    ray: RaySettings = RaySettings()
    keep_models: Literal["all", "last", "none"] = "all"

    @field_validator("launch", mode="before")
    @classmethod
    def _in_words(cls, launch: object) -> object:
        return shlex.split(launch) if isinstance(launch, str) else launch


class Experiment(Settings):
    """Everything that one experiment does. Relative paths start from where the command runs.

    Attributes:
        name: Name of the run, and of its folder.
        out: The run directory; None for `runs/NAME`.
        data_root: Where relative data paths start; None for the environment variable
            `HARMONIA_DATA_ROOT`, or else the current folder.
        model: The base model: its files, or `served` with the address of a server.
        prompt: How questions are put.
        probe: How beliefs are taken.
        leakage: Whether test questions are looked for among what is trained on.
        groups: Training sets.
        writing: Who writes the explanations and contexts that groups need.
        general: File of general instructions; None for none.
        train: Whether to fine-tune; false asks the base model and builds the groups, to be trained elsewhere.
        training: How to fine-tune.
        seeds: One fine-tuning run per group and seed, on groups drawn anew for the seed.
        evaluation: Forms of the test suites.
        domains: Data by domain.
        execution: Where the tasks are done.
    """

    name: str = Field(pattern=_NAME)
    out: str | None = Field(default=None, min_length=1, json_schema_extra=_EXECUTION)
    data_root: str | None = Field(default=None, min_length=1, json_schema_extra=_EXECUTION)
    model: AskedModel
    prompt: PromptSettings = PromptSettings()
    probe: ProbeSettings = ProbeSettings()
    leakage: LeakageSettings = LeakageSettings()
    groups: GroupSettings = GroupSettings()
    writing: WritingSettings = WritingSettings()
    general: str | None = Field(default=None, min_length=1)
    train: bool = True
    training: TrainingSettings = TrainingSettings()
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = Field(default=(0,), min_length=1)
    evaluation: EvaluationSettings = EvaluationSettings()
    domains: dict[Annotated[str, Field(pattern=_NAME)], DomainSettings] = Field(min_length=1)
    execution: ExecutionSettings = Field(default=ExecutionSettings(), json_schema_extra=_EXECUTION)

    @field_validator("seeds")
    @classmethod
    def _differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("a seed stands twice: each is one fine-tuning")
        return seeds

    @model_validator(mode="after")
    def _trains_what_is_here(self) -> Experiment:
        if self.train and isinstance(self.model, ServedModelSettings):
            raise ValueError(
                "a served model cannot be trained: set train: false, which asks it and builds the groups; "
                "train on those elsewhere, and harmonia compare tells what it did"
            )
        return self

    @model_validator(mode="after")
    def _spreads_what_can_be(self) -> Experiment:
        if not self.model.device_map:
            return self
        if self.train and not self.execution.launch:
            raise ValueError(
                "a model that is spread over GPUs (model.device_map) is asked, not trained: have its "
                "fine-tunings started by a launcher (execution.launch), or set train: false"
            )
        if self.execution.executor == "ray" and not self.execution.ray.gpus:
            raise ValueError(
                "execution.ray.gpus must say over how many GPUs a worker spreads the model (model.device_map)"
            )
        return self

    @model_validator(mode="after")
    def _reads_out_what_can_be(self) -> Experiment:
        if self.prompt.method in self.readouts:
            raise ValueError(
                f"readout {self.prompt.method} is the probe's method (prompt.method): leave it out"
            )
        for method in self.readouts:
            PromptSettings.model_validate({**self.prompt.model_dump(), "method": method})
        return self

    @model_validator(mode="after")
    def _has_general_rows(self) -> Experiment:
        if "general_only" in self.groups.names and self.general is None:
            raise ValueError("general_only is the general instructions alone: `general` must name their file")
        return self

    @model_validator(mode="after")
    def _has_what_it_asks_with(self) -> Experiment:
        if self.prompt.shots and any(domain.shots is None for domain in self.domains.values()):
            raise ValueError(
                f"{self.prompt.shots} shots need a file of demonstrations (shots) in every domain"
            )
        for name, domain in self.domains.items():
            for suite_name, suite in domain.suites.items():
                needy = [form for form in {*self.base_forms, *self.tuned_forms} if parse_form(form).shots]
                if needy and suite.shots is None:
                    raise ValueError(
                        f"suite {suite_name} of {name} has no shots, which form {needy[0]} needs"
                    )
        return self

    @property
    def run_directory(self) -> Path:
        """Where the run lies."""
        return Path(self.out) if self.out else Path("runs") / self.name

    @property
    def files(self) -> ModelSettings:
        """The files of the base model, of which fine-tunings are made."""
        assert isinstance(self.model, ModelSettings)  # no other is trained
        return self.model

    @property
    def trained_files(self) -> ModelSettings:
        """The same as a fine-tuning takes them: a launcher shares the model out itself."""
        return self.files.model_copy(update={"device_map": None}) if self.execution.launch else self.files

    @property
    def root(self) -> Path:
        """Where relative data paths start."""
        return data_root(self.data_root)

    @property
    def trained_groups(self) -> tuple[str, ...]:
        """Groups to fine-tune on: of two with the same rows (`mixed_0`, `incompatible`) one."""
        groups = self.groups.groups if self.train else ()
        return tuple(str(name) for name in groups if name.twin not in groups)

    def groups_of(self, seed: int) -> GroupSettings:
        """The grouping for one fine-tuning seed, each with choices of its own."""
        return self.groups.model_copy(update={"seed": draw(self.groups.seed, "groups", f"seed{seed}")})

    def keeps_model(self, seed: int) -> bool:
        """Whether a model tuned with this seed stays on disk once it was asked."""
        keep = self.execution.keep_models
        return keep == "all" or (keep == "last" and seed == self.seeds[-1])

    @property
    def base_forms(self) -> tuple[str, ...]:
        """Forms in which the base model is asked the suites."""
        return self.evaluation.base_forms or (self.prompt.probe_form, "chat0")

    @property
    def tuned_forms(self) -> tuple[str, ...]:
        """Forms in which tuned models are asked the suites."""
        return self.evaluation.tuned_forms or (self.prompt.probe_form, "chat0")

    @property
    def methods(self) -> tuple[Method, ...]:
        """Methods that the suites are asked by."""
        return (self.prompt.method, *self.readouts)

    @property
    def readouts(self) -> tuple[Method, ...]:
        """Methods that the suites are asked by beside the probe's."""
        if self.evaluation.readouts is not None:
            return self.evaluation.readouts
        if self.prompt.method == "cloze":
            return ("letter",)
        return ("cloze",) if self.prompt.preset == "corrected" else ()
