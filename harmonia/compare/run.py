"""Two models, asked one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harmonia.audit import AuditRow
from harmonia.audit.run import Answerer
from harmonia.compare.canaries import AskedOfBoth
from harmonia.compare.result import Found, found_between
from harmonia.compare.said import said_by
from harmonia.compare.settings import CompareSettings
from harmonia.journal import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """What two models are asked, and how.

    Attributes:
        wanted: What.
        settings: How.
        audited: All rows of the audit that is checked; none if none is.
        seed: Seed of the intervals.
    """

    wanted: AskedOfBoth
    settings: CompareSettings
    audited: Sequence[AuditRow] = ()
    seed: int = 0

    def run(
        self,
        before: Callable[[], Answerer],
        after: Callable[[], Answerer],
        *,
        journal: Path | None = None,
        progress: Progress | None = None,
    ) -> Found:
        """Ask both; each is loaded when its turn comes, so that one at a time is in memory.

        What is done is noted in the folder `journal`, to be taken up after an interruption; the caller
        removes it when the result is safe.

        Raises:
            InputError: A model is wrong, or cannot be asked so.
        """
        half = progress and (lambda done, of: progress(done, 2 * of))
        rest = progress and (lambda done, of: progress(of + done, 2 * of))
        was = said_by(before(), self.wanted, self.settings, journal=journal, progress=half)
        form = self.settings.after_form
        now = said_by(after(), self.wanted, self.settings.after, form=form, journal=journal, progress=rest)
        return found_between(was, now, self.wanted, self.settings, audited=self.audited, seed=self.seed)
