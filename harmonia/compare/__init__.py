"""Two models asked the same -> what a fine-tuning by any tool kept, lost and gained.

AskedOfBoth (canaries.py) -> what each says (said.py) -> what became of it (result.py, check.py)
                     -> tables (tables.py), sentences (lead.py), page (page.py), folder (folder.py)
"""

from harmonia.compare.canaries import AskedOfBoth, QuestionSuite
from harmonia.compare.result import Found
from harmonia.compare.run import Comparing
from harmonia.compare.settings import CompareSettings

__all__ = ["AskedOfBoth", "CompareSettings", "Comparing", "Found", "QuestionSuite"]
