"""What the machine decides: memory, kernels, processes. None of it may change a result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from models import REPOSITORY, TINY, make_tiny
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from harmonia.errors import InputError, MissingExtraError, TrainingError
from harmonia.models.architecture import Widths
from harmonia.training import LoraSettings, TrainingSettings, memory, trainer
from harmonia.training.encode import IGNORED
from harmonia.training.memory import recomputes

SHAPE = {"vocab_size": 100, "num_hidden_layers": 3, "num_attention_heads": 4}
MODELS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(hidden_size=128, intermediate_size=336, **SHAPE)),
    "qwen2": lambda: Qwen2ForCausalLM(
        Qwen2Config(hidden_size=256, intermediate_size=1388, num_key_value_heads=2, **SHAPE)
    ),
}


def bytes_kept(model: torch.nn.Module, tokens: int) -> int:
    """Bytes that autograd holds for the backward pass, weights left out."""
    weights = {weight.data_ptr() for weight in model.parameters()}
    held = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            held[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.train().model(input_ids=torch.ones(1, tokens, dtype=torch.long), use_cache=False)
    return sum(size for size, _ in held.values())


@pytest.mark.parametrize("name", MODELS)
def test_the_estimate_of_activations_is_a_little_above_what_is_kept(name):
    model = MODELS[name]()
    per_token = (bytes_kept(model, 256) - bytes_kept(model, 128)) / 128
    estimate, recomputed = memory.activation_bytes(Widths.of(model.config), 4)
    assert per_token <= estimate < 1.6 * per_token
    assert recomputed < estimate


def test_a_run_is_laid_out_to_the_device(monkeypatch):
    model = MODELS["llama"]()
    kept, recomputed = memory.activation_bytes(Widths.of(model.config), 4)
    states = 16 * sum(weight.numel() for weight in model.parameters())

    def laid_out(room: float, device: str = "cuda", **fields: object) -> tuple[int, bool]:
        monkeypatch.setattr(memory, "device_bytes", lambda _: round((states + room) / memory.SHARE))
        settings = TrainingSettings(precision="fp32", **fields)
        found = memory.fit(model, settings, 300, device)
        return found.micro_tokens, found.checkpointing

    assert laid_out(1e15) == (16384, False)
    assert laid_out(1e15, "cpu") == (1024, False)
    tokens, checkpointing = laid_out(5000 * kept)
    assert (abs(tokens - 5000) <= 1, checkpointing) == (True, False)
    tokens, checkpointing = laid_out(2000 * recomputed)
    assert (abs(tokens - 2000) <= 1, checkpointing) == (True, True)
    assert laid_out(-1.0) == (300, True)  # the longest row goes through whatever it takes
    assert laid_out(1e15, micro_tokens=7, gradient_checkpointing=True) == (7, True)
    assert laid_out(-1.0, gradient_checkpointing=False) == (300, False)
    # Frozen weights need no gradient and no moments: three quarters of the room come back.
    model.requires_grad_(False)
    tokens, checkpointing = laid_out(5000 * kept - 0.75 * states)
    assert (abs(tokens - 5000) <= 1, checkpointing) == (True, False)


@pytest.mark.parametrize("name", [*TINY, "softcapped"])
def test_both_heads_give_the_losses_of_the_whole_vocabulary_everywhere(tmp_path, name):
    """TRL's fused head (GPU) and the model's own on the states it needs (CPU), with their gradients."""
    settings = make_tiny("gemma3" if name == "softcapped" else name, tmp_path / name)
    fields = {"final_logit_softcapping": 2.0} if name == "softcapped" else {}
    model = AutoModelForCausalLM.from_pretrained(settings.path, dtype=torch.float32, **fields).eval()
    torch.manual_seed(0)
    ids = torch.randint(3, 200, (3, 12))
    labels = torch.where(torch.rand(3, 12) < 0.4, ids, IGNORED)
    logits = model(ids).logits
    wanted = cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="none")
    wanted = wanted[labels[:, 1:].flatten() != IGNORED]
    weights = torch.rand(len(wanted))

    def gradients(losses: torch.Tensor) -> list[torch.Tensor]:
        return list(
            torch.autograd.grad((losses * weights).sum(), list(model.parameters()), allow_unused=True)
        )

    expected = gradients(wanted)
    from trl.trainer.utils import add_fused_lm_head

    add_fused_lm_head(model)
    for losses in (trainer.token_losses(model, model, ids, labels), trainer.fused_losses(model, ids, labels)):
        assert torch.allclose(losses, wanted, atol=1e-5)
        for found, one in zip(gradients(losses), expected, strict=True):
            assert (found is None) == (one is None)
            assert found is None or torch.allclose(found, one, atol=1e-4)


def difference(one: Path, other: Path) -> float:
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def test_memory_that_runs_out_halves_the_passes(job, train, monkeypatch):
    undisturbed, _ = train(job(micro_tokens=1500), "undisturbed")
    sizes = []
    original = trainer.token_losses

    def short_of_memory(model, inner, ids, labels, **options):
        sizes.append(ids.numel())
        losses = original(model, inner, ids, labels, **options)
        if ids.numel() > 400:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return losses

    monkeypatch.setattr(trainer, "token_losses", short_of_memory)
    short, _ = train(job(micro_tokens=1500), "short")
    failed = sum(size > 400 for size in sizes)
    assert failed and all(size > 400 for size in sizes[:failed])  # found once, in the first step
    assert difference(undisturbed, short) < 1e-5
    with pytest.raises(TrainingError, match="memory is not enough for passes of 100 tokens"):
        monkeypatch.setattr(trainer, "token_losses", lambda *_, **__: _out_of_memory())
        train(job(micro_tokens=100), "never")


def _out_of_memory():
    raise torch.OutOfMemoryError("CUDA out of memory")


class SeenError(Exception):
    pass


def test_the_settings_reach_the_trainer(job, train, monkeypatch):
    seen = []

    def look(self, **_):
        model = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        seen.append((self.args, self.micro_tokens, model.config._attn_implementation))
        raise SeenError

    monkeypatch.setattr(trainer.StepTrainer, "train", look)
    for fields in (
        {"compile": True, "attention": "eager", "micro_tokens": 77, "lora": LoraSettings()},
        {"precision": "bf16", "gradient_checkpointing": True, "save_steps": 5, "schedule": "linear"},
    ):
        with pytest.raises(SeenError):
            train(job(**fields))
    (first, tokens, attention), (second, _, default) = seen
    assert (first.torch_compile, attention, tokens, default) == (True, "eager", 77, "sdpa")
    assert (first.optim, first.bf16, recomputes(first)) == ("adamw_torch_fused", False, False)
    assert (second.bf16, recomputes(second), second.save_steps) == (True, True, 5)
    assert (second.torch_compile, second.lr_scheduler_type, first.save_strategy) == (False, "linear", "no")
    assert (first.max_grad_norm, first.weight_decay, first.learning_rate) == (1.0, 0.1, 1e-2)


def test_what_is_not_installed_says_so(job, train, monkeypatch, tmp_path):
    from transformers.utils import is_flash_attn_2_available

    monkeypatch.setattr("harmonia.training.needs.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"liger_kernel.*pip install 'harmonia\[liger\]'"):
        train(job(liger=True))
    if not is_flash_attn_2_available():
        with pytest.raises(InputError, match="cannot be trained with this attention here"):
            train(job(attention="flash_attention_2"))
    assert not (tmp_path / "tuned").exists()


@pytest.mark.slow
def test_two_processes_train_what_one_does(job, train, tmp_path):
    """Started by torchrun on the CPU; 10 rows in steps of 3, so that shares are unequal."""
    fields = {"batch_size": 3, "epochs": 1, "save_steps": 2}
    one = job(seed=0, **fields)
    alone, _ = train(one, "alone")
    settings = ["learning_rate=0.01", "precision=fp32", "warmup=0.3", "weight_decay=0.1"]
    settings += [f"{name}={value}" for name, value in fields.items()]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += ["-m", "harmonia.cli.main", "train", "--model", one.model.path, "--group", str(one.group)]
    command += ["--out", str(tmp_path / "shared"), "model.device=cpu", *settings]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert difference(alone, tmp_path / "shared") < 1e-5
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_processes_that_hold_parts_of_a_model_train_what_one_does(job, exam_rows, train, tmp_path):
    """FSDP2 by accelerate's own variables, on gloo: the loss of each of 20 steps, and a plain checkpoint."""
    fields = {"batch_size": 4, "epochs": 2}
    one = replace(job(seed=0, **fields), group=exam_rows(40))
    alone, _ = train(one, "alone")
    settings = ["learning_rate=0.01", "precision=fp32", "warmup=0.3", "weight_decay=0.1"]
    settings += [f"{name}={value}" for name, value in fields.items()]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += [
        str(Path(__file__).with_name("fsdp_on_cpu.py")),
        "train",
        "--model",
        one.model.path,
        "--group",
        str(one.group),
    ]
    command += ["--out", str(tmp_path / "shared"), "model.device=cpu", *settings]
    launched = yaml.safe_load((REPOSITORY / "examples/accelerate/fsdp2.yaml").read_text())["fsdp_config"]
    variables = {name.upper(): str(value).lower() for name, value in launched.items()}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_FSDP": "true", **variables}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("FSDP2: True") == 2
    curves = [
        [json.loads(line)["loss"] for line in (folder / "loss.jsonl").read_text().splitlines()]
        for folder in (alone, tmp_path / "shared")
    ]
    assert len(curves[0]) == 20
    assert curves[1] == pytest.approx(curves[0], abs=1e-4)
    assert difference(alone, tmp_path / "shared") < 1e-4
    AutoModelForCausalLM.from_pretrained(tmp_path / "shared")


def test_sharing_out_that_is_not_applied_is_refused(job, train, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(InputError, match="does not share this model out"):
        train(job(seed=0))


@pytest.mark.parametrize(
    ("name", "gpus"), [("fsdp2", 8), ("deepspeed_zero3", 8), ("deepspeed_zero3_offload", 16)]
)
def test_accelerate_reads_the_launch_files(name, gpus):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(REPOSITORY / "examples" / "accelerate" / f"{name}.yaml"))
    assert (config.mixed_precision, config.num_processes) == ("bf16", gpus)
    own = config.fsdp_config if name == "fsdp2" else config.deepspeed_config
    assert own["fsdp_version" if name == "fsdp2" else "zero_stage"] == (2 if name == "fsdp2" else 3)
