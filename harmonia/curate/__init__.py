"""Audited rows -> a set to train on, and its control.

Audit (audited.py) -> which rows (choose.py) -> what is made of each (change.py, rewrite.py)
                   -> the set (curated.py), as a trainer reads it (formats.py)
"""

from harmonia.curate.audited import open_audit
from harmonia.curate.change import CuratedRow
from harmonia.curate.curated import Curated, curate_audit
from harmonia.curate.settings import CurateSettings

__all__ = ["CurateSettings", "Curated", "CuratedRow", "curate_audit", "open_audit"]
