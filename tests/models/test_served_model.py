"""Served models on servers of several dialects: what they tell, what they cannot, and when that is said."""

from __future__ import annotations

import math
from importlib import import_module

import dialects
import pytest
from dialects import CONTEXT, SIZE, TOKENIZER, after
from models import item, sums

import harmonia
from harmonia.errors import HarmoniaError, InputError
from harmonia.models.abilities import FIXED
from harmonia.models.server import ServedModelSettings
from harmonia.parsing import table_of_settings
from harmonia.pipeline.experiment import Experiment
from harmonia.prompts import Encoder, Request

pytestmark = pytest.mark.slow  # servers of three dialects take half a minute together

ENCODER = Encoder(TOKENIZER)
LETTERS = tuple(ENCODER.encode([" A", " B", " C", " D"]))


@pytest.fixture
def folder(tmp_path):
    TOKENIZER.save_pretrained(tmp_path / "tokenizer")
    return str(tmp_path / "tokenizer")


def serve(speaker, **options):
    return harmonia.serve(speaker.url, "m", backoff_s=0.01, **options)


def by_hand(context: tuple[int, ...], ids: tuple[int, ...]) -> float:
    return math.fsum(after((*context, *ids[:k]))[one] for k, one in enumerate(ids))


def asked(texts=("One river", "Two cities"), options=LETTERS, **more):
    return [Request(context=ids, continuations=options, **more) for ids in ENCODER.encode(list(texts))]


OPENAI = {"dialect": "openai", "most": 5}
WAYS = {
    "llama": ({"dialect": "llama", "most": 20}, (20, True, None)),
    "vllm": ({"dialect": "vllm", "most": 20}, (20, True, "prompt_logprobs")),
    "vllm without bias": ({"dialect": "vllm", "most": 20, "forces": False}, (20, False, "prompt_logprobs")),
    "openai": (OPENAI, (5, False, "echo")),
    "openai by text": ({**OPENAI, "takes_ids": False}, (5, False, "echo")),
}


@pytest.mark.parametrize(("options", "able"), WAYS.values(), ids=WAYS)
def test_letters_and_texts_are_the_models_whatever_the_dialect(speaker, folder, options, able):
    server = speaker(**options)
    model = serve(server, tokenizer=folder, max_tokens=CONTEXT)
    found = model._abilities
    assert (found.listed, found.forced is not None, found.of_prompt) == able
    texts = tuple(ENCODER.encode([" the river", " A", " a city of metal"]))
    for options_ids in (LETTERS, texts):
        for request, values in zip(
            asked(options=options_ids), sums(model, asked(options=options_ids)), strict=True
        ):
            expected = [by_hand(request.context, ids) for ids in options_ids]
            assert values == pytest.approx(expected, abs=1e-9)
    prompts = [body["prompt"] for path, body in server.asked if path == "/v1/completions"]
    assert {type(one) for one in prompts[-8:]} == {list if server.takes_ids else str}


def test_a_letter_outside_the_list_is_bounded_and_told(speaker):
    server = speaker("llama", most=10, forces=False)
    model = serve(server)
    assert not model.tells_each and "10 likeliest tokens" in model.slower_scoring[0]
    items = [item(k, options=4) for k in range(12)]
    beliefs = harmonia.probe(model, items, form="icl0")
    bounded = 0
    for one in beliefs:
        assert sum(one.probs) == pytest.approx(1)
        context = _context(server, one)
        whole = after(context)
        top = sorted(whole, reverse=True)[:10]
        letters = [whole[ids[0]] for ids in LETTERS]
        told = [value for value in letters if value >= top[-1]]
        mass, rest = (
            math.fsum(map(math.exp, values)) for values in (told, [v for v in letters if v < top[-1]])
        )
        assert one.letter_mass == pytest.approx(mass)
        if len(told) == 4:
            assert one.unlisted_mass is None
            continue
        bounded += 1
        assert rest <= one.unlisted_mass <= (4 - len(told)) * math.exp(top[-1]) + 1e-12
        # The prediction holds whatever the others have, and the bounds hold what is true.
        assert one.pred == letters.index(max(letters))
        for prob, value in zip(one.probs, letters, strict=True):
            true = math.exp(value) / (mass + rest)
            most = mass + one.unlisted_mass
            low, high = (prob * mass / most, prob) if value >= top[-1] else (0, one.unlisted_mass / most)
            assert low - 1e-12 <= true <= high + 1e-12
    assert 0 < bounded < 12
    assert f"items with a letter that the server did not list: {bounded} of 12" in " ".join(beliefs.notes)


def _context(server, belief) -> tuple[int, ...]:
    """The token ids that the server was given for a question."""
    prompts = [tuple(body["prompt"]) for path, body in server.asked if path == "/v1/completions"]
    (found,) = {one for one in prompts if belief.item.question in TOKENIZER.decode(one)}
    return found


def test_what_a_server_cannot_tell_is_said_before_it_is_asked(speaker):
    server = speaker("llama", most=20, forces=False)
    model = serve(server)
    model.identity  # noqa: B018
    items, before = [item(k) for k in range(3)], len(server.asked)
    for words, problem in (
        ({"prompt": {"method": "cloze"}}, "does not tell the likelihood of whole texts"),
        ({"prompt": {"method": "letter_pride"}}, "needs the probability of every letter"),
    ):
        with pytest.raises(InputError, match=problem):
            harmonia.probe(model, items, form="icl0", **words)
    with pytest.raises(
        InputError, match="probability of every token of the vocabulary, which the audit reads"
    ):
        model.loglikelihoods(asked(per_token=True))
    with pytest.raises(InputError, match="probability of every token"):
        model.loglikelihoods(asked(options=tuple((token,) for token in range(SIZE))))
    whole = [body for path, body in server.asked[before:] if path == "/v1/completions"]
    assert len(whole) == 1 and whole[0]["n_probs"] == SIZE  # tried out, once


def test_a_server_that_is_gone_is_not_one_that_cannot(speaker):
    gone = speaker("llama")
    gone.close()
    model = serve(speaker("llama", most=20, forces=False), attempts=1)
    _ = model._abilities
    model._client.url = gone.url
    with pytest.raises(InputError, match="no answer from the server"):
        model.loglikelihoods(asked(per_token=True))
    how = harmonia.models.GenerationSettings()
    with pytest.raises(InputError, match="no answer from the server"):
        _ = serve(gone, attempts=1).controls
    with pytest.raises(InputError, match="no answer from the server"):
        serve(gone, attempts=1).generate(["p"], how, addresses=["a"], seed=0, stage="s")


def test_no_letter_in_the_list_stops_with_the_item(speaker, monkeypatch):
    monkeypatch.setattr(dialects, "_LIKED", {})
    after.cache_clear()
    model = serve(speaker("llama", most=1, forces=False))
    with pytest.raises(HarmoniaError, match=r"item q\d+: the server lists none of its letters"):
        harmonia.probe(model, [item(k) for k in range(20)], form="icl0")
    after.cache_clear()


@pytest.mark.parametrize("dialect", ["llama", "vllm"])
def test_zeros_for_every_token_are_refused(speaker, dialect):
    """What lm-evaluation-harness#4158 took for scores: the same value for every choice, and chance."""
    model = serve(speaker(dialect, zeros=True), max_tokens=CONTEXT)
    with pytest.raises(InputError, match="does not tell the log-probabilities of next tokens"):
        model.loglikelihoods(asked())


def test_a_server_that_ignores_echo_is_not_read_by_echo(speaker):
    """llama.cpp answers a request with `echo` by the new token alone: lm-evaluation-harness#4158."""
    server = speaker("llama")
    model = serve(server)
    assert model._abilities.of_prompt is None and model._abilities.forced is not None
    (request,) = asked(texts=["One river"], options=tuple(ENCODER.encode([" the metal", " the king"])))
    (found,) = sums(model, [request])
    assert found == pytest.approx([by_hand(request.context, ids) for ids in request.continuations])
    assert len(set(found)) == 2 and max(found) < -1


def test_a_place_where_texts_part_is_asked_for_once(speaker):
    server = speaker("llama")
    (request,) = asked(texts=["One river"], options=tuple(ENCODER.encode([" A", " A river", " A city"])))
    (found,) = sums(serve(server), [request])
    assert found == pytest.approx([by_hand(request.context, ids) for ids in request.continuations])
    prompts = [body["prompt"] for path, body in server.asked if path == "/v1/completions"]
    assert prompts.count(list(request.context)) == 1  # " A" is among the likeliest


def test_a_server_without_log_probabilities_writes_and_does_not_score(server):
    model = harmonia.serve(server.url, "m")
    how = harmonia.models.GenerationSettings()
    ((one,),) = model.generate(["p"], how, addresses=["a"], seed=0, stage="s")
    assert one.text == " To p." and model.controls is None


@pytest.mark.parametrize("takes_ids", [True, False])
def test_another_models_tokenizer_is_refused(speaker, tiny, takes_ids):
    model = serve(speaker("vllm", takes_ids=takes_ids), tokenizer=tiny("llama").path)
    with pytest.raises(InputError, match=r"the server reads \d+ tokens where \d+ are meant.*tokenizer"):
        model.loglikelihoods(asked())


def test_busy_and_away_servers_lose_nothing(speaker):
    server = speaker("llama")
    expected = sums(serve(speaker("llama")), asked())
    server.fail = lambda number: 503 if number % 3 == 0 else 429 if number % 5 == 0 else None
    assert sums(serve(server, workers=3), asked()) == expected


def test_another_model_behind_the_address_stops_the_run(speaker):
    server = speaker("llama")
    model = serve(server)
    model.loglikelihoods(asked())
    server.model = 1
    with pytest.raises(HarmoniaError, match="as it did not before: another model is served now"):
        model.loglikelihoods(asked(texts=["Three kings"]))


def test_an_identity_is_of_name_build_and_answers(speaker):
    one, same, other = speaker("llama"), speaker("llama"), speaker("llama", model=1)
    assert serve(one).identity == serve(same, workers=1).identity != serve(other).identity
    assert harmonia.serve(one.url, "another").identity != serve(one).identity
    build = same.said
    same.said = lambda path, body: {**build(path, body), **({"build_info": "b2"} if path == "/props" else {})}
    assert serve(same).identity != serve(one).identity


def test_a_served_model_is_not_trained(speaker, tmp_path):
    model = serve(speaker("llama"))
    with pytest.raises(InputError, match="a served model cannot be trained"):
        harmonia.train(model, tmp_path / "rows.jsonl", out=tmp_path / "tuned")
    with pytest.raises(InputError, match="where a model's files") as caught:
        table_of_settings(Experiment, {"name": "x", "model": {"path": "http://h/v1"}, "domains": {}}, "")
    assert caught.value.field.startswith("model") and "trained" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_probe_that_was_cut_off_goes_on(speaker, tmp_path, monkeypatch):
    monkeypatch.setattr(import_module("harmonia.probe.ask"), "CHUNK", 4)
    server, items = speaker("llama"), [item(k) for k in range(10)]
    journal, how = tmp_path / "journal.jsonl", {"form": "icl0"}
    expected = harmonia.probe(serve(server), items, **how)
    assert len(_asked(server, items)) == 10
    server.asked.clear()
    server.fail = lambda number: 500 if len(_asked(server, items)) > 6 else None
    with pytest.raises(HarmoniaError, match="status 500"):
        harmonia.probe(serve(server, attempts=1, workers=1), items, journal=journal, **how)
    server.fail, first = (lambda number: None), len(journal.read_text().splitlines())
    assert first == 1
    server.asked.clear()
    found = harmonia.probe(serve(server), items, journal=journal, **how)
    assert list(found) == list(expected) and len(_asked(server, items)) == 6


def _asked(server, items) -> list[str]:
    """The questions of which the server has been asked since, each once."""
    texts = [TOKENIZER.decode(body["prompt"]) for path, body in server.asked if path == "/v1/completions"]
    return [one.question for one in items if any(one.question in text for text in texts)]


def test_a_context_that_nobody_tells_is_asked_for(speaker, folder):
    with pytest.raises(InputError, match="does not tell how long its context is") as caught:
        serve(speaker(**OPENAI), tokenizer=folder).max_tokens  # noqa: B018
    assert caught.value.field == "model.max_tokens"
    with pytest.raises(InputError, match=r"makes no tokens .*404.*model\.tokenizer"):
        serve(speaker(**OPENAI)).loglikelihoods(asked())


@pytest.mark.parametrize("told", [lambda value: 0.0, abs], ids=["zeros", "the sign lost"])
def test_numbers_that_are_no_log_probabilities_are_refused_wherever_they_come(speaker, told):
    """In an answer to a question alone; the fixed texts are answered well."""
    server = speaker("llama")
    model, content = serve(server, attempts=1), server.content
    assert model.loglikelihoods(asked())
    fixed = {tuple(row) for row in TOKENIZER(list(FIXED))["input_ids"]}

    def spoiled(ids, new, listed):
        found = content(ids, new, listed)
        if tuple(ids) not in fixed:
            for one in found["content"][0]["top_logprobs"]:
                one["logprob"] = told(one["logprob"])
        return found

    server.content = spoiled
    with pytest.raises(HarmoniaError, match="an answer without the log-probabilities asked for"):
        model.loglikelihoods(asked())


def test_half_a_character_and_null_are_no_traceback(speaker):
    server = speaker("llama")
    model = serve(server, attempts=1)
    model.identity  # noqa: B018
    said = server.said
    for text, told in (
        ("\ud83d", {}),
        (None, {}),
        ("x", {"logprobs": None}),
        ("x", {"logprobs": {"content": [3]}}),
    ):
        server.said = lambda path, body, text=text, told=told: (
            {"choices": [{"text": text, **told}], "usage": {"prompt_tokens": len(body["prompt"])}}
            if path == "/v1/completions"
            else said(path, body)
        )
        with pytest.raises(HarmoniaError, match="an answer without the log-probabilities asked for"):
            model.loglikelihoods(asked())


def test_secrets_and_wrong_addresses_are_refused_unseen():
    for served in ("http://me:s3cret@h/v1", "http://h/v1?key=s3cret", "s3cret"):
        with pytest.raises(InputError) as caught:
            harmonia.serve(served, "m")
        assert "s3" not in str(caught.value)
    assert ServedModelSettings(served="http://h/v1").name is None
