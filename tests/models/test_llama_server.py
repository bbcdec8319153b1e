"""A real llama.cpp server (xllamacpp) with SmolLM2, against transformers on the same GGUF file.

Both unpack the same 4-bit weights. transformers then computes in float32 throughout. llama.cpp rounds the
activations that meet packed weights to 8 bits in blocks of 32, and sums the softmax in float32.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import llama_server
import pytest
from models import item, real_model, sums
from recorder import Recorder

import harmonia
from harmonia.data import ItemSource, read_items
from harmonia.errors import HarmoniaError, InputError
from harmonia.models import GenerationSettings, LocalModel
from harmonia.models.served_model import ServedModel
from harmonia.pipeline.experiment import ExecutionSettings, Experiment
from harmonia.pipeline.run import executor_of, run_experiment, run_experiments
from harmonia.probe import read_beliefs
from harmonia.probe.belief import Belief
from harmonia.prompts import Encoder, Request

pytestmark = pytest.mark.models

NATS = 0.15
"""What rounding to 8 bits moves a log-probability by; see docs/log.md for what was measured."""
TEXTS = ("The capital of France is", "Two and two make", "Water boils at a temperature of")
OPTIONS = (" Paris", " 한국", " 100 degrees Celsius", " a river in the south")


@pytest.fixture(scope="module")
def gguf() -> Path:
    pytest.importorskip("xllamacpp", reason="no xllamacpp: pip install -e '.[dev]'")
    settings = real_model("smollm2")
    return Path(settings.path) / str(settings.gguf_file)


@pytest.fixture(scope="module")
def port(gguf: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = free.getsockname()[1]
    RUNNING.append(llama_server.start(gguf, found))
    yield found
    RUNNING[-1].kill()
    RUNNING[-1].wait()


RUNNING: list = []


@pytest.fixture(scope="module")
def served(port: int):
    return harmonia.serve(f"http://127.0.0.1:{port}/v1", "smollm2", workers=2)


@pytest.fixture
def local(smollm2: LocalModel) -> LocalModel:
    return smollm2


def test_tokens_are_the_servers_and_those_of_the_file(served, local):
    texts = [*TEXTS, "Wörter, 한국어 und\n\n  Zahlen: 12345.", "a <|im_end|> b"]
    here, there = Encoder(local.tokenizer), Encoder(served.tokenizer)
    assert there.encode(texts) == here.encode(texts)
    guard = local.controls.guard
    assert served.controls.guard(texts[-1]) == guard(texts[-1])
    assert there.encode([guard(text) for text in texts]) == here.encode([guard(text) for text in texts])
    chat = [{"role": "user", "content": "Hello"}]
    how = {"add_generation_prompt": True, "tokenize": False}
    template = served.tokenizer.chat_template
    assert served.tokenizer.apply_chat_template(
        chat, chat_template=template, **how
    ) == local.tokenizer.apply_chat_template(chat, **how)


def test_letters_and_texts_are_those_of_transformers(served, local):
    encoder = Encoder(local.tokenizer)
    options = tuple(encoder.encode(OPTIONS))
    asked = [Request(context=ids, continuations=options) for ids in encoder.encode(TEXTS)]
    asked += [
        Request(context=one.context, continuations=tuple((ids[0],) for ids in options)) for one in asked
    ]
    for there, here in zip(sums(served, asked), sums(local, asked), strict=True):
        assert there == pytest.approx(here, abs=NATS * max(map(len, options)))
        assert there.index(max(there)) == here.index(max(here))


def test_beliefs_are_those_of_transformers(served, local):
    items = [item(k, options=4) for k in range(6)]
    there, here = (harmonia.probe(one, items, form="icl0") for one in (served, local))
    for one, other in zip(there, here, strict=True):
        assert one.probs == pytest.approx(other.probs, abs=0.02)
        assert one.letter_mass == pytest.approx(other.letter_mass, abs=0.02)
        assert one.unlisted_mass is None


def test_the_whole_vocabulary_is_a_distribution(served, local):
    encoder = Encoder(local.tokenizer)
    (context,), (ids,) = encoder.encode(TEXTS[:1]), encoder.encode([" Paris"])
    asked = [Request(context=context, continuations=(ids,), per_token=True)]
    (((there,),),), (((here,),),) = (
        [[one.tokens for one in answer] for answer in model.loglikelihoods(asked)]
        for model in (served, local)
    )
    assert there.logprob == pytest.approx(here.logprob, abs=NATS)
    assert there.entropy == pytest.approx(here.entropy, abs=NATS)
    assert there.other == here.other and there.other_logprob == pytest.approx(here.other_logprob, abs=NATS)


def test_greedy_tokens_are_the_likeliest_of_transformers_and_draws_are_their_seeds(served, local):
    how = GenerationSettings(max_new_tokens=6)
    asked = {"addresses": ["a", "b", "c"], "seed": 0, "stage": "s"}
    encoder = Encoder(local.tokenizer)
    for text, (one,) in zip(TEXTS, served.generate(TEXTS, how, **asked), strict=True):
        context, whole = encoder.encode([text, text + one.text])
        written = whole[len(context) :]
        assert whole[: len(context)] == context and len(written) == 6 and one.ended == "length"
        request = Request(context=context, continuations=(written,), per_token=True)
        ((read,),) = local.loglikelihoods([request])
        # Where two tokens are as good as equally likely, rounding decides.
        assert all(token.logprob > token.other_logprob - 2 * NATS for token in read.tokens)
    draws = GenerationSettings(max_new_tokens=6, temperature=1.0)
    first, again = (served.generate(TEXTS, draws, **asked) for _ in range(2))
    assert first == again != served.generate(TEXTS, draws, **{**asked, "seed": 1})


@pytest.fixture
def experiment(served, lab_data) -> Callable[..., Experiment]:
    """A run of two tasks that ask the server, in a directory."""

    def made(out: Path, **how: Any) -> Experiment:
        items = {"domain": "person", "limit": 6}
        suites = {"exam": {"items": {"path": "person/homogeneous.jsonl", **items}}}
        settings = {
            "name": "gguf",
            "out": str(out),
            "data_root": str(lab_data),
            "model": {"served": served.settings.served, "name": "smollm2", "workers": 2, **how},
            "train": False,
            "prompt": {"shots": 0},
            "evaluation": {"base_forms": ["icl0"], "readouts": []},
            "groups": {"names": ["harmonious"], "ratios": [], "size": 1, "explanations": "none"},
            "domains": {"person": {"train": {"path": "person/train.jsonl", **items}, "suites": suites}},
        }
        return Experiment.model_validate(settings)

    return made


def answers_of(run: Path) -> list[list[Belief]]:
    """What a run asked: of its training items, of its exam."""
    files = ("beliefs/person.parquet", "predictions/person/base/icl0/letter/exam.parquet")
    return [read_beliefs(run / file) for file in files]


def test_a_run_with_the_server_is_one_with_the_file(experiment, local, tmp_path):
    for there in answers_of(run_experiment(experiment(tmp_path / "run"))):
        here = harmonia.probe(local, [one.item for one in there], form="icl0")
        assert len(there) == 6
        for one, other in zip(there, here, strict=True):
            assert one.probs == pytest.approx(other.probs, abs=0.04)


def test_two_models_compared_there_and_here(served, local, lab_data):
    """The same weights on both sides: in process and served they differ by rounding, alone in nothing."""
    how = {"items": lab_data / "person" / "homogeneous.jsonl", "readouts": ["letter", "cloze"]}
    items = read_items(ItemSource(path=str(how["items"]), domain="person", limit=6)).items
    how |= {"items": items, "prompt": {"shots": 0}}
    for row in harmonia.compare(local, served, **how).found.compared:
        assert 0 <= row.kl < 0.01 and row.accuracy_before == row.accuracy_after
    for row in harmonia.compare(served, served, **how).found.compared:
        assert row.kl == pytest.approx(0, abs=1e-6) and (row.lost, row.gained) == (0, 0)


def test_a_server_killed_and_started_again_loses_nothing(served, gguf, port):
    items = [item(k, options=4) for k in range(24)]
    expected, servers = harmonia.probe(served, items, form="icl0"), len(RUNNING)
    # Another model object: nothing that was asked before is remembered.
    again = harmonia.serve(served.settings.served, "smollm2", workers=2, backoff_s=0.5)
    assert again.identity == served.identity
    scored = again._scored
    done = []

    def count(request: Request):
        done.append(request)
        if len(done) == 8:
            RUNNING[-1].kill()
            RUNNING[-1].wait()
            threading.Thread(target=lambda: RUNNING.append(llama_server.start(gguf, port))).start()
        return scored(request)

    again._scored = count
    found = harmonia.probe(again, items, form="icl0")
    assert len(done) == 24 and len(RUNNING) == servers + 1
    for one, other in zip(found, expected, strict=True):
        assert one.probs == pytest.approx(other.probs, abs=1e-4)


def test_a_run_whose_server_is_killed_is_that_of_one_that_stayed(
    experiment, gguf, port, tmp_path, monkeypatch
):
    expected = answers_of(run_experiment(experiment(tmp_path / "whole")))
    asked: list[Request] = []
    scored = ServedModel._scored

    def restarted() -> None:
        RUNNING.append(llama_server.start(gguf, port))

    back = threading.Thread(target=restarted)

    def killed(at: int, then: Callable[[], None] = lambda: None) -> None:
        def ask(self: ServedModel, request: Request):
            asked.append(request)
            if len(asked) == at:
                RUNNING[-1].kill()
                RUNNING[-1].wait()
                then()
            return scored(self, request)

        asked.clear()
        monkeypatch.setattr(ServedModel, "_scored", ask)

    # Away during the second task, for longer than the attempts last.
    killed(at=9)
    with pytest.raises(HarmoniaError, match=r"letter/exam: .* no answer from the server in 2 attempts"):
        run_experiment(experiment(tmp_path / "run", attempts=2, backoff_s=0.1))
    # Away still: nothing is touched.
    before = (tmp_path / "run" / "manifest.json").read_bytes()
    with pytest.raises(InputError, match="Start it, or correct the url"):
        run_experiment(experiment(tmp_path / "run", attempts=2, backoff_s=0.1))
    assert (tmp_path / "run" / "manifest.json").read_bytes() == before
    # Back: only that task is done. It dies again, and is back while the run waits.
    restarted()
    killed(at=3, then=back.start)
    servers = len(RUNNING)
    found = answers_of(run_experiment(experiment(tmp_path / "run", backoff_s=0.5)))
    back.join()
    assert len(asked) == 6 and len(RUNNING) == servers + 1
    for there, here in zip(found, expected, strict=True):
        for one, other in zip(there, here, strict=True):
            assert one.probs == pytest.approx(other.probs, abs=1e-4)


def test_a_run_on_ray_whose_server_is_killed_is_that_of_one_that_stayed(
    experiment, gguf, port, tmp_path, monkeypatch
):
    pytest.importorskip("ray", reason="no Ray: pip install -e '.[dev]'")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "0")  # other programs may have filled the memory
    expected, servers = answers_of(run_experiment(experiment(tmp_path / "whole"))), len(RUNNING)

    def restart_at_work() -> None:
        while not any(slot["is_processing"] for slot in httpx.get(f"http://127.0.0.1:{port}/slots").json()):
            time.sleep(0.002)
        RUNNING[-1].kill()
        RUNNING[-1].wait()
        RUNNING.append(llama_server.start(gguf, port))

    meddling = threading.Thread(target=restart_at_work)

    class Meddler(Recorder):
        def begin(self, run: str, key: str) -> None:
            if key.startswith("evaluate/"):
                meddling.start()

    recorder = Meddler()
    ours = experiment(tmp_path / "run", backoff_s=0.5)
    run = run_experiments([ours], executor_of(ExecutionSettings(executor="ray")), recorder)[0]
    meddling.join()
    assert set(recorder.ended.values()) == {"done"} and len(RUNNING) == servers + 1
    for there, here in zip(answers_of(run), expected, strict=True):
        for one, other in zip(there, here, strict=True):
            assert one.probs == pytest.approx(other.probs, abs=1e-4)


def test_a_server_that_lists_twenty_tokens(served, monkeypatch):
    """As vLLM does unless told otherwise, and with no other way to a token's value."""
    # One request at a time, no cache: what is computed together changes a quantised model's values.
    few, all_told = (harmonia.serve(served.settings.served, "smollm2", workers=1) for _ in range(2))
    post, ask_all = few._client.post, all_told._client.post
    whole_prompt = {"cache_prompt": False}
    monkeypatch.setattr(
        all_told._client, "post", lambda path, body, *limit: ask_all(path, body | whole_prompt, *limit)
    )

    def capped(path, body, *limit):
        body |= whole_prompt
        body = {key: value for key, value in body.items() if key != "logit_bias"}
        for name in ("n_probs", "logprobs"):
            body |= {name: min(20, body[name])} if name in body else {}
        return post(path, body, *limit)

    monkeypatch.setattr(few._client, "post", capped)
    assert (few._abilities.listed, few.tells_each) == (20, False)
    items = [item(k, options=8) for k in range(6)]
    bounded, whole = (harmonia.probe(model, items, form="icl0") for model in (few, all_told))
    assert any(one.unlisted_mass for one in bounded)
    for one, other in zip(bounded, whole, strict=True):
        unlisted = one.unlisted_mass or 0.0
        assert one.pred == other.pred
        assert one.letter_mass <= other.letter_mass + 1e-4 <= one.letter_mass + unlisted + 2e-4
        share = unlisted / (one.letter_mass + unlisted)
        for told, true in zip(one.probs, other.probs, strict=True):
            low, high = (told * (1 - share), told) if told else (0.0, share)
            assert low - 1e-4 <= true <= high + 1e-4
    assert math.fsum(bounded[0].probs) == pytest.approx(1)
