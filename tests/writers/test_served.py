"""A served writer against a small server that speaks the completions protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from models import item

from harmonia.errors import HarmoniaError, InputError
from harmonia.scoring.generate import GenerationSettings
from harmonia.writers import ExplanationSettings, ServedSettings, ServedWriter, Wanted, write_explanations

HOW = GenerationSettings(temperature=0.7, top_p=0.8, max_new_tokens=9, stop=("\n",))


class Server:
    """Answers with `statuses` in turn (200 when they have run out) and notes each request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any], str | None]] = []
        self.statuses: list[int] = []
        self.body: Any = None
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.requests.append((self.path, asked, self.headers["Authorization"]))
                    status = outer.statuses.pop(0) if outer.statuses else 200
                said = {"choices": [{"text": f" To {asked['prompt']}.", "finish_reason": "stop"}]}
                body = json.dumps(outer.body if outer.body is not None else said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def writer(self, **fields: Any) -> ServedWriter:
        return ServedWriter(ServedSettings(url=self.url, model="m", backoff_s=0.01, **fields))


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    thread = threading.Thread(target=served.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.http.shutdown()
    served.http.server_close()
    thread.join()


def write(writer: ServedWriter, prompts: list[str], seed: int = 0):
    addresses = [f"a/{prompt}" for prompt in prompts]
    return writer.write(prompts, HOW, addresses=addresses, seed=seed, stage="s")


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


@pytest.mark.parametrize("status", [503, 500, 429])
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
    with pytest.raises(InputError, match="SOME_KEY") as caught:
        server.writer(key_env="SOME_KEY")
    assert "secret" not in str(caught.value)


def test_no_server_at_all():
    free = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{free.server_port}/v1"
    free.server_close()
    writer = ServedWriter(ServedSettings(url=url, model="m", attempts=2, backoff_s=0.01))
    with pytest.raises(InputError, match="no answer from the server in 2 attempts") as caught:
        write(writer, ["p"])
    assert caught.value.field == "served.url"


def test_another_answer_than_a_completion(server):
    server.body = {"object": "list"}
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
