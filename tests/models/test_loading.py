"""Loading: what is found, what is refused, and what makes another model."""

from __future__ import annotations

import shutil

import pytest
import torch
from models import make_tiny, real_model

from harmonia.errors import InputError
from harmonia.models import ModelSettings, fingerprint, load_model, load_tokenizer
from harmonia.models import load as models
from harmonia.models.architecture import context_length
from harmonia.models.load import pick_device


def test_a_folder_gives_model_tokenizer_and_context(tiny):
    loaded = load_model(tiny("llama"))
    assert (loaded.device, loaded.max_tokens, loaded.model.training) == ("cpu", 1024, False)
    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.float32}
    assert load_model(tiny("gpt2")).max_tokens == 1024


@pytest.mark.parametrize("path", ["/no/such/folder", "./none", "~/no-such-folder", "no-such-folder", "a/b/c"])
def test_a_folder_that_is_not_there_is_named(path):
    with pytest.raises(InputError, match="no such model folder") as caught:
        load_tokenizer(ModelSettings(path=path))
    assert (caught.value.field, caught.value.seen) == ("model", repr(path))


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="no tokenizer can be read"):
        load_tokenizer(ModelSettings(path=str(tmp_path)))
    with pytest.raises(InputError, match="no weights: there is no model") as caught:
        load_model(ModelSettings(path=str(tmp_path), device="cpu"))
    assert caught.value.file == str(tmp_path)


def test_a_gguf_file_that_is_not_there_is_named_with_those_that_are(tmp_path):
    (tmp_path / "real.gguf").touch()
    with pytest.raises(InputError, match=r"no such GGUF file; saw 'other.gguf'.*holds real.gguf") as caught:
        load_tokenizer(ModelSettings(path=str(tmp_path), gguf_file="other.gguf"))
    assert caught.value.field == "gguf_file"


def test_a_device_that_is_not_there_is_named():
    assert pick_device("cpu") == "cpu"
    for wanted in ("nonsense", *(() if torch.cuda.is_available() else ("cuda",))):
        with pytest.raises(InputError, match="no such device") as caught:
            pick_device(wanted)
        assert caught.value.field == "device"


def test_the_fingerprint_follows_the_weights_and_the_dtype_alone(tiny, tmp_path):
    settings = tiny("llama")
    copy = shutil.copytree(settings.path, tmp_path / "copy")
    first = fingerprint(settings)
    assert fingerprint(ModelSettings(path=str(copy))) == first
    assert fingerprint(settings.model_copy(update={"device": "auto"})) == first
    assert fingerprint(settings.model_copy(update={"dtype": "bfloat16"})) != first
    other = make_tiny("llama", tmp_path / "other", seed=1)
    assert fingerprint(other) != first
    with (copy / "model.safetensors").open("r+b") as handle:
        handle.seek(-1, 2)
        handle.write(b"\x01")
    assert fingerprint(ModelSettings(path=str(copy))) != first


def test_a_config_without_a_context_length_is_named(tiny, tmp_path):
    from transformers import BloomConfig

    assert context_length(load_model(tiny("llama")).model.config, tmp_path) == 1024
    config = BloomConfig()  # ALiBi: any length
    with pytest.raises(InputError, match="does not say how long its context is") as caught:
        context_length(config, tmp_path)
    assert caught.value.field == "max_position_embeddings"


def test_what_is_not_tried_out_in_parts_is_told_once(tiny, monkeypatch, caplog):
    monkeypatch.setattr(models, "_shared_out", lambda: True)
    for _ in range(2):
        load_model(tiny("llama"))
    (told,) = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert told.startswith(f"{tiny('llama').path}: processes hold parts of it, so it is not tried out")


def test_the_hub_is_asked_once_for_one_revision(tiny, monkeypatch):
    asked = []

    def download(name, *, revision, allow_patterns):
        asked.append((name, revision))
        if revision == "gone":
            raise ConnectionError("no answer")
        return tiny("llama").path

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    settings = ModelSettings(path="somebody/llama", revision="main", device="cpu")
    load_model(settings, fingerprint(settings))
    load_tokenizer(settings.model_copy(update={"revision": "v2"}))
    assert asked == [("somebody/llama", "main"), ("somebody/llama", "v2")]
    for _ in range(2):  # what failed is tried again
        with pytest.raises(InputError, match="the hub can give now"):
            load_tokenizer(settings.model_copy(update={"revision": "gone"}))
    assert len(asked) == 4


@pytest.mark.models
def test_a_gguf_file_loads_as_plain_numbers(smollm2):
    assert smollm2.max_tokens == 8192
    assert {weight.dtype for weight in smollm2.model.parameters()} == {torch.float32}
    assert fingerprint(smollm2.settings) == fingerprint(real_model("smollm2"))
