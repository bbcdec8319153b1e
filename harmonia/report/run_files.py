"""The files of a run directory as values.

Fields that a newer harmonia adds are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from harmonia.analysis import ClaimsDocument
from harmonia.columns import Table
from harmonia.groups import GroupsSummary

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class _OfDomain(DataclassInstance, Protocol):
        @property
        def domain(self) -> str: ...

    class _ReadOut(Protocol):
        @property
        def readout(self) -> str: ...


Row = TypeVar("Row", bound="DataclassInstance")
DomainRow = TypeVar("DomainRow", bound="_OfDomain")


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Model(_Read):
    """The base model that was asked."""

    path: str | None = None
    served: str | None = None
    name: str | None = None
    gguf_file: str | None = None
    hash: str | None = None
    tokenizer_hash: str | None = None
    dtype: str | None = None


class AnswerToken(_Read):
    """The token at which a letter's probability was read."""

    id: int
    token: str


class DataFile(_Read):
    """A file of questions, and what of it was left out."""

    file: str
    sha256: str | None = None
    items: int | None = None
    skipped: int | None = None
    repeated: int | None = None


class NotedStage(_Read):
    """What became of one stage and what it wrote; `reason` says why it has no result."""

    status: Literal["done", "not_computed", "failed"]
    reason: str | None = None
    notes: tuple[str, ...] = ()
    outputs: dict[str, Any] = Field(default_factory=dict)
    seconds: float | None = None
    peak_memory_mb: float | None = None


class ManifestFile(_Read):
    """How a run was made. All but the name may be missing from a run that has just begun."""

    name: str
    harmonia: str | None = None
    versions: dict[str, str | None] = Field(default_factory=dict)
    command: tuple[str, ...] = ()
    git_commit: str | None = None
    seeds: tuple[int, ...] = ()
    model: Model | None = None
    preset: str | None = None
    method: str | None = None
    template_hash: str | None = None
    answer_tokens: dict[str, dict[str, AnswerToken]] | None = None
    machine: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, DataFile] = Field(default_factory=dict)
    stages: dict[str, NotedStage] = Field(default_factory=dict)
    tasks: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCurve:
    """The loss of one fine-tuning run, as (step, loss) pairs."""

    domain: str
    group: str
    seed: int
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """All that the report reads of a run directory.

    Attributes:
        path: The run directory.
        settings: Text of `experiment.yaml`.
        manifest: `manifest.json`.
        groups: `groups/DOMAIN/seedN/summary.json` by domain and fine-tuning seed.
        claims: `claims.json`; None where it is not written yet.
        tables: Rows of each table by its name; none where it is not written yet.
        losses: The loss curves of all fine-tuning runs.
        absent: (file, why it matters) for each file that is missing or empty.
    """

    path: Path
    settings: str
    manifest: ManifestFile
    groups: dict[tuple[str, int], GroupsSummary]
    claims: ClaimsDocument | None
    tables: Mapping[str, tuple[Any, ...]]
    losses: tuple[LossCurve, ...]
    absent: tuple[tuple[str, str], ...]

    def rows(self, table: Table[Row]) -> tuple[Row, ...]:
        """The rows of one of the run's tables."""
        return self.tables.get(table.name, ())

    def drawn(self, domain: str) -> list[GroupsSummary]:
        """The summaries of a domain's groups, seed by seed."""
        return [found for (name, _), found in sorted(self.groups.items()) if name == domain]

    def by_probe(self, row: _ReadOut) -> bool:
        """Whether a row is of answers that were read out by the probe's method."""
        return self.manifest.method in (None, row.readout)

    def by_domain(
        self, table: Table[DomainRow], where: Callable[[DomainRow], bool] = lambda _: True
    ) -> dict[str, list[DomainRow]]:
        """The rows of a table that has a column `domain`, by domain; domains by name."""
        found: dict[str, list[DomainRow]] = {}
        for row in filter(where, self.rows(table)):
            found.setdefault(row.domain, []).append(row)
        return dict(sorted(found.items()))
