"""A fine-tuning file and a model -> which rows the model knows, and which fight what it believes.

Conversation -> readings of its words (first.py) -> own answers where in doubt (own.py)
             -> verdict (rule.py, verdict.py) -> rows.parquet (rows.py)
"""

from harmonia.audit.rows import AUDIT_ROWS, ROWS, AuditRow, write_rows
from harmonia.audit.run import Audit, Audited, AuditedFile, read_rows
from harmonia.audit.settings import AuditSettings

__all__ = [
    "AUDIT_ROWS",
    "ROWS",
    "Audit",
    "AuditRow",
    "AuditSettings",
    "Audited",
    "AuditedFile",
    "read_rows",
    "write_rows",
]
