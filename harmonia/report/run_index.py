"""Which files of a run hold its questions, beliefs, answers and training rows.

They are those that the manifest names: what earlier settings left beside them is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harmonia.analysis import ClaimsDocument, Place
from harmonia.analysis.run_answers import Excluded, Who
from harmonia.errors import InputError
from harmonia.files import read_text
from harmonia.parsing import parse_yaml, read_object, validated
from harmonia.report.run_files import ManifestFile

NO_RUN = "Give the folder that `harmonia run` or `harmonia demo` wrote."
"""What to do where a folder is no run directory."""
_REMEDY = "Let the run write this file again: harmonia run."


@dataclass(frozen=True)
class RunIndex:
    """The files of one run, as its manifest names them.

    Attributes:
        run: The run directory.
        manifest: Its manifest.
    """

    run: Path
    manifest: ManifestFile

    @classmethod
    def read(cls, run: Path) -> RunIndex:
        """The files of a run, which may still be at work.

        Raises:
            InputError: The folder is no run directory, or its manifest is damaged.
        """
        path = run / "manifest.json"
        if not path.is_file():
            raise InputError("not a run directory: it holds no manifest.json", file=run, remedy=NO_RUN)
        found = read_object(path, what="the manifest", remedy=_REMEDY)
        return cls(run, validated(ManifestFile, found, file=path, remedy=_REMEDY))

    def outputs(self, kind: str) -> Iterator[str]:
        """Files that tasks of a kind wrote and that are there, as paths in the run directory."""
        for key, stage in self.manifest.stages.items():
            if key.partition("/")[0] == kind:
                yield from (path for path in stage.outputs if (self.run / path).is_file())

    @property
    def items(self) -> dict[str, str]:
        """The file of questions of each domain."""
        return {Path(path).stem: path for path in self.outputs("data") if path.startswith("items/")}

    @property
    def beliefs(self) -> dict[str, str]:
        """The file of the base model's beliefs of each domain."""
        return {Path(path).stem: path for path in self.outputs("probe")}

    @property
    def answers(self) -> dict[Place, str]:
        """The files of answers; those of an earlier version are an error."""
        return {Place.of(path): path for path in self.outputs("evaluate")}

    @property
    def training(self) -> dict[Who, str]:
        """The training sets; those of an earlier version are an error."""
        found = {}
        for path in self.outputs("groups"):
            if len(Path(path).parts) != 4:
                said = "these training sets lie where an earlier version of harmonia put them"
                remedy = "Run the experiment again, with harmonia run: it makes them anew."
                raise InputError(said, file=path, remedy=remedy)
            _, domain, seed, name = Path(path).parts
            if name.endswith(".jsonl"):
                number = int(seed.removeprefix("seed"))
                found[Who(domain=domain, group=Path(name).stem, seed=number)] = path
        return found

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the run, as they are written."""
        path = self.run / "experiment.yaml"
        found: Mapping[str, Any] = parse_yaml(read_text(path, what="the settings"), file=path).values
        return found

    @property
    def threshold(self) -> float:
        """The confidence above which a belief of one draw is sure."""
        try:
            return float(self.settings["groups"]["threshold"])
        except (KeyError, TypeError, ValueError) as error:
            path = self.run / "experiment.yaml"
            raise InputError("no such number", file=path, field="groups.threshold", remedy=_REMEDY) from error

    @cached_property
    def excluded(self) -> Excluded | None:
        """Ids left out of all scores by (domain, suite); None before the analysis."""
        path = self.run / "claims.json"
        if not path.is_file():
            return None
        found = read_object(path, what="the claims")
        return validated(ClaimsDocument, found, file=path, remedy=_REMEDY).left_out
