"""The last arrow of the flow: a run directory -> a page that reads anywhere, and its figures.

    load -> sentences, tables, figures, what is missing -> page

Only files of the run are read. Importing this package loads no charting library.
"""

from pathlib import Path

__all__ = ["write_report"]


def write_report(run: Path) -> Path:
    """Write `report.html` and `figures/` into a finished or partly finished run directory.

    The same files give the same bytes again. The page needs no other file and no
    network.

    Returns:
        Path of the page.

    Raises:
        InputError: `run` is no run directory, or one of its files is corrupt.
    """
    from harmonia.report.page import write_page

    return write_page(run)
