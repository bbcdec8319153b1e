"""`harmonia.curate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harmonia.arguments import checked
from harmonia.curate import Curated, CurateSettings, curate_audit, open_audit
from harmonia.errors import InputError
from harmonia.journal import Progress
from harmonia.models import Generator
from harmonia.results import Verdicts


def curate(
    audit: Verdicts | str | Path,
    *,
    policy: str,
    budget: int | None = None,
    data: str | Path | None = None,
    model: Generator | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Curated:
    """What to train on instead of a whole fine-tuning file, by what an audit found.

    Args:
        audit: What `audit` gives, or the folder that it wrote.
        policy: `drop_conflicting`, `known_only`, `self_align`, `least_conflict`, ...; docs/curate.md.
        budget: Most rows.
        data: The audited file, where it is not where it was.
        model: Who writes, for `self_distil`, `coverage` and `self_refine`.
        progress: Told how far the writing is.
        settings: Those of the table `curate`: `seed`, `weights`, `contexts`, ...

    Raises:
        EmptyGroupError: There is no row for the policy.
        InputError: A setting, the audit or the file is wrong; or the policy needs what is not given.
    """
    how = checked(CurateSettings, "curate", {**settings, "policy": policy, "budget": budget})
    if model is not None and not hasattr(model, "generate"):
        remedy = "Give what harmonia.load or harmonia.serve gives."
        raise InputError("not of the kind needed", field="model", seen=model, remedy=remedy)
    audited = open_audit(audit.found if isinstance(audit, Verdicts) else audit, data)
    return curate_audit(audited, how, model=model, progress=progress)
