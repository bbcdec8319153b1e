"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harmonia.models import ModelSettings

Model = Annotated[str, typer.Option("--model", help="A model folder, an adapter folder, or a hub id.")]
GgufFile = Annotated[str | None, typer.Option(help="A GGUF file in that folder.")]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run Python code that the model's folder brings.")
]
Dtype = Annotated[str, typer.Option(help="float32, bfloat16 or float16.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
Items = Annotated[str, typer.Option(help="Questions: a file, a folder, or a data set id.")]
Reader = Annotated[str, typer.Option(help="Whose columns they have; auto looks at the file.")]
ItemSettings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Settings of the items, such as columns.question=stem columns.choices=[a,b,c] split=test; "
        "shots.KEY=VALUE for the demonstrations alone.",
    ),
]
ShotsFrom = Annotated[str | None, typer.Option(help="Demonstrations, read like the items.")]
Domain = Annotated[
    str | None, typer.Option(help="What the questions are about, as prompts say it; default from the data.")
]
MethodName = Annotated[str, typer.Option(help="letter, cloze, letter_cyclic or letter_pride.")]
PresetName = Annotated[str, typer.Option(help="Rules of prompt and tokens: corrected, repo or harness.")]
Draws = Annotated[int, typer.Option(help="Draws of demonstrations that a belief is the mean of.")]
OptionOrder = Annotated[str, typer.Option(help="Order of the options as asked: given or random.")]
Normalise = Annotated[str, typer.Option(help="Length that cloze is divided by: raw, char or token.")]
Language = Annotated[str, typer.Option(help="Language of the exam prompt: en or zh.")]
Chat = Annotated[
    str, typer.Option(help="Chat template: vicuna, or the model's own (model; of several model:NAME).")
]
OptionsFirst = Annotated[bool, typer.Option("--options-first", help="Put the options above the question.")]
SubjectsOf = Annotated[str | None, typer.Option(help="Only the MMLU subjects of this domain.")]
SubjectsOutside = Annotated[str | None, typer.Option(help="Only the MMLU subjects outside this domain.")]
OnBadRow = Annotated[str, typer.Option(help="fail names the first bad row; skip leaves all bad rows out.")]
Limit = Annotated[int | None, typer.Option(help="Ask only so many items, drawn by --seed.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of every random choice.")]
BatchTokens = Annotated[
    int | None,
    typer.Option(help="Tokens in one forward pass; found by itself. Changes results by rounding at most."),
]
KeepPrompts = Annotated[bool, typer.Option("--keep-prompts", help="Keep the scored texts.")]
Out = Annotated[Path, typer.Option(help="Where to write.")]
RecordsOut = Annotated[Path, typer.Option("--out", help="Where to write: .parquet, .jsonl or .csv.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def model_settings(
    path: str, gguf_file: str | None, trust_remote_code: bool, dtype: str = "float32", device: str = "auto"
) -> ModelSettings:
    """The model that the options name."""
    from harmonia.models import ModelSettings

    values = {"path": path, "gguf_file": gguf_file, "trust_remote_code": trust_remote_code}
    return ModelSettings.model_validate({**values, "dtype": dtype, "device": device})
