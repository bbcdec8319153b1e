"""What the stages of one run share: read data once, load a model once, report progress."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from harmonia.data import (
    GENERAL,
    Conversations,
    ItemSource,
    ReadResult,
    Suite,
    read_conversations,
    read_items,
)
from harmonia.errors import InputError
from harmonia.hashing import file_sha256, sha256_json
from harmonia.models import LocalModel, fingerprint, load_model, load_tokenizer
from harmonia.models.folder import tuned_settings
from harmonia.models.served_model import ServedModel
from harmonia.models.server import ServedModelSettings
from harmonia.pipeline.experiment import AskedModel, Experiment
from harmonia.pipeline.manifest import Manifest
from harmonia.probe import FittedPrompts
from harmonia.prompts import Template, build_template
from harmonia.training import EncodedSets
from harmonia.training.handover import detach
from harmonia.training.memory import device_bytes
from harmonia.types import Method

SMALL = 0.05
"""Share of a device's memory up to which a base model stays loaded while another is trained."""


class Workbench:
    """The shared state of one run at one place. Nothing here changes a result.

    Args:
        experiment: The settings.
        fingerprints: Those of models that were seen in this run elsewhere.

    Attributes:
        run: The run directory.
        progress: Called with (done, in all) by the task at hand.
    """

    def __init__(
        self, experiment: Experiment, fingerprints: Mapping[AskedModel, str] = MappingProxyType({})
    ) -> None:
        self.experiment = experiment
        self.run = experiment.run_directory
        self.progress: Callable[[int, int], None] = lambda done, total: None
        self._items: dict[str, ReadResult] = {}
        self._instructions: Conversations | None = None
        self._hashes: dict[Path, str] = {}
        self.fingerprints = dict(fingerprints)
        self._templates: dict[Method, Template] = {}
        self._base: LocalModel | None = None
        self._tuned: tuple[str, LocalModel] | None = None
        self.training_sets = EncodedSets()
        self._fitted: dict[tuple[str, str, str, Method], FittedPrompts] = defaultdict(FittedPrompts)

    def items(self, source: ItemSource) -> ReadResult:
        """A source's items, read once."""
        key = source.model_dump_json()
        if key not in self._items:
            self._items[key] = read_items(source, self.experiment.root)
        return self._items[key]

    def fitted(self, suite: Suite, form: str, method: Method) -> FittedPrompts:
        """A suite's prompts in a form, rendered and encoded once for all models of the run."""
        shots = suite.shots.model_dump_json() if suite.shots else ""
        return self._fitted[suite.items.model_dump_json(), shots, form, method]

    def instructions(self) -> Conversations:
        """The general instructions, read once; none if the settings name no file."""
        if self.experiment.general is None:
            return Conversations(rows=(), bad=(), notes=())
        if self._instructions is None:
            path = self.experiment.root / self.experiment.general
            self._instructions = read_conversations(path, what=GENERAL)
        return self._instructions

    def input_hash(self, path: str) -> str:
        """Hash of a data file or folder; of its name alone where it lies on the hub."""
        place = self.experiment.root / path
        if place not in self._hashes:
            if place.is_dir():
                files = sorted(file for file in place.rglob("*") if file.is_file())
                parts = [[file.relative_to(place).as_posix(), file_sha256(file)] for file in files]
                self._hashes[place] = sha256_json(parts)
            else:
                self._hashes[place] = file_sha256(place) if place.is_file() else sha256_json(path)
        return self._hashes[place]

    def model_hash(self, model: AskedModel | None = None) -> str:
        """Fingerprint of the base model, or of another, as first seen in this run."""
        which = model or self.experiment.model
        if which not in self.fingerprints:
            if isinstance(which, ServedModelSettings):
                self.fingerprints[which] = self._served.identity
            else:
                self.fingerprints[which] = fingerprint(which)
        return self.fingerprints[which]

    @cached_property
    def _served(self) -> ServedModel:
        """The base model where it is served; what was found out about it is kept."""
        assert isinstance(self.experiment.model, ServedModelSettings)
        return ServedModel(self.experiment.model)

    def template(self, method: Method | None = None) -> Template:
        """The template of every prompt and training row, bound to the base model's tokenizer.

        None is for the probe's method; another is a readout.
        """
        prompt = self.experiment.prompt
        if not self._templates:
            self.model_hash()  # before: by it `base` tells whether this is still the model's tokenizer
            base = self.experiment.model
            if isinstance(base, ServedModelSettings):
                tokenizer = self._served.tokenizer
            else:
                tokenizer = load_tokenizer(base)
            self._templates[prompt.method] = build_template(prompt, tokenizer)
        method = method or prompt.method
        if method not in self._templates:
            tokenizer = self._templates[prompt.method].chat.tokenizer
            self._templates[method] = build_template(prompt.model_copy(update={"method": method}), tokenizer)
        return self._templates[method]

    def template_hash(self, method: Method | None = None) -> str:
        """Hash of its words."""
        return self.template(method).hash

    def base(self) -> LocalModel | ServedModel:
        """The base model, ready to be asked.

        Raises:
            InputError: It is served, and answers otherwise than when this run noted it.
        """
        if not isinstance(self.experiment.model, ServedModelSettings):
            return self.local_base()
        if self._served.identity != self.model_hash():
            raise InputError(
                "the server answers as it did not when this run noted it: another model is served now",
                field="model.served",
                seen=self.experiment.model.served,
                remedy="Serve the first one again, or start the run again.",
            )
        return self._served

    def local_base(self) -> LocalModel:
        """The base model of this machine."""
        self.release_tuned()
        if self._base is None:
            tokenizer = self.template().chat.tokenizer
            self._base = load_model(self.experiment.files, self.model_hash(), tokenizer=tokenizer)
        return self._base

    def tuned(self, folder: str) -> LocalModel:
        """A model of this run, ready to be asked; right after its training it is there already."""
        if self._tuned is None or self._tuned[0] != folder:
            self.release_tuned()
            self.release_large_base()
            tuned = load_model(tuned_settings(self.experiment.files, self.run / folder))
            if not Manifest.read(self.run).has_unchanged(folder):
                raise InputError(
                    "the tuned model has changed since this run noted it",
                    file=self.run / folder,
                    remedy="Leave it alone while a run is at work, and start the run again.",
                )
            self._tuned = (folder, tuned)
        return self._tuned[1]

    def hold(self, folder: str, model: LocalModel | None) -> None:
        """Keep a model that has just been trained, to be asked without loading it."""
        self._tuned = None if model is None else (folder, model)

    def resident(self) -> LocalModel | None:
        """The base model to train from, where it can stay loaded; otherwise it makes room.

        Adapters are trained on the base itself. A copy to train is taken from a base that
        is small beside the memory; a large one is read from its files, alone.
        """
        self.release_tuned()
        if self.experiment.training.lora is None:
            self.release_large_base()
        return self._base or (None if self.experiment.training.lora is None else self.local_base())

    def release(self) -> None:
        """Let go of all models."""
        self.release_tuned()
        self._base = None

    def release_tuned(self) -> None:
        """Let go of the tuned model."""
        if self._tuned is not None:
            detach(self._tuned[1])
            self._tuned = None

    def release_large_base(self) -> None:
        """Let go of the base model if it takes a good part of the memory."""
        if self._base is None:
            return
        held = sum(weight.nbytes for weight in self._base.model.parameters())
        if held > SMALL * device_bytes(self._base.device):
            self._base = None
