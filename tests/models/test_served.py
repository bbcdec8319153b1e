"""A served model against a small server that speaks the completions protocol."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from models import item
from pydantic import ValidationError

from harmonia.errors import HarmoniaError, InputError, MissingExtraError
from harmonia.models import GenerationSettings
from harmonia.models.served import ServedWriter
from harmonia.models.server import ServedSettings
from harmonia.parsing import validated
from harmonia.writers import (
    ExplanationSettings,
    Wanted,
    WritingSettings,
    dropped,
    write_explanations,
)

HOW = GenerationSettings(temperature=0.7, top_p=0.8, max_new_tokens=9, stop=("\n",))


def write(writer: ServedWriter, prompts: list[str], seed: int = 0):
    addresses = [f"a/{prompt}" for prompt in prompts]
    found = writer.generate(prompts, HOW, addresses=addresses, seed=seed, stage="s")
    return [one for (one,) in found]


def test_a_request_says_all_there_is_and_answers_come_in_order(server):
    prompts = [f"p{k}" for k in range(20)]
    found = write(server.writer(), prompts)
    assert [one.text for one in found] == [f" To {prompt}." for prompt in prompts]
    by_prompt = {asked["prompt"]: (path, asked) for path, asked, _ in server.requests}
    path, asked = by_prompt["p7"]
    assert path == "/v1/completions"
    seed = asked.pop("seed")
    assert asked == {
        "model": "m",
        "prompt": "p7",
        "max_tokens": 9,
        "temperature": 0.7,
        "top_p": 0.8,
        "stop": ["\n"],
    }
    # One seed an address, the same whenever it is asked again.
    assert 0 <= seed < 2**31
    assert len({asked["seed"] for _, asked in by_prompt.values() if "seed" in asked}) == 19
    server.requests.clear()
    write(server.writer(), ["p7"])
    write(server.writer(), ["p7"], seed=1)
    assert server.requests[0][1]["seed"] == seed != server.requests[1][1]["seed"]


@pytest.mark.parametrize("status", [503, 500, 429, 408])
def test_a_busy_server_is_asked_again(server, status):
    server.statuses = [status, status]
    (found,) = write(server.writer(attempts=3), ["p"])
    assert found.text == " To p." and len(server.requests) == 3


def test_a_server_that_keeps_failing_is_given_up(server):
    server.statuses = [503] * 9
    with pytest.raises(HarmoniaError, match=r"2 attempts \(status 503\)"):
        write(server.writer(attempts=2), ["p"])
    assert len(server.requests) == 2


def test_a_refused_request_is_the_users_to_mend(server):
    server.statuses, server.body = [401], {"error": "no such key"}
    with pytest.raises(InputError, match=r"refuses .*401.*no such key.*key_env"):
        write(server.writer(), ["p"])
    assert len(server.requests) == 1


def test_the_key_comes_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "secret")
    write(server.writer(key_env="SOME_KEY"), ["p"])
    write(server.writer(), ["p"])
    assert [key for *_, key in server.requests] == ["Bearer secret", None]
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(InputError, match=r"'key_env': the environment variable that it names, .* is not set"):
        server.writer(key_env="SOME_KEY")
    monkeypatch.setenv("SOME_KEY", "me:secret")
    write(server.writer(key_env="SOME_KEY"), ["p"])
    assert server.requests[-1][2] == "Basic bWU6c2VjcmV0"


@pytest.mark.parametrize(
    "key", ["s3cret\n", "s3cret\r\nX: y", "s3crét", "s3cret 2", "s3cret\u2028", "\ts3cret"]
)
def test_a_key_that_no_header_can_carry_is_refused_unseen(server, monkeypatch, key):
    monkeypatch.setenv("SOME_KEY", key)
    with pytest.raises(InputError, match="holds no key") as caught:
        server.writer(key_env="SOME_KEY")
    assert "s3c" not in str(caught.value)


ADDRESSES = [
    "http://me:s3cret@127.0.0.1:8000/v1",
    "http://s3cret@127.0.0.1:8000/v1",
    "http://me:s3/cr@et@127.0.0.1/v1",
    "http://me:s3cret%40127.0.0.1/v1",
    "http://127.0.0.1:8000/v1?key=s3cret",
    "http://127.0.0.1:8000/v1#s3cret",
    "ftp://me:s3cret@127.0.0.1/v1",
    "http://127.0.0.1:8000/v1 s3cret",
    "http:///v1/s3cret",
    "s3cret",
]


@pytest.mark.parametrize(
    "fields", [*({"url": url} for url in ADDRESSES), {"key_env": "sk-s3cret"}, {"api_key": "s3cret"}]
)
@pytest.mark.parametrize("inside", [lambda values: values, lambda values: {"seed": "x", "served": values}])
def test_a_secret_in_the_settings_is_refused_unseen(fields, inside):
    values = inside({"url": "http://127.0.0.1:8000/v1", "model": "m", **fields})
    model = WritingSettings if "served" in values else ServedSettings
    with pytest.raises(InputError) as caught:
        validated(model, values, file="experiment.yaml")
    assert "s3" not in str(caught.value)
    if model is ServedSettings:
        with pytest.raises(ValidationError) as raw:
            model.model_validate(values)
        assert "s3" not in str(raw.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/v1", "https://[::1]:8/v1/", "http://a-b.c.example", "http://h/a/~b_c/v1"]
)
def test_addresses_of_servers(url):
    assert ServedSettings(url=url, model="m").url == url


def _echo(headers):
    return {"error": {"message": f"bad headers {dict(headers)}", "headers": dict(headers)}}


@pytest.mark.parametrize("key", ["s3cret", "me:s3cret"])
@pytest.mark.parametrize(
    ("statuses", "body"),
    [
        ([], lambda headers: str(dict(headers)).encode()),
        ([], lambda headers: {"headers": dict(headers)}),
        ([], lambda headers: {"choices": [{"message": dict(headers)}]}),
        ([400], lambda headers: str(dict(headers)).encode()),
        ([401], _echo),
        ([302], _echo),
        ([500] * 2, _echo),
    ],
)
def test_a_key_that_a_server_repeats_is_not_passed_on(server, monkeypatch, statuses, body, key):
    monkeypatch.setenv("SOME_KEY", key)
    server.statuses, server.body = statuses, body
    with pytest.raises(HarmoniaError) as caught:
        write(server.writer(key_env="SOME_KEY", attempts=2), ["p"])
    text = f"{caught.value!r} {caught.value}"
    assert "s3cret" not in text and "bWU6czNjcmV0" not in text
    assert server.url in text or "refuses the request" in text


@pytest.mark.parametrize(
    "choices",
    [[{"text": None}], [{"text": 3}], [], [{"text": " half \ud83d."}], [{"text": " half.", "x": "\ud83d"}]],
)
def test_an_answer_without_a_text_is_one_try_lost_and_counted(server, choices):
    server.body = json.dumps({"choices": choices}).encode()
    (found,) = write(server.writer(), ["p"])
    assert (found.text, found.ended) == ("", "no text")
    wanted = [Wanted(item=item(k), target=1) for k in range(3)]
    server.requests.clear()
    lost = write_explanations(server.writer(), wanted, ExplanationSettings(tries=2))
    assert dropped(lost) == {"the server's answer holds no text": 3}
    assert len(server.requests) == 6


def test_an_answer_that_never_ends_is_given_up(server):
    server.piece, server.pause_s = 1, 0.05
    with pytest.raises(HarmoniaError, match=r"an answer without end in 0.2 s"):
        write(server.writer(attempts=1, timeout_s=0.2), ["p"])


def test_a_server_that_is_too_slow_is_given_more_time(server):
    server.pause_s = 0.5
    with pytest.raises(InputError, match=r"in 1 attempts \(nothing in 0.1 s\).*Raise timeout_s"):
        write(server.writer(attempts=1, timeout_s=0.1), ["p"])


def test_a_proxy_that_cannot_be_used_is_told_without_its_password(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "nothing://me:s3cret@127.0.0.1:1")
    with pytest.raises(InputError, match="the proxy that the environment names cannot be used") as caught:
        write(server.writer(), ["p"])
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>busy</html>", "an answer that is not JSON"),
        (b'{"choices": [{"text": "cut', "an answer that is not JSON"),
        (b"\xff\xfe", "an answer that is not JSON"),
        (b"[" * 100_000, "an answer that is not JSON"),
        (b'{"choices": [{"text": "' + b"x" * 5_000_000 + b'"}]}', "an answer of more than 4 MiB"),
    ],
)
def test_an_answer_that_cannot_be_read_is_asked_for_again(server, body, problem):
    server.body = body
    with pytest.raises(
        HarmoniaError, match=rf"completions: no answer from the server in 2 attempts \({problem}"
    ):
        write(server.writer(attempts=2), ["p"])
    assert len(server.requests) == 2


def test_no_server_at_all():
    free = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{free.server_port}/v1"
    free.server_close()
    writer = ServedWriter(ServedSettings(url=url, model="m", attempts=2, backoff_s=0.01))
    with pytest.raises(InputError, match="no answer from the server in 2 attempts") as caught:
        write(writer, ["p"])
    assert caught.value.field == "served.url"


def test_a_server_that_was_given_up_is_not_waited_for_as_long_again(server):
    writer = server.writer(attempts=5)
    assert len(write(writer, ["p"])) == 1
    server.http.shutdown()
    server.http.server_close()
    for attempts in (5, 3, 3):
        with pytest.raises(InputError, match=f"no answer from the server in {attempts} attempts"):
            write(writer, ["p"])


@pytest.mark.parametrize(
    "body",
    [{"object": "list"}, [], 3, None, {"choices": {}}, {"choices": [3]}, {"choices": [{"message": {}}]}],
)
def test_another_answer_than_a_completion(server, body):
    server.body = json.dumps(body).encode()
    with pytest.raises(HarmoniaError, match="something else than a completion"):
        write(server.writer(), ["p"])


def test_ends_of_a_text(server):
    server.body = {"choices": [{"text": " One.\n\nQuestion", "finish_reason": "stop"}]}
    (found,) = write(server.writer(), ["p"])
    assert (found.text, found.ended) == (" One.", "stop")
    server.body = {"choices": [{"text": " One and", "finish_reason": "length"}]}
    (found,) = write(server.writer(), ["p"])
    assert (found.text, found.ended) == (" One and", "length")


def test_explanations_by_a_served_writer(server):
    server.body = {"choices": [{"text": " It is hard.", "finish_reason": "stop"}]}
    wanted = [Wanted(item=item(k), target=1) for k in range(3)]
    found = write_explanations(server.writer(), wanted, ExplanationSettings())
    assert [one.text for one in found] == ["It is hard."] * 3


def test_without_its_library_a_served_model_names_what_to_install(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtraError, match=r"need the library httpx\. .*'harmonia\[served\]'"):
        server.writer()
