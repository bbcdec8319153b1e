"""`harmonia groups`: training sets from beliefs, and what differs between them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harmonia.cli import options as o
from harmonia.cli.given import Given

if TYPE_CHECKING:
    from harmonia.groups import GroupSettings, GroupsSummary
    from harmonia.groups.confounds import ConfoundsRow, TargetLetterRow
    from harmonia.types import Belief


def groups(
    beliefs: o.Beliefs,
    out: o.Out,
    names: Annotated[
        str | None, typer.Option(help="Groups to build: harmonious,incompatible (groups.names).")
    ] = None,
    general: Annotated[Path | None, typer.Option(help="General instructions to mix in.")] = None,
    general_ratio: Annotated[
        float | None, typer.Option(help="General instructions for each row of a group; default 1.")
    ] = None,
    explanations_from: Annotated[
        Path | None, typer.Option(help="Explanations of harmonia write; explanations=own needs them.")
    ] = None,
    domain: o.Domain = None,
    json_: o.Json = False,
) -> None:
    """Build training sets that agree with a model or contradict it, and show what differs between them.

    Example: `harmonia groups --beliefs beliefs.parquet --out groups/ ratios=[0,0.5,1]
    match=[[letter],[letter,confidence]] policies.names=[all,known_only]`
    """
    from harmonia.cli.progress import err
    from harmonia.data import GENERAL, read_conversations
    from harmonia.files import write_json
    from harmonia.groups import GroupSettings, build_groups, summary_of, write_group
    from harmonia.groups.confounds import CONFOUNDS, TARGET_LETTERS, confounds, target_letters
    from harmonia.outputs import fresh_directory, require_folder_place
    from harmonia.probe import read_beliefs
    from harmonia.prompts import ExamFormat, PromptSettings
    from harmonia.writers import read_written, texts
    from harmonia.writers.settings import WrittenFiles

    given = Given.here()
    listed = None if names is None else [part.strip() for part in names.split(",") if part.strip()]
    settings = given.of(GroupSettings, {"names": listed, "general_ratio": general_ratio})
    contexts = given.of(WrittenFiles).contexts
    tables = (*CONFOUNDS.files("."), *TARGET_LETTERS.files("."))
    require_folder_place(
        out,
        inputs=(beliefs, general, explanations_from, contexts),
        names=[*(f"{name}.jsonl" for name in settings.group_names), *tables, "summary.json"],
    )
    asked = read_beliefs(beliefs, domain=domain)
    # Training must speak as the probe did: beliefs taken by cloze are taught as texts.
    method = "cloze" if asked[0].method == "cloze" else "letter"
    words = given.of(PromptSettings, {"method": method})
    exam = ExamFormat(method=words.style, language=words.language, options_first=words.options_first)
    mixed_in = read_conversations(general, what=GENERAL) if general else None
    built = build_groups(
        asked,
        settings,
        exam,
        mixed_in.rows if mixed_in else (),
        texts(read_written(explanations_from)) if explanations_from else {},
        _contexts(contexts, asked, settings),
    )
    name = domain or asked[0].item.domain
    apart, letters = confounds(name, built.rows, asked), target_letters(name, built.rows)
    found = summary_of(built, asked, settings.threshold)
    with fresh_directory(out, keep=True) as partial:
        for name, rows in built.rows.items():
            write_group(partial / f"{name}.jsonl", rows)
        CONFOUNDS.write(partial, apart)
        TARGET_LETTERS.write(partial, letters)
        write_json(partial / "summary.json", asdict(found))
    for note in mixed_in.notes if mixed_in else ():
        err.print(f"general instructions: {note}")
    if json_:
        print(json.dumps({**asdict(found), "confounds": [asdict(row) for row in apart]}))
    else:
        _print(found, apart, letters, out)


def _contexts(path: str | None, beliefs: Sequence[Belief], settings: GroupSettings) -> Mapping[str, str]:
    from harmonia.groups import wanted_texts
    from harmonia.writers import ContextSettings, read_written, texts, write_contexts

    if path is not None:
        written = list(read_written(Path(path)))
    else:
        items = [item for item, _ in wanted_texts(beliefs, settings).contexts]
        written = write_contexts(None, items, ContextSettings())
    return {name: text for (name, _), text in texts(written).items()}


def _print(
    found: GroupsSummary, rows: Sequence[ConfoundsRow], letters: Sequence[TargetLetterRow], out: Path
) -> None:
    from rich.table import Table

    from harmonia.cli.progress import out as console

    console.print(
        f"{found.beliefs} beliefs, {found.confident} above {found.threshold:g}: "
        f"{found.found_right} right, {found.found_wrong} wrong; "
        f"{found.general} general instructions for {found.size} rows"
    )
    for why, count in found.left_out.items():
        console.print(f"left out: {count} ({why})")
    for what, count in found.told.items():
        console.print(f"{count} {what}")
    # Only names may be broken over lines: a cut number would be another number.
    table = Table(caption="TV: total variation of the letters from harmonious; the rest in confounds.csv")
    table.add_column("group", overflow="fold")
    for name in ("letters, %", "TV", "rows", "confidence", "flagged"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        shares = [one.share for one in letters if one.group == row.group]
        apart = row.letters_tv_harmonious
        table.add_row(
            row.group,
            " ".join(f"{100 * share:2.0f}" for share in shares),
            "-" if apart is None else f"{apart:.2f}",
            str(row.rows),
            f"{row.confidence_p50:.2f}",
            f"{row.labels_flagged}/{row.labels_stated}",
        )
    console.print(table)
    console.print(str(out))
