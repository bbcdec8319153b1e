"""The prompts of a run, rendered anew by its settings: what the base model was asked, word for word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harmonia.analysis.tables import PROBE
from harmonia.data import ItemSource, read_items
from harmonia.data.source import data_root
from harmonia.errors import InputError
from harmonia.hashing import file_sha256
from harmonia.models.folder import ModelSettings
from harmonia.parsing import validated
from harmonia.prompts import PromptSettings, ShotPool, Template, build_template, parse_form
from harmonia.prompts.controls import plain_text
from harmonia.report.run_index import RunIndex
from harmonia.types import Item


class Rendering:
    """Renders the prompts of a run with the model's tokenizer and the demonstrations, where these are here.

    Nothing is fetched, and no code of a model is run.

    Args:
        index: The run's files.

    Raises:
        InputError: The tokenizer is not here, or is another by now.
    """

    def __init__(self, index: RunIndex) -> None:
        self._manifest, self._file, values = index.manifest, index.run / "experiment.yaml", index.settings
        self._domains: Mapping[str, Any] = values.get("domains") or {}
        self._root = data_root(values.get("data_root"))
        self._settings = validated(PromptSettings, values.get("prompt") or {}, file=self._file)
        model = dict(values.get("model") or {}, trust_remote_code=False)
        if not Path(str(model.get("path"))).is_dir():
            raise InputError("the model, whose tokenizer it takes, is not here", seen=model.get("path"))
        from harmonia.models.load import load_tokenizer

        self._tokenizer = load_tokenizer(validated(ModelSettings, model, file=self._file))
        self._templates: dict[str, Template] = {}
        self._pools: dict[tuple[str, str], ShotPool | None] = {}
        noted = index.manifest.template_hash
        if noted and self._template(self._settings.method).hash != noted:
            raise InputError("the prompt's text is another by now: this is another version or tokenizer")

    def prompts(self, domain: str, suite: str, asking: tuple[str, str], items: Iterable[Item]) -> list[str]:
        """The prompts of a form by a method, an item each; behind several draws those of the first.

        Raises:
            InputError: The demonstrations are not here, or are others by now.
        """
        form, template = parse_form(asking[0]), self._template(asking[1])
        pool = self._pool(domain, suite) if form.shots else None
        shots = ((item, pool.choose(item, form.shots) if pool else ()) for item in items)
        return [plain_text(template.prompt(item, form, some).context) for item, some in shots]

    def _template(self, method: str) -> Template:
        if method not in self._templates:
            settings = self._settings.model_copy(update={"method": method})
            self._templates[method] = build_template(settings, self._tokenizer)
        return self._templates[method]

    def _pool(self, domain: str, suite: str) -> ShotPool | None:
        if (domain, suite) not in self._pools:
            of = self._domains.get(domain) or {}
            declared = of if suite == PROBE else of["suites"][suite]
            self._pools[domain, suite] = self._read(declared.get("shots"), domain, suite)
        return self._pools[domain, suite]

    def _read(self, declared: Any, domain: str, suite: str) -> ShotPool | None:
        if declared is None:
            return None
        source = validated(ItemSource, declared, file=self._file)
        place = self._root / source.path
        if not place.exists():
            raise InputError("the file of demonstrations is not here", file=place)
        noted = self._manifest.data.get(f"{domain}/{'shots' if suite == PROBE else f'{suite} shots'}")
        if noted and noted.sha256 and place.is_file() and file_sha256(place) != noted.sha256:
            raise InputError("the file of demonstrations is another by now", file=place)
        return ShotPool.of(read_items(source, self._root).items, self._settings)
