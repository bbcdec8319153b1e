"""Whether a device answers, writes and trains as the CPU does: the parts of gpu_check.py on small models."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig

from harmonia.bench import BenchSettings
from harmonia.bench.scoring import encode, one_by_one
from harmonia.bench.subject import load_subject
from harmonia.models import (
    Continuation,
    GenerationSettings,
    LocalModel,
    ModelSettings,
    load_model,
    load_tokenizer,
)
from harmonia.models.generate import end_tokens
from harmonia.prompts import Encoder, Request, parse_form
from harmonia.training import LoraSettings, TrainingSettings
from harmonia.training.handover import detach
from harmonia.training.sft import LOSSES, RECORD, TrainingJob, fine_tune
from harmonia.world import base_folder, write_lab_data

WAYS = (("letter", "icl5"), ("cloze", "icl5"), ("letter", "chat0"))


def small_models(into: Path) -> Iterator[tuple[str, str]]:
    """(name, folder): the lab's base, and random ones with grouped heads and with windows."""
    yield "lab base", str(base_folder(0))
    tokenizer = load_tokenizer(ModelSettings(path=str(base_folder(0))))
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 2048,
    }
    configs = {
        "grouped heads": LlamaConfig(**shape),
        "windows": Gemma3TextConfig(
            **shape, sliding_window=64, layer_types=["sliding_attention", "full_attention"] * 2
        ),
    }
    for name, config in configs.items():
        torch.manual_seed(0)
        folder = into / name
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        yield name, str(folder)


def probabilities(found: Sequence[Sequence[float]]) -> torch.Tensor:
    """Probability of each option among its question's, all in a row."""
    return torch.cat([torch.softmax(torch.tensor(one, dtype=torch.float64), dim=0) for one in found])


def apart(found: Sequence[Sequence[float]], reference: Sequence[Sequence[float]]) -> dict[str, float]:
    """Largest differences, and the share of questions whose likeliest option is the same."""
    pairs = list(zip(found, reference, strict=True))
    same = [one.index(max(one)) == other.index(max(other)) for one, other in pairs]
    return {
        "nats": max(abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True)),
        "probability": float((probabilities(found) - probabilities(reference)).abs().max()),
        "same choice": sum(same) / len(same),
    }


def asks(loaded: LocalModel, asked: Sequence[Request]) -> list[tuple[float, ...]]:
    """Log-likelihood of each option of each question."""
    return [tuple(option.sum for option in one) for one in loaded.loglikelihoods(asked)]


def compared(
    loaded: LocalModel, asked: Sequence[Request], reference: list[tuple[float, ...]]
) -> dict[str, Any]:
    """Packed and plain answers of a model on the device against the CPU's, and against each other."""
    packed = asks(loaded, asked)
    plain = one_by_one(loaded, asked, last_only=True)
    return {
        "packed": apart(packed, reference),
        "plain": apart(plain, reference),
        "packed against plain": apart(packed, plain),
        "slower": loaded.slower_scoring,
    }


def answers(device: str, into: Path) -> dict[str, Any]:
    """Log-likelihoods on the device, fp32 and bf16, against those of the CPU in fp32."""
    lab = load_subject(BenchSettings(device="cpu"), count=48)
    found: dict[str, Any] = {}
    for name, folder in small_models(into):
        base = load_model(ModelSettings(path=folder, device="cpu"))
        for method, form in WAYS:
            asked = encode(base, lab.items, lab.shots, lab.prompt(method), parse_form(form))
            reference = asks(base, asked)
            for dtype in ("float32", "bfloat16"):
                there = load_model(ModelSettings(path=folder, device=device, dtype=dtype))
                found[f"{name}, {method} {form}, {dtype}"] = compared(there, asked, reference)
    return found


def writing(device: str, into: Path) -> dict[str, Any]:
    """Greedy texts against transformers' own, row by row; draws in small and in large batches."""
    lab = load_subject(BenchSettings(device="cpu"), count=12)
    prompts = [item.question for item in lab.items]
    greedy = GenerationSettings(max_new_tokens=32)
    drawn = GenerationSettings(max_new_tokens=32, temperature=1.0, top_p=0.9, samples=2)
    found: dict[str, Any] = {}
    for name, folder in small_models(into):
        cpu = load_model(ModelSettings(path=folder, device="cpu"))
        on_the_cpu = written(cpu, prompts, greedy)
        for dtype in ("float32", "bfloat16"):
            there = load_model(ModelSettings(path=folder, device=device, dtype=dtype))
            ours = written(there, prompts, greedy)
            plain = [
                library_writes(there, ids, greedy.max_new_tokens)
                for ids in Encoder(there.tokenizer).encode(prompts)
            ]
            large, small = (written(there, prompts, drawn, size) for size in (None, 128))
            found[f"{name}, {dtype}"] = {
                "as transformers": share(
                    one[0].tokens == other for one, other in zip(ours, plain, strict=True)
                ),
                "as on the CPU in fp32": share(a == b for a, b in zip(ours, on_the_cpu, strict=True)),
                "draws as in small batches": share(a == b for a, b in zip(large, small, strict=True)),
            }
    return found


def written(
    loaded: LocalModel, prompts: Sequence[str], settings: GenerationSettings, batch_tokens: int | None = None
) -> list[tuple[Continuation, ...]]:
    """Our continuations."""
    names = [str(number) for number in range(len(prompts))]
    return loaded.generate(
        prompts, settings, addresses=names, seed=0, stage="check", batch_tokens=batch_tokens
    )


def library_writes(loaded: LocalModel, ids: tuple[int, ...], count: int) -> tuple[int, ...]:
    """What transformers writes after one row, the likeliest token each time, up to an end mark."""
    row = torch.tensor([ids], device=loaded.device)
    ends = end_tokens(loaded.model, loaded.tokenizer)
    more = {
        "do_sample": False,
        "max_new_tokens": count,
        "eos_token_id": sorted(ends) or None,
        "pad_token_id": 0,
    }
    tokens = loaded.model.generate(row, attention_mask=torch.ones_like(row), **more)[0, len(ids) :].tolist()
    return tuple(tokens[:-1] if tokens and tokens[-1] in ends else tokens)


def share(truths: Iterator[bool]) -> float:
    """Share of what is true."""
    all_of_them = list(truths)
    return sum(all_of_them) / len(all_of_them)


def tuning(device: str, into: Path) -> dict[str, Any]:
    """Fine-tuning of the lab's base on the device against the CPU's; the model that is handed over."""
    data = into / "data"
    write_lab_data(data, 0)
    group = into / "group.jsonl"
    group.write_text("".join((data / "general.jsonl").read_text().splitlines(keepends=True)[:96]))
    lab = load_subject(BenchSettings(device="cpu"), count=24)
    asked = encode(lab.loaded, lab.items, lab.shots, lab.prompt("letter"), parse_form("chat0"))
    runs: dict[str, tuple[str, str, str, LoraSettings | None]] = {
        "CPU, fp32": ("cpu", "float32", "fp32", None),
        "fp32": (device, "float32", "fp32", None),
        "bf16, saved in fp32": (device, "float32", "bf16", None),
        "bf16, saved in bf16": (device, "bfloat16", "bf16", None),
        "LoRA on bf16": (device, "bfloat16", "bf16", LoraSettings()),
    }
    found: dict[str, Any] = {}
    for number, (name, (where, dtype, precision, lora)) in enumerate(runs.items()):
        job = TrainingJob(
            model=ModelSettings(path=str(base_folder(0)), device=where, dtype=dtype),
            prompt=lab.prompt("letter"),
            settings=TrainingSettings(
                precision=precision, batch_size=16, epochs=1, learning_rate=1e-4, lora=lora
            ),
            group=group,
            seed=0,
        )
        found[name] = handed_over(job, into / f"run{number}", asked)
    reference = found["CPU, fp32"]["losses"]
    for one in found.values():
        off = [abs(a - b) for a, b in zip(one.pop("losses"), reference, strict=True)]
        one |= {"first loss apart": off[0], "losses apart": max(off)}
    return found


def handed_over(job: TrainingJob, folder: Path, asked: Sequence[Request]) -> dict[str, Any]:
    """Train beside a resident model, and ask: the tuned one in memory, the same loaded, the base again."""
    resident = load_model(job.model)
    before = asks(resident, asked)
    trained = fine_tune(job, folder / "model", work=folder / "work", resident=resident)
    assert trained.model is not None
    in_memory = asks(trained.model, asked)
    detach(trained.model)
    record = json.loads((folder / "model" / RECORD).read_text())
    return {
        "losses": [json.loads(line)["loss"] for line in (folder / "model" / LOSSES).read_text().splitlines()],
        "changed share": record["changed_share"],
        "in memory as loaded": in_memory == asks(load_model(trained.model.settings), asked),
        "base as before": before == asks(resident, asked),
        "moved the answers": in_memory != before,
    }
