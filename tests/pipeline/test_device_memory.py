"""Memory of the paper's models at full size, against arithmetic by hand; what is said of what fits."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import harmonia
from models import REPOSITORY
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from harmonia.errors import InputError
from harmonia.models.architecture import Shape
from harmonia.models.cache import cache_of
from harmonia.models.checks import require_answers
from harmonia.models.folder import ModelSettings
from harmonia.models.load import empty_model, shape_in
from harmonia.models.packed import compute_prefix
from harmonia.models.support import refusal
from harmonia.pipeline import check
from harmonia.pipeline.device_memory import Memory, asking_memory, training_memory
from harmonia.pipeline.experiment import Experiment
from harmonia.pipeline.plan import make_plan
from harmonia.pipeline.run import run_experiment
from harmonia.training import LoraSettings, TrainingSettings

PAPER = REPOSITORY / "examples" / "paper"

# Of the published config.json: width, inner width, layers, width of all keys (heads x 128), weights.
MODELS = {
    "llama-2-7b": (4096, 11008, 32, 32 * 128, 6_738_415_616),
    "llama-2-13b": (5120, 13824, 40, 40 * 128, 13_015_864_320),
    "llama-2-70b": (8192, 28672, 80, 8 * 128, 68_976_648_192),
    "mistral-7b": (4096, 14336, 32, 8 * 128, 7_241_732_096),
}
VOCABULARY, TOKENS = 32000, 2048


@pytest.mark.parametrize("name", MODELS)
def test_the_papers_models_take_what_arithmetic_by_hand_says(name: str) -> None:
    width, inner, layers, keys, weights = MODELS[name]
    # Embeddings and head; of a layer q and o, k and v, gate, up and down, two norms; and the last norm.
    by_hand = 2 * VOCABULARY * width + width
    by_hand += layers * (2 * width**2 + 2 * width * keys + 3 * width * inner + 2 * width)
    shape = shape_in(PAPER / f"{name}.config.json")
    assert shape.parameters == by_hand == weights
    assert shape.used == weights - VOCABULARY * width

    # bf16: two bytes a weight; two vectors of all keys a layer and token.
    asked = asking_memory(shape, "bfloat16", TOKENS)
    assert (asked.weights, asked.cache) == (2 * weights, 2 * 2 * layers * keys * TOKENS)
    assert asked.activations == (6 * width + 3 * inner) * 2 * TOKENS
    assert asking_memory(shape, "float32", TOKENS).all == 2 * asked.all

    # Mixed precision: 4 + 4 + 8 bytes a weight, and 2 of autocast's copies.
    whole = training_memory(shape, TrainingSettings(), "bfloat16", TOKENS)
    assert (whole.weights, whole.gradients) == (4 * weights, 4 * weights)
    assert (whole.optimizer, whole.copies) == (8 * weights, 2 * weights)
    # Recomputed: each layer's input, and all that one layer keeps, half in bf16 and half in fp32.
    layer = (16 * width + 4 * inner) * 3
    assert whole.activations == (layers * width * 2 + layer) * TOKENS
    kept = training_memory(shape, TrainingSettings(gradient_checkpointing=False), "bfloat16", TOKENS)
    assert kept.activations == layers * layer * TOKENS and kept.states == whole.states
    full = training_memory(shape, TrainingSettings(precision="fp32"), "bfloat16", TOKENS)
    assert full.copies == 0 and full.states == 16 * weights

    # Adapters of rank 16 lie at seven matrices of a layer; the rest is frozen in two bytes.
    adapted = 16 * layers * (4 * width + 2 * (width + keys) + 3 * (width + inner))
    lora = training_memory(shape, TrainingSettings(lora=LoraSettings(rank=16)), "bfloat16", TOKENS)
    assert lora.weights == 4 * adapted + 2 * weights
    assert (lora.gradients, lora.optimizer, lora.copies) == (4 * adapted, 8 * adapted, 2 * adapted)
    assert lora.activations == whole.activations

    # Shared out over GPUs of 80 GB, of which four fifths are planned with: two layers stay whole, and one's
    # gradients.
    whole_layers = 3 * 2 * (2 * width**2 + 2 * width * keys + 3 * width * inner)
    assert whole.gathered == pytest.approx(whole_layers, rel=1e-3)
    room = 0.8 * 80e9 - whole.activations - whole_layers
    assert whole.gpus(80e9) == -int(-16 * weights // room)
    assert whole.gpus(80e9) == {"llama-2-7b": 2, "llama-2-13b": 4, "llama-2-70b": 21, "mistral-7b": 2}[name]
    assert asked.gpus(80e9) == (1 if weights < 3e10 else 3)
    assert whole.gpus(2e9) is None


def test_a_model_without_attention_has_no_cache_that_grows(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"model_type": "mamba", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 100}')
    shape = shape_in(file)
    asked = asking_memory(shape, "bfloat16", TOKENS)
    assert (asked.weights, asked.cache) == (2 * shape.parameters, 0)


def test_layers_of_both_kinds_keep_what_their_attention_reads(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(
        '{"model_type": "zamba2"}'
    )  # by its defaults 9 of 54 layers have attention beside Mamba's
    assert asking_memory(shape_in(file), "bfloat16", TOKENS).cache == 2 * 9 * 2 * 32 * 160 * TOKENS


SMALL = {"hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 4, "vocab_size": 120}
LATENTS = {
    "kv_lora_rank": 12,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 16,
    "v_head_dim": 12,
}
EXPERTS = {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1}
TWO_KINDS = {"num_key_value_heads": 2, "sliding_window": 8, "head_dim": 16, "num_hidden_layers": 12}
ARCHITECTURES: dict[str, tuple[dict[str, Any], bool]] = {
    "llama": ({"num_hidden_layers": 3, "num_key_value_heads": 2}, False),
    "gpt_bigcode": ({"num_hidden_layers": 3}, False),  # one key-value head for all
    "mistral": ({"num_hidden_layers": 3, "num_key_value_heads": 2, "sliding_window": 8}, True),
    "gemma3_text": (TWO_KINDS, True),
    "gemma4_text": (TWO_KINDS | {"global_head_dim": 32, "vocab_size_per_layer_input": 120}, True),
    "deepseek_v3": ({**LATENTS, **EXPERTS, "num_hidden_layers": 3, "num_key_value_heads": 4}, True),
}
"""Their settings, and whether their own cache holds less than a probe keeps: by windows, by latents."""


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_cache_that_is_planned_is_what_a_probe_keeps(kind: str) -> None:
    given, theirs_is_less = ARCHITECTURES[kind]
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SMALL, **given)).eval()
    assert refusal(model) is None
    ids = tuple(range(3, 43))
    kept = compute_prefix(model, ids).layers.values()
    held = sum(one.nbytes for pair in kept for one in pair)
    assert asking_memory(Shape.of(model), "float32", len(ids)).cache == held
    with torch.no_grad():
        cache = cache_of(model(torch.tensor([ids]), use_cache=True))
    theirs = sum(one.nbytes for layer in cache.layers for one in (layer.keys, layer.values))
    assert theirs < held if theirs_is_less else theirs == held


def test_of_a_mixture_memory_counts_all_experts_and_time_those_that_a_token_meets(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"model_type": "mixtral"}')  # its defaults are Mixtral 8x7B
    shape = shape_in(file)
    width, inner, layers, keys = 4096, 14336, 32, 8 * 128
    of_experts = layers * 8 * 3 * width * inner
    rest = layers * (2 * width**2 + 2 * width * keys + 8 * width + 2 * width) + width
    assert shape.parameters == of_experts + rest + 2 * VOCABULARY * width
    assert shape.used == of_experts / 4 + rest + VOCABULARY * width and shape.experts == (2, 8)
    assert asking_memory(shape, "bfloat16", 1).weights == 2 * shape.parameters
    assert asking_memory(shape, "bfloat16", 1).activations == 2 * (6 * width + 3 * 2 * inner)
    # On each GPU two layers with all their experts, and one's gradients.
    whole = training_memory(shape, TrainingSettings(), "bfloat16", 1)
    assert whole.gathered == pytest.approx(3 * 2 * (of_experts + rest) / layers)
    file.write_text('{"model_type": "deepseek_v3"}')
    shape = shape_in(file)
    assert (round(shape.parameters / 1e9), round(shape.used / 1e9), shape.experts) == (671, 37, (8, 256))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("llama", "num_hidden_layers", 100000),
        ("llama", "num_hidden_layers", 0),
        ("llama", "num_hidden_layers", -1),
        ("llama", "vocab_size", 0),
        ("llama", "vocab_size", 10**12),
        ("llama", "hidden_size", -4096),
        ("llama", "intermediate_size", 0),
        ("llama", "num_attention_heads", 0),
        ("gpt2", "n_head", 0),  # by its name in the file
        ("bart", "decoder_layers", 10**9),
        ("mixtral", "num_local_experts", -8),
    ],
)
def test_a_size_that_no_model_has_is_refused_at_once(
    kind: str, field: str, value: int, tmp_path: Path
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"model_type": kind, field: value}))
    for read in (lambda: shape_in(file), lambda: empty_model(ModelSettings(path=str(tmp_path)))):
        with pytest.raises(InputError, match=f"no model has such a size; saw {value}") as caught:
            read()
        assert (caught.value.file, caught.value.field) == (str(file), field)


def test_sizes_that_a_configuration_leaves_out_are_named(tmp_path: Path) -> None:
    file = tmp_path / "config.json"

    def notes(**values: Any) -> str:
        file.write_text(json.dumps(values))
        return "; ".join(shape_in(file).notes)

    full = json.loads((PAPER / "mistral-7b.config.json").read_text())
    assert not notes(**full)
    lacking = {
        name: value for name, value in full.items() if name not in ("vocab_size", "num_key_value_heads")
    }
    assert "does not say vocab_size (32000), num_key_value_heads (8): transformers' defaults" in notes(
        **lacking
    )
    # By other names; and what LLaMA works out from its other sizes is not taken from anywhere.
    assert not notes(model_type="gpt2", n_embd=768, n_layer=12, num_attention_heads=12, vocab_size=50257)
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    assert not notes(model_type="llama", vocab_size=99, **sizes)
    assert "are packed" in notes(**full, quantization_config={"quant_method": "gptq", "bits": 4})
    # Infinity, which is no JSON, is what some published files hold.
    assert "left out" not in notes(model_type="mamba2", time_step_limit=[0.0, float("inf")])
    # Of a model for pictures and text, in the part for text.
    text = {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34}
    said = notes(model_type="gemma3", text_config=text)
    assert "vocab_size (262208), num_attention_heads (8)" in said and "vision_config (all of it)" in said
    with pytest.raises(InputError, match=r"which leaves out num_key_value_heads \(TypeError"):
        notes(model_type="nemotron", vocab_size=99, **sizes)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
def test_every_architecture_is_priced_or_refused(kind: str, tmp_path: Path) -> None:
    """With the defaults of its configuration, most of which are a model's that there is."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"model_type": kind}))
    try:
        shape = shape_in(file)
    except InputError as error:
        assert error.file == str(file) and error.remedy
        return
    asked, trained = (
        asking_memory(shape, "bfloat16", TOKENS),
        training_memory(shape, TrainingSettings(), "bfloat16", TOKENS),
    )
    assert 0 < shape.used <= shape.parameters and trained.all > asked.all > 2 * shape.parameters - 1
    assert bool(shape.widths) == bool(asked.activations) == ("left out" not in "; ".join(shape.notes))


@pytest.mark.parametrize(
    ("kind", "encoder"),
    [
        *((kind, True) for kind in ("bert", "roberta", "megatron-bert", "xlm")),
        *((kind, False) for kind in ("gpt_neox", "gpt2", "bart", "mistral")),
    ],
)
def test_an_encoder_is_told_from_a_decoder_without_weights(kind: str, encoder: bool, tmp_path: Path) -> None:
    """As loading does it, which looks whether a later token changes what is before it."""
    small = {
        **SMALL,
        "num_key_value_heads": 2,
        "num_hidden_layers": 2,
        "decoder_layers": 2,
        "decoder_ffn_dim": 64,
        "d_model": 64,
    }
    small = {name: size for name, size in small.items() if hasattr(AutoConfig.for_model(kind), name)}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **small)).eval()
    with refusing(encoder):
        require_answers(model, tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"model_type": kind}))
    with refusing(encoder):
        shape_in(file)


def refusing(wanted: bool) -> AbstractContextManager[Any]:
    return pytest.raises(InputError, match="not a causal language model") if wanted else nullcontext()


@pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern keys")  # of PEFT, for mixtures
@pytest.mark.parametrize("kind", ["mistral", "mixtral", "olmoe"])
def test_an_adapter_has_the_weights_that_peft_gives_it(kind: str) -> None:
    from peft import LoraConfig, get_peft_model

    config = AutoConfig.for_model(kind)
    config.update({"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": 99})
    config.update({"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16})
    model = AutoModelForCausalLM.from_config(config)
    shape = Shape.of(model)
    made = get_peft_model(model, LoraConfig(r=3, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert made.get_nb_trainable_parameters()[0] == 3 * shape.adapted


def test_autocast_keeps_two_bytes_of_each_trained_weight() -> None:
    layer = torch.nn.Linear(300, 200, bias=False)
    held: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", torch.bfloat16):
        layer(torch.ones(1, 300, requires_grad=True))
    assert 2 * layer.weight.numel() in held.values()


def planned(*settings: str, name: str = "llama-2-7b", **how: Any) -> str:
    file = PAPER / f"{name}.yaml"
    options = [text for key, value in how.items() for text in (f"--{key.replace('_', '-')}", value)]
    config = PAPER / f"{name}.config.json"
    found = harmonia("plan", file, *settings, "--parameters", config, "--tflops", 300, *options)
    assert (found.returncode == 2) == bool(found.stderr)
    return found.stderr or found.stdout


@pytest.mark.slow
@pytest.mark.shared
def test_what_does_not_fit_is_refused_with_what_does(
    data_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HARMONIA_DATA_ROOT", str(data_root))
    monkeypatch.chdir(tmp_path)
    said = planned(gpu_gb=80)
    assert "train/medicine/harmonious/seed0 takes 122.5 GB (weights 27.0, gradients 27.0, opt" in said
    assert "What fits: training.lora.rank=16 (15.4 GB); FSDP over 2 GPUs" in said
    said = planned("model.device_map=null", "execution.launch=[]", name="llama-2-70b", gpus=8)
    assert (
        "probe/medicine takes 138.2 GB (weights 138.0," in said
        and "model.device_map=auto, which takes 3 GPUs, or a server" in said
    )
    said = planned(name="llama-2-70b", gpus=8)
    assert "FSDP over 21 GPUs" in said
    # 16 bytes a weight; on a GPU the activations and three layers of two bytes.
    assert "offload, which is not reckoned with: about 1,104 GB of the machines' memory and" in said
    long = planned("training.lora.rank=16", "training.micro_tokens=1000000", gpu_gb=80)
    tokens = int(long.partition("training.micro_tokens=")[2].partition(".")[0])
    shape = shape_in(PAPER / "llama-2-7b.config.json")
    adapters = TrainingSettings(lora=LoraSettings(rank=16), micro_tokens=tokens)
    assert training_memory(shape, adapters, "bfloat16", TOKENS).gpus(80e9) == 1
    adapters = adapters.model_copy(update={"micro_tokens": tokens + 16})
    assert training_memory(shape, adapters, "bfloat16", TOKENS).gpus(80e9) != 1
    assert not list(tmp_path.iterdir())


def test_a_run_on_a_gpu_that_is_too_small_ends_before_it_begins(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = Experiment.model_validate(settings)
    monkeypatch.setattr(check, "gpu_memory", lambda model: 1e6)
    with pytest.raises(InputError, match=r"probe/person takes .* of which 80% are planned with") as caught:
        run_experiment(experiment)
    assert not Path(settings["out"]).exists()
    # One that holds weights alone: the fine-tuning is what does not fit.
    weights = make_plan(experiment, tflops=1).totals[0].memory
    assert isinstance(weights, Memory)
    monkeypatch.setattr(check, "gpu_memory", lambda model: 1.5 * weights.all / 0.8)
    with pytest.raises(InputError, match="train/person/harmonious/seed0 takes") as caught:
        run_experiment(experiment)
    assert "FSDP over" in str(caught.value)
