"""Coverage: texts of a reference corpus from where a fine-tuning file is sparse, rewritten into rows.

After Liang et al. (2025, arXiv 2501.09368). Rows of the file and texts of the corpus are embedded by
the last hidden states of the model that rewrites. On two principal components of both together each set
has a density (Gaussian kernels, Scott's bandwidth). The file is sparse at a text where its density is
below the corpus's. Of these texts the first by one draw of each are rewritten: the model writes a
question that the text answers, then the answer. Texts that state nothing (headings, lists of links, code,
a question alone) are left out before, and what it writes must be a question.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harmonia.curate.audited import AuditedRows, question_key
from harmonia.curate.settings import COVERAGE, CoverageSettings, CurateSettings
from harmonia.data.conversations import fields_of
from harmonia.data.seen import SeenRows
from harmonia.errors import EmptyGroupError, InputError
from harmonia.hashing import FirstDrawn
from harmonia.journal import Chunks, Progress
from harmonia.models import Continuation, LocalModel
from harmonia.models.embed import Embedder, embedder_of
from harmonia.types import Conversation, Message
from harmonia.writers import dropped
from harmonia.writers.checks import form_problem
from harmonia.writers.tries import WritingTask, write_checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 4096
"""Rows, and texts, that densities are taken from."""
HELD_BACK = "asks for a fact that is held back"
NO_QUESTION = "ends in no question mark"

_CLOSED = r"[\"'“”’»」』)\]）]*"
_QUESTION = re.compile(f"[?？؟]{_CLOSED}$")
_STATEMENT = re.compile(rf"(?:[^\s\d.]|\w{{3}})[.!…]{_CLOSED}(?:\s|$)|[。！।॥۔።]")
"""The end of a sentence that is no question, and no number of a list."""

_CHUNK = 64
CORPUS = "the reference corpus"
_FEWEST = 3
_NOTHING, _REPEATED = "state nothing", "repeat an earlier one"
"""Why a text is left out."""


class Reference(NamedTuple):
    """A text of the corpus, what its row is called, and its line."""

    id: str
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What came of a corpus.

    Attributes:
        rows: The texts as rows.
        texts: Texts that were embedded.
        stating_nothing: Texts that were left out, as no sentence of theirs states anything.
        repeated: Texts that were left out, as an earlier one is the same.
        sparse: Those where the file is sparse.
        unwritten: Texts that could not be rewritten, by reason.
    """

    rows: tuple[Conversation, ...]
    texts: int
    stating_nothing: int
    repeated: int
    sparse: int
    unwritten: Mapping[str, int]


def covered(
    model: Any,
    rows: Iterable[Conversation],
    size: int,
    audited: AuditedRows,
    how: CurateSettings,
    *,
    journal: Path | None = None,
    progress: Progress | None = None,
) -> Covered:
    """Texts from where a file is sparse, as rows.

    Args:
        model: Who embeds and rewrites.
        rows: Rows of the file.
        size: Rows of the whole set.
        audited: The audit, whose held-back facts no row may ask for.
        how: The settings; they name the corpus: JSON Lines, JSON or Parquet with a `text` in each row.
        journal: A folder for what is done.
        progress: Told how far it is.

    Raises:
        EmptyGroupError: No text became a row.
        InputError: The corpus or the model cannot be used, or the set is too small for one more row.
    """
    settings, seed, reference = how.coverage, how.seed, Path(how.reference or "")
    if not isinstance(model, LocalModel):
        remedy = "Give a model folder (--model)."
        raise InputError("it shows no hidden states, as its files are not here", field="model", remedy=remedy)
    wanted = max(1, int(settings.share * size))
    if wanted >= 0.1 * size:
        problem = f"one rewritten text would be 10 % of a set of {size}"
        raise InputError(problem, field="budget", remedy="Take more than 10 rows.")
    texts, left_out = _read(reference, seed)
    embedder = embedder_of(model)
    ours, theirs = (
        _vectors(embedder, some, Chunks(journal and journal / f"{name}.jsonl", progress))
        for name, some in (("rows", _drawn(rows, seed)), ("texts", [one.text for one in texts]))
    )
    try:
        chosen = list(compress(texts, sparse(ours, theirs)))
    except (ValueError, np.linalg.LinAlgError) as error:
        problem = "the rows or the texts are too few, or too much alike, to have a density"
        why = "; ".join(f"{why}: {count}" for why, count in left_out.items())
        problem += f" (texts left out, as they {why})" if why else ""
        remedy = "Give more of them."
        raise InputError(problem, file=reference, field="reference", remedy=remedy) from error
    written, unwritten = _rewritten(model, chosen[:wanted], audited, settings, seed, journal, progress)
    if not written:
        why = "".join(f"; {reason}: {count}" for reason, count in unwritten.items())
        problem = f"no text of the corpus became a row ({len(chosen)} where the file is sparse{why})"
        raise EmptyGroupError(problem, file=reference, field="policy", seen=COVERAGE, remedy="Give others.")
    return Covered(
        rows=tuple(written),
        texts=len(texts),
        stating_nothing=left_out[_NOTHING],
        repeated=left_out[_REPEATED],
        sparse=len(chosen),
        unwritten=unwritten,
    )


def sparse(rows_ND: NDArray[Any], texts_MD: NDArray[Any]) -> NDArray[np.bool_]:
    """At which texts the rows' density is below the texts' own, by embeddings of both.

    Raises:
        ValueError: There are too few of either.
        LinAlgError: They have no spread on two components.
    """
    from scipy.stats import gaussian_kde

    if min(len(rows_ND), len(texts_MD)) < _FEWEST:
        raise ValueError("too few points")
    both = np.concatenate([rows_ND, texts_MD]).astype(np.float64)
    both -= both.mean(0)
    _, _, axes = np.linalg.svd(both, full_matrices=False)
    rows, texts = np.split((both @ axes[:2].T).T, [len(rows_ND)], axis=1)
    below: NDArray[np.bool_] = gaussian_kde(rows).logpdf(texts) < gaussian_kde(texts).logpdf(texts)
    return below


def _drawn(rows: Iterable[Conversation], seed: int) -> Sequence[str]:
    drawn = FirstDrawn[str](MOST, seed, "curate/coverage/rows")
    for row in rows:
        drawn.add(row.id, "\n".join(turn.content for turn in row.messages))
    return drawn.members


def _read(path: Path, seed: int) -> tuple[tuple[Reference, ...], Counter[str]]:
    """The texts that state something, each once, and how many others there are, by reason."""
    drawn = FirstDrawn[Reference](MOST, seed, "curate/coverage/texts")
    left_out, seen = Counter[str](), SeenRows()
    for line, fields in fields_of(path, what=CORPUS):
        if isinstance(fields, InputError):
            raise fields
        text = fields.get("text")
        if not isinstance(text, str) or not text.strip():
            remedy = "Give each row a `text`."
            raise InputError(
                f"a row of {CORPUS} has no text", file=path, row=line, field="text", remedy=remedy
            )
        text = text.strip()
        if not _STATEMENT.search(text):
            left_out[_NOTHING] += 1
        elif seen.first(text, "", line)[0] != line:
            left_out[_REPEATED] += 1
        else:
            drawn.add(str(line), Reference(f"{path.name}:{line}", line, text))
    if not drawn.members:
        problem = f"{CORPUS} has no text with a sentence that states something"
        remedy = (
            "Give running text: headings, links, lists, code and questions alone say nothing to ask about."
        )
        raise InputError(problem, file=path, field="text", remedy=remedy)
    return drawn.members, left_out


def _vectors(embedder: Embedder, texts: Sequence[str], chunks: Chunks) -> NDArray[np.float32]:
    def embedded(_: int, some: Sequence[str]) -> list[str]:
        return [base64.b64encode(one.tobytes()).decode() for one in embedder.embed(some)]

    packed = chunks.results(embedded, texts, _CHUNK, str)
    return np.stack([np.frombuffer(base64.b64decode(one), dtype=np.float32) for one in packed])


def _rewritten(
    model: LocalModel,
    texts: Sequence[Reference],
    audited: AuditedRows,
    settings: CoverageSettings,
    seed: int,
    journal: Path | None,
    progress: Progress | None,
) -> tuple[list[Conversation], Counter[str]]:
    """Questions, then answers; a text that lacks either is left out."""

    def problem(written: Continuation, asks: bool) -> str | None:
        text = written.text.strip()
        if (why := form_problem(written, sentence=False)) or not asks:
            return why
        if not _QUESTION.search(text):
            return NO_QUESTION
        return HELD_BACK if question_key(text) in audited.held_questions else None

    def ask(wording: str, about: Sequence[tuple[Reference, dict[str, str]]], name: str) -> list[str | None]:
        tasks = [
            WritingTask(
                id=str(one.line),
                target=0,
                prompt=wording.format(**parts),
                problem=partial(problem, asks="question" not in parts),
            )
            for one, parts in about
        ]
        found = write_checked(
            model,
            tasks,
            settings,
            seed=seed,
            stage=f"curate/coverage/{name}",
            stop=("\n",),
            journal=journal and journal / f"{name}.jsonl",
            progress=progress,
        )
        lost.update(dropped(found))
        return [one.text for one in found]

    lost: Counter[str] = Counter()
    asked = [(one, {"text": one.text}) for one in texts]
    questions = zip(texts, ask(settings.question, asked, "questions"), strict=True)
    posed = [(one, {"text": one.text, "question": said}) for one, said in questions if said]
    answers = zip(posed, ask(settings.answer, posed, "answers"), strict=True)
    user, assistant = partial(Message, role="user"), partial(Message, role="assistant")
    return [
        Conversation(
            id=one.id,
            line=one.line,
            messages=(user(content=parts["question"]), assistant(content=said)),
        )
        for (one, parts), said in answers
        if said
    ], lost
