"""Every question of a run on its page: found, sorted, filtered and opened, with what each model answered."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from harmonia.files import read_text
from harmonia.numbers import count
from harmonia.report.question_data import QuestionData
from harmonia.report.run_files import RunFiles
from harmonia.report.run_index import RunIndex

LIMIT = 36_000_000
"""Most bytes of data in a page, which with all else then stays below 40 MB."""
_HERE = Path(__file__).parent


def explorer(run: RunFiles, limit: int = LIMIT) -> Markup:
    """The table of every question: HTML with its data, style and scripts.

    Where the data take more than `limit` bytes, prompts and then questions, evenly, are left out, and the
    page says so.

    Returns:
        The HTML; empty where nothing has been asked yet.

    Raises:
        InputError: A file of the run is damaged.
    """
    questions = QuestionData(RunIndex(run.path, run.manifest))
    if not questions.all:
        return Markup()
    # Of more texts than fit most are never made into values of Python.
    share = min(1.0, limit / questions.text_bytes)
    if share < 1:
        questions.drop_prompts()
    text, shown = questions.json(share)
    if share == 1 and len(text.encode()) > limit:
        questions.drop_prompts()
        text, shown = questions.json()
    if (size := len(text.encode())) > limit:
        text, shown = questions.json(0.95 * share * limit / size)
    return Markup("\n").join(
        [
            *(
                Markup(f"<style>{_asset(name)}</style>")
                for name in ("assets/tabulator.min.css", "explorer.css")
            ),
            *([] if shown == questions.all else [_cut(shown, questions.all)]),
            Markup(_asset("explorer.html")),
            Markup(f'<script type="application/json" id="explorer-data">{text}</script>'),
            *(
                Markup(f"<script>{_asset(name)}</script>")
                for name in ("assets/tabulator.min.js", "explorer.js")
            ),
        ]
    )


def _cut(shown: int, questions: int) -> Markup:
    said = (
        f"This table holds {count(shown)} of {count(questions)} questions, taken evenly from each suite: "
        "more would make the page too large. All of them are beside it as Parquet, in items/ and "
        "predictions/, and harmonia query finds them."
    )
    return Markup('<p class="warning" role="note">{}</p>').format(said)


def _asset(name: str) -> str:
    """A file of this folder, without the address of a source map, which is not here."""
    lines = read_text(_HERE / name, what="a part of the page").splitlines()
    return "\n".join(line for line in lines if "# sourceMappingURL=" not in line)
