"""What `import harmonia` gives: the flow as functions, which the commands call too.

    base    = harmonia.load("folder")
    beliefs = harmonia.probe(base, "train.jsonl", shots="dev.jsonl")
    groups  = harmonia.groups(beliefs)
    tuned   = harmonia.train(base, groups["harmonious"], out="tuned/")
    before  = harmonia.probe(base, "test.jsonl", form="chat0")
    after   = harmonia.probe(tuned, "test.jsonl", form="chat0")
    harmonia.compare(before, after)

Settings have the names of the experiment file (docs/settings.md), as `harmonia settings
COMMAND` lists them; a table is a mapping: `prompt={"preset": "repo"}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from harmonia.arguments import (
    PromptTable,
    answerer_of,
    checked,
    require_answerer,
    require_beliefs,
    require_kind,
    require_seed,
    words_of,
)
from harmonia.audit import AuditSettings
from harmonia.audit.folder import audit_file
from harmonia.compare import CompareSettings, Comparing
from harmonia.compare.folder import require_audit_of, wanted_of
from harmonia.data import GENERAL, read_conversations
from harmonia.data.at_hand import Questions, is_at_hand, items_from
from harmonia.errors import InputError
from harmonia.groups import GroupSettings, build_groups, wanted_texts
from harmonia.journal import Chunks, Progress
from harmonia.models import LocalModel, ModelSettings, Scorer, load_model
from harmonia.models.folder import tuned_settings
from harmonia.models.served_model import ServedModel
from harmonia.models.server import ServedModelSettings
from harmonia.outputs import require_folder_place
from harmonia.probe import ProbeSettings, ask
from harmonia.probe import read_beliefs as read_belief_file
from harmonia.prompts import ExamFormat, PromptSettings, ShotPool, build_template, parse_form
from harmonia.results import Beliefs, Comparison, Groups, ModelComparison, TrainingSet, Verdicts
from harmonia.training import TrainingSettings
from harmonia.types import Belief
from harmonia.writers import ContextSettings, read_written, texts, write_contexts

if TYPE_CHECKING:
    from harmonia.pipeline.plan import Plan

_Model = LocalModel | str | Path


def load(folder: str | Path, **settings: Any) -> LocalModel:
    """A model ready to be asked, on a GPU if there is one.

    Args:
        folder: A model folder, an adapter folder, or a hub id.
        settings: Those of the table `model`: `dtype`, `device`, `gguf_file`, ...

    Raises:
        InputError: It is not a whole causal language model.
    """
    if "path" in settings:
        raise InputError("given twice", field="path", seen=settings["path"], remedy="Give the folder alone.")
    return load_model(checked(ModelSettings, "model", {**settings, "path": str(folder)}))


def serve(url: str, model: str, **settings: Any) -> ServedModel:
    """A model behind a completions server (llama.cpp, vLLM, ...), to be asked like a local one.

    What the server can tell is found out when it is first needed (docs/served.md). It cannot be trained.

    Args:
        url: Address of the server, down to the version: `http://localhost:8000/v1`.
        model: Its name there.
        settings: Those of a served `model`: `tokenizer`, `key_env`, `workers`, ...

    Raises:
        InputError: A setting is wrong, or the key is not in the environment.
    """
    return ServedModel(checked(ServedModelSettings, "model", {**settings, "served": url, "name": model}))


def probe(
    model: Scorer,
    items: Questions,
    *,
    shots: Questions | None = None,
    form: str | None = None,
    prompt: PromptTable | None = None,
    probe: Mapping[str, Any] | ProbeSettings | None = None,
    progress: Progress | None = None,
    journal: Path | None = None,
    **source: Any,
) -> Beliefs:
    """What a model believes of each item, before or after tuning.

    Args:
        model: What `load` or `train` gives.
        items: A path, a pandas DataFrame, a `datasets.Dataset`, or Items.
        shots: Demonstrations, likewise; `icl<k>` with k above 0 needs them.
        form: `icl<k>`, raw with k demonstrations, or `chat0`, in the chat template; None for
            `icl5`, or as many as `prompt` says.
        prompt: Settings of the table `prompt`: `method`, `preset`, `language`, ...
        probe: Settings of the table `probe`: `draws`, `option_order`, ...
        progress: Told how far it is.
        journal: A file for what is done, to be taken up by a call with the same model, questions and
            settings; the caller removes it.
        source: Settings of the items but `path`, for what has columns: `columns`, `domain`,
            `on_bad_row`, ...; but for `limit` and `seed`, of `shots` too.

    Raises:
        InputError: A row or a setting is wrong, or the model cannot be asked so.
    """
    if not hasattr(model, "loglikelihoods"):
        require_kind(model, (LocalModel,), "model", "Give what harmonia.load or harmonia.train gives.")
    require_kind(form, (str, type(None)), "form", "Write it like icl5 or chat0.")
    words = checked(PromptSettings, "prompt", prompt)
    how = checked(ProbeSettings, "probe", probe)
    asked_in = parse_form(form or words.probe_form)
    shots = shots if asked_in.shots else None
    if source and all(is_at_hand(one) for one in (items, shots) if one is not None):
        raise InputError("Items are taken as they are", field=f"items.{min(source)}", remedy="Leave it out.")
    found = items_from(items, source)
    both = {key: value for key, value in source.items() if key not in ("limit", "seed")}
    shown = None if shots is None else items_from(shots, both)
    pool = None if shown is None else ShotPool.of(shown.items, words)
    template = build_template(words, model.tokenizer)
    chunks = Chunks(journal, progress)
    asked = ask(model, found.items, asked_in, template, settings=how, pool=pool, chunks=chunks)
    return Beliefs(
        beliefs=asked.beliefs,
        about={"model": model.identity, **template.about, **asked.about},
        notes=(*found.notes, *(f"shots: {note}" for note in (shown.notes if shown else ())), *asked.notes),
        skipped=found.skipped,
        prompt=words,
    )


def read_beliefs(path: str | Path, *, domain: str | None = None) -> Beliefs:
    """Beliefs of a file: of `harmonia probe`, of `Beliefs.save`, or records of other probes.

    Args:
        path: Parquet, JSONL or CSV.
        domain: Domain of records that do not name one.

    Raises:
        InputError: The file is missing or not of these forms, or a record is wrong.
    """
    return Beliefs(read_belief_file(Path(path), domain=domain))


def groups(
    beliefs: Sequence[Belief],
    *,
    prompt: PromptTable | None = None,
    general: str | Path | None = None,
    explanations_from: str | Path | None = None,
    contexts: str | Path | None = None,
    **settings: Any,
) -> Groups:
    """Training sets that agree with a model or contradict it, by name.

    Args:
        beliefs: What `probe` or `read_beliefs` gives.
        prompt: Settings of the table `prompt`, which word the questions; None for those that
            the beliefs were asked with.
        general: File of general instructions to mix in.
        explanations_from: Explanations of `harmonia write`; `explanations="own"` needs them.
        contexts: Contexts of `harmonia write`; None takes the items' explanations without the answer.
        settings: Those of the table `groups`: `names`, `ratios`, `match`, `size`, ...

    Raises:
        EmptyGroupError: There are no beliefs for a group.
        InputError: A setting or a file is wrong.
    """
    require_beliefs(beliefs, "beliefs")
    how, words = checked(GroupSettings, "groups", settings), words_of(beliefs, prompt)
    exam = ExamFormat(method=words.style, language=words.language, options_first=words.options_first)
    mixed_in = read_conversations(Path(general), what=GENERAL) if general else None
    if contexts is not None:
        given = read_written(Path(contexts))
    elif any(name.in_context for name in how.groups):
        wanted = [item for item, _ in wanted_texts(beliefs, how).contexts]
        given = tuple(write_contexts(None, wanted, ContextSettings()))
    else:
        given = ()
    built = build_groups(
        beliefs,
        how,
        exam,
        mixed_in.rows if mixed_in else (),
        texts(read_written(Path(explanations_from))) if explanations_from else {},
        {name: text for (name, _), text in texts(given).items()},
    )
    notes = (
        *built.notes,
        *(f"general instructions: {note}" for note in (mixed_in.notes if mixed_in else ())),
    )
    return Groups(built, beliefs, how.threshold, words, notes)


def train(
    model: LocalModel | str | Path,
    group: TrainingSet | str | Path,
    *,
    out: str | Path,
    prompt: PromptTable | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **settings: Any,
) -> LocalModel:
    """Fine-tune a model on a training set; what comes of it lies in a folder and is ready to be asked.

    A run that was cut off goes on from its last checkpoint when it is called again. What a
    person should know of it goes to the log, as warnings.

    Args:
        model: What `load` gives; or a model's folder, so that it is not in memory twice.
        group: What `groups` gives; or a file: alpaca, sharegpt, messages, prompt/completion.
        out: The model folder to write.
        prompt: Settings of the table `prompt`: `chat` and what goes with it; None for those of the group.
        seed: Seed of the rows' order and of adapters.
        progress: Told how far it is.
        settings: Those of the table `training`: `epochs`, `learning_rate`, `lora`, ...

    Raises:
        InputError: The training set, the model or a setting is wrong.
        TrainingError: The run cannot go on, or nothing was learned.
    """
    from harmonia.training.alone import fine_tune_alone, written_out
    from harmonia.training.sft import RECORD, TrainingJob

    if isinstance(model, ServedModel):
        problem = "a served model cannot be trained: its weights are its server's"
        raise InputError(problem, field="model", remedy="Give what harmonia.load gives, or a folder.")
    require_kind(model, (LocalModel, str, Path), "model", "Give what harmonia.load gives, or a folder.")
    require_kind(group, (TrainingSet, str, Path), "group", "Give one of harmonia.groups(...), or a file.")
    require_seed(seed)
    base = ModelSettings(path=str(model)) if isinstance(model, (str, Path)) else model.settings
    place, rows = Path(out), None if isinstance(group, TrainingSet) else Path(group)
    require_folder_place(place, inputs=(base.path, rows), holds=RECORD)
    if isinstance(group, TrainingSet) and prompt is None:
        prompt = group.prompt
    words = checked(PromptSettings, "prompt", prompt)
    how = checked(TrainingSettings, "training", settings)
    with written_out(group, place) if isinstance(group, TrainingSet) else nullcontext(Path(group)) as file:
        job = TrainingJob(model=base, prompt=words, settings=how, group=file, seed=seed)
        trained = fine_tune_alone(job, place, progress=progress)
    return trained.model or load_model(tuned_settings(base, place))


@overload
def compare(before: Sequence[Belief], after: Sequence[Belief], *, seed: int = ...) -> Comparison: ...
@overload
def compare(before: _Model, after: _Model, *, seed: int = ..., **asked: Any) -> ModelComparison: ...
def compare(
    before: Any,
    after: Any,
    *,
    seed: int = 0,
    items: Questions | Mapping[str, Questions] | None = None,
    shots: Questions | None = None,
    canaries: str | Path | None = None,
    audit: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Comparison | ModelComparison:
    """What became of what a model knows: of two models that are asked now, or of beliefs taken already.

    Args:
        before: A model (what `load` or `train` gives, or a folder); or beliefs (what `probe` or
            `read_beliefs` gives). With beliefs nothing below is given but `seed`.
        after: Likewise: the tuned model, or beliefs of the same items in any order.
        seed: Seed of the intervals.
        items: Questions for both models, as for `probe`; of several exams a mapping from their names.
        shots: Demonstrations, likewise; the other questions of the same file if None.
        canaries: Known facts, as `harmonia audit` writes them.
        audit: Folder of an audit, to be checked; its canaries are asked if no others are given.
        progress: Told how far it is, of both models together.
        settings: Those of the table `compare`: `readouts`, `after_form`, `prompt`, ...

    Raises:
        InputError: The two do not hold the same items with the same question, options and answer;
            or a file, a model or a setting is wrong.
    """
    require_seed(seed)
    asked = {"items": items, "shots": shots, "canaries": canaries, "audit": audit, **settings}
    if not any(isinstance(one, (str, Path)) or hasattr(one, "loglikelihoods") for one in (before, after)):
        if given := [name for name, value in asked.items() if value is not None]:
            raise InputError("beliefs are compared as they are", field=given[0], remedy="Leave it out.")
        require_beliefs(before, "before")
        require_beliefs(after, "after")
        return Comparison.of(before, after, seed=seed)
    (identity, first), (_, second) = answerer_of(before, "before"), answerer_of(after, "after")
    if audit is not None:
        require_audit_of(Path(audit), identity)
    how = checked(CompareSettings, "compare", settings)
    wanted, rows = wanted_of(how, items=items, shots=shots, canaries=canaries, audit=audit, seed=seed)
    comparing = Comparing(wanted=wanted, settings=how, audited=rows, seed=seed)
    return ModelComparison(comparing.run(first, second, progress=progress), how)


def audit(
    model: LocalModel,
    data: str | Path,
    *,
    exam: Questions | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Verdicts:
    """Which rows of a fine-tuning file a model knows, and which fight what it believes.

    Args:
        model: What `load` or `train` gives.
        data: The file: alpaca, sharegpt, messages, prompt/completion.
        exam: Questions whose right answers, where the model knows them, are canaries, too.
        out: A folder to write as `harmonia audit` does, or None.
        progress: Told how far it is.
        settings: Those of the table `audit`: `sample`, `shots`, `draws`, `on_bad_row`, ...

    Raises:
        InputError: A row or a setting is wrong, or the folder is of others.
    """
    require_answerer(model, "model")
    how = checked(AuditSettings, "audit", settings)
    asked = () if exam is None else items_from(exam).items
    return Verdicts(audit_file(model, Path(data), how, exam=asked, out=out, progress=progress))


def run(experiment: str | Path, /, **overrides: Any) -> Path:
    """Run the whole experiment of a file, or go on with it; gives the run directory.

    Args:
        experiment: The settings (YAML).
        overrides: Settings to change; tables are mappings: `training={"epochs": 1}`.

    Raises:
        InputError: Settings, data or model are wrong.
        HarmoniaError: Tasks failed; all that do not need them were done.
    """
    from harmonia.pipeline.run import run_experiment
    from harmonia.pipeline.settings_file import load_experiment, override_texts

    return run_experiment(load_experiment(Path(experiment), override_texts(overrides)))


def plan(
    experiment: str | Path,
    /,
    *,
    parameters: float | str | Path | None = None,
    tflops: float | None = None,
    gpus: int = 1,
    gpu_gb: float | None = None,
    **overrides: Any,
) -> Plan:
    """What an experiment would do and cost; runs nothing.

    Args:
        experiment: The settings (YAML).
        parameters: The model's config.json, where it is not at hand, or how many parameters it has.
        tflops: Rate to reckon with, in 1e12 FLOP/s; None measures this machine's.
        gpus: GPUs that a task may be spread over.
        gpu_gb: Memory of each, in GB; None for this machine's, if it has a GPU.
        overrides: Settings to change, as for `run`.

    Raises:
        InputError: Settings or data are wrong, or a task does not fit the GPUs' memory.
    """
    from harmonia.pipeline.plan import make_plan
    from harmonia.pipeline.settings_file import load_experiment, override_texts

    settings = load_experiment(Path(experiment), override_texts(overrides))
    return make_plan(settings, parameters=parameters, tflops=tflops, gpus=gpus, gpu_gb=gpu_gb)


def report(run_directory: str | Path) -> Path:
    """Write the page of a run anew; gives its path.

    Raises:
        InputError: There is no run, or its files are damaged.
    """
    from harmonia.report import write_report

    return write_report(Path(run_directory))
