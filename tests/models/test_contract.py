"""What every scorer and every generator keeps to: local, fake and served."""

from __future__ import annotations

import ast
import importlib
import math
import random

import pytest
from dialects import TOKENIZER
from models import REPOSITORY, make_tiny, sums

from harmonia import serve
from harmonia.errors import InputError
from harmonia.models import GenerationSettings, guarded, load_model
from harmonia.models.fake import FakeModel
from harmonia.probe import ask
from harmonia.prompts import Encoder, Form, PromptSettings, Request, build_template, plain_text

TEXTS = ("The river", "A city of metal", "The river is", "Which bridge?\nAnswer:")
OPTIONS = (" A", " B", " the metal of the king", " the metal")
WORDS = ("river", "city", "metal", "pressure", "voltage", "treaty", "king", "steel", "bridge", "current")


def fake(**options) -> FakeModel:
    """Prefers other options after each text, and leaves some probability to all else."""

    def script(text: str) -> dict[str, float]:
        draws = random.Random(text)
        said = [*OPTIONS, *(" " + " ".join(draws.sample(WORDS, 4)) for _ in range(4))]
        weights = [draws.random() for _ in said]
        return {one: 0.9 * weight / sum(weights) for one, weight in zip(said, weights, strict=True)}

    return FakeModel(script, **options)


def served_words(asked) -> tuple[str, str]:
    """A server that draws words by the request's seed, or always the same, and stops where it is told."""
    draws = random.Random(f"{asked['prompt']} {asked['seed'] if asked['temperature'] else ''}")
    text = " " + " ".join(draws.choice(WORDS) for _ in range(asked["max_tokens"]))
    cut = min((text.index(stop) for stop in asked["stop"] if stop in text), default=None)
    return (text, "length") if cut is None else (text[:cut], "stop")


@pytest.fixture(
    params=["local", "fake", *(pytest.param(one, marks=pytest.mark.slow) for one in ("llama", "vllm"))]
)
def scorer(request, tiny_loaded, speaker, tmp_path):
    if request.param == "llama":
        return serve(speaker("llama").url, "m")
    if request.param == "vllm":
        TOKENIZER.save_pretrained(tmp_path)
        return serve(speaker("vllm").url, "m", tokenizer=str(tmp_path))
    return fake() if request.param == "fake" else tiny_loaded("qwen2")


@pytest.fixture(params=["local", "fake", "llama", "vllm", "writer"])
def generator(request, tiny_loaded, speaker):
    if request.param == "writer":
        server = request.getfixturevalue("server")
        server.say = served_words
        return server.writer()
    if request.param in ("llama", "vllm"):
        return serve(speaker(request.param).url, "m")
    return fake() if request.param == "fake" else tiny_loaded("qwen2")


def requests(scorer, **options) -> list[Request]:
    encoder = Encoder(scorer.tokenizer)
    options_ids = tuple(encoder.encode(OPTIONS))
    return [Request(context=ids, continuations=options_ids, **options) for ids in encoder.encode(TEXTS)]


SEEN = {"harmonia.models.protocols", "harmonia.models.folder", "harmonia.models.server"}
"""Who answers, and the settings of who is asked: what `probe`, `slick` and `writers` may know of models."""


@pytest.mark.parametrize("package", ["probe", "slick", "writers"])
def test_who_asks_does_not_know_who_answers(package):
    for path in (REPOSITORY / "harmonia" / package).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harmonia.models"):
                module = importlib.import_module(node.module)
                homes = {getattr(module, name.name).__module__ for name in node.names}
                assert homes <= SEEN, f"{path.name}: {homes}"


# Scorers.


def test_an_answer_a_continuation_in_order_whatever_the_company(scorer):
    asked = requests(scorer)
    found = sums(scorer, asked)
    assert [len(one) for one in found] == [len(OPTIONS)] * len(TEXTS)
    assert len({value for one in found for value in one}) == len(OPTIONS) * len(TEXTS)
    for order in ([3, 1, 0, 2, 1], [2]):
        for place, one in zip(order, sums(scorer, [asked[place] for place in order]), strict=True):
            assert one == pytest.approx(found[place], abs=1e-5)
            assert [math.exp(x) for x in one] == pytest.approx(
                [math.exp(x) for x in found[place]], abs=scorer.rounding + 1e-15
            )
    assert sums(scorer, asked, batch_tokens=1)[0] == pytest.approx(found[0], abs=1e-5)
    assert scorer.loglikelihoods([]) == []


def test_the_vocabulary_after_a_text_is_a_distribution_and_tokens_are_read_from_it(scorer):
    """Entropy and likeliest other token by hand, from the likelihoods of all tokens."""
    whole = tuple((token,) for token in range(scorer.vocabulary))
    for asked in requests(scorer, per_token=True):
        for ids, one in zip(asked.continuations, scorer.loglikelihoods([asked])[0], strict=True):
            assert len(one.tokens) == len(ids)
            assert one.sum == pytest.approx(math.fsum(token.logprob for token in one.tokens), abs=1e-5)
        first = asked.continuations[0][0]
        (after,) = sums(scorer, [Request(context=asked.context, continuations=whole)])
        reading = scorer.loglikelihoods([asked])[0][0].tokens[0]
        assert math.fsum(map(math.exp, after)) == pytest.approx(1, abs=1e-5)
        assert reading.logprob == pytest.approx(after[first], abs=1e-5)
        entropy = -math.fsum(math.exp(value) * value for value in after if value > -math.inf)
        assert reading.entropy == pytest.approx(entropy, abs=1e-5)
        assert reading.other != first
        others = [value for token, value in enumerate(after) if token != first]
        assert reading.other_logprob == pytest.approx(max(others), abs=1e-5)
        assert after[reading.other] == pytest.approx(max(others), abs=1e-5)


def test_tokens_are_read_only_where_they_are_asked_for(scorer):
    plain, whole = (scorer.loglikelihoods(requests(scorer, per_token=wish)) for wish in (False, True))
    for one, other in zip(plain, whole, strict=True):
        assert all(not option.tokens for option in one) and all(option.tokens for option in other)
        assert [option.sum for option in one] == pytest.approx([option.sum for option in other], abs=1e-6)


def test_a_scorer_can_be_probed(scorer):
    from models import item

    items = [item(k, options=3) for k in range(3)]
    template = build_template(PromptSettings(), scorer.tokenizer)
    asked = ask(scorer, items, Form(chat=False, shots=0), template)
    assert [belief.item for belief in asked.beliefs] == items
    assert all(sum(belief.probs) == pytest.approx(1) for belief in asked.beliefs)
    assert all(isinstance(line, str) for line in scorer.slower_scoring)
    assert scorer.max_tokens > 100


def test_an_identity_is_of_the_answers(tiny, tiny_loaded, tmp_path):
    local = tiny_loaded("qwen2")
    assert local.identity == load_model(tiny("qwen2")).identity
    assert local.identity != load_model(make_tiny("qwen2", tmp_path / "m", seed=1)).identity
    one, other = {"a": {" b": 0.5}}, {"a": {" b": 0.6}}
    assert FakeModel(one).identity == FakeModel(dict(one)).identity != FakeModel(other).identity
    assert fake().identity == fake().identity != fake(name="another").identity


# Generators.


def write(generator, prompts=TEXTS, *, seed=0, stage="s", addresses=None, **how):
    settings = GenerationSettings(**{"max_new_tokens": 40, **how})
    names = [f"a/{prompt}" for prompt in prompts] if addresses is None else addresses
    return generator.generate(prompts, settings, addresses=names, seed=seed, stage=stage)


def test_greedy_samples_are_alike_and_in_order(generator):
    found = write(generator, samples=3, max_new_tokens=12)
    assert [len(one) for one in found] == [3] * len(TEXTS)
    assert all(len({sample.text for sample in one}) == 1 for one in found)
    assert len({one[0].text for one in found}) > 1
    assert write(generator, TEXTS[::-1], max_new_tokens=12) == [one[:1] for one in found[::-1]]
    assert write(generator, ()) == []


@pytest.mark.slow
def test_a_draw_is_its_addresss(generator):
    how = {"temperature": 1.0, "samples": 4, "max_new_tokens": 12}
    found = write(generator, **how)
    assert len({sample.text for one in found for sample in one}) > len(TEXTS)
    assert write(generator, TEXTS[::-1], **how)[::-1] == found
    assert write(generator, TEXTS[2:3], **{**how, "samples": 2}) == [found[2][:2]]
    for other in ({"seed": 1}, {"stage": "t"}, {"addresses": ["b", "c", "d", "e"]}):
        assert write(generator, **how, **other) != found


def test_stop_texts_and_limits(generator):
    ((free,),) = write(generator, TEXTS[:1], max_new_tokens=12)
    stop = free.text[3:6]
    ((cut,),) = write(generator, TEXTS[:1], max_new_tokens=12, stop=("never", stop))
    assert (cut.text, cut.ended) == (free.text[: free.text.index(stop)], "stop")
    ((short,),) = write(generator, TEXTS[:1], max_new_tokens=2)
    assert free.text.startswith(short.text) and short.ended == "length"
    assert len(short.tokens) in (0, 2)


def test_a_prompt_without_room_is_not_continued(generator):
    if generator.max_tokens is None:
        pytest.skip("only its server knows how long its context is")
    (one,) = write(generator, ["river " * generator.max_tokens])[0]
    assert (one.text, one.tokens, one.ended) == ("", (), "no room")


def test_data_is_guarded_where_control_tokens_are_known(generator):
    assert all(isinstance(line, str) for line in generator.slower_generating)
    assert generator.identity
    if generator.controls is None:
        assert guarded(generator, "a <|end|>") == "a <|end|>"
        return
    for spelled, number in generator.controls.tokens.items():
        safe = guarded(generator, f"a {spelled} b")
        assert plain_text(safe) == f"a {spelled} b"
        assert number in Encoder(generator.tokenizer).encode([plain_text(safe)])[0]
        assert number not in Encoder(generator.tokenizer).encode([safe])[0]


# The script of a fake.


def test_a_fake_says_its_script():
    model = FakeModel({"the sky": {" A": 0.7, " B": 0.2}, "the sea": {" blue": 0.5, " blown": 0.25}})
    encoder = Encoder(model.tokenizer)

    def likelihood(text: str, option: str) -> float:
        context, whole = encoder.encode([text, text + option])
        asked = Request(context=context, continuations=(whole[len(context) :],))
        return math.exp(sums(model, [asked])[0][0])

    assert likelihood("Of the sea. Of the sky:", " A") == pytest.approx(0.7)
    # What .7 and .2 leave falls on the other tokens alike.
    assert likelihood("Of the sky:", " C") == pytest.approx(0.1 / (model.vocabulary - 2))
    assert likelihood("Of the sea:", " bl") == pytest.approx(0.75)
    assert likelihood("Of the sea:", " blue") == pytest.approx(0.5)
    assert likelihood("Of the sea:", " blown") == pytest.approx(0.25)
    assert likelihood("Of the sea:", " blot") == 0
    assert [one.text for (one,) in write(model, ["the sky", "the sea"])] == [" A", " blue"]
    with pytest.raises(InputError, match="no key for the text that ends in 'elsewhere'"):
        write(model, ["elsewhere"])


@pytest.mark.parametrize(
    "said",
    [
        {"b": 0.7, "c": 0.7},
        {"b": -0.1},
        {"b": math.nan},
        {"b": math.inf},
        {"b": "0.5"},
        {"b": None},
        {3: 0.5},
        0.5,
        [("b", 0.5)],
        "b",
    ],
)
def test_a_fake_says_probabilities_or_nothing(said):
    for made in (lambda: FakeModel({"a": said}), lambda: write(FakeModel(lambda _: said), ["a"])):
        with pytest.raises(InputError, match="no mapping of texts to probabilities") as caught:
            made()
        assert caught.value.field == "script"
    for script in ({}, said, {3: {"b": 0.5}}, None):
        with pytest.raises(InputError) as caught:
            FakeModel(script)
        assert caught.value.field == "script"


def test_a_fake_draws_by_weight():
    model = FakeModel({"": {" a": 0.4, " b": 0.3, " c": 0.2, " d": 0.1}})

    def shares(**how) -> dict[str, float]:
        (found,) = write(model, ["x"], samples=2000, **how)
        texts = [one.text for one in found]
        return {text: texts.count(text) / 2000 for text in sorted(set(texts))}

    def near(**expected: float):
        return {f" {name}": pytest.approx(share, abs=0.04) for name, share in expected.items()}

    assert shares(temperature=1.0) == near(a=0.4, b=0.3, c=0.2, d=0.1)
    assert shares(temperature=0.5) == near(a=16 / 30, b=9 / 30, c=4 / 30, d=1 / 30)
    assert shares(temperature=1.0, top_p=0.7) == near(a=4 / 7, b=3 / 7)
    assert shares(temperature=0.0) == {" a": 1.0}
