from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import torch
from dialects import Speaker

from harmonia.models import LocalModel, ModelSettings, load, load_model
from harmonia.models.served import ServedWriter
from harmonia.models.server import ServedSettings


class Server:
    """Answers with `statuses` in turn (200 when they have run out) and notes each request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any], str | None]] = []
        self.statuses: list[int] = []
        self.say: Callable[[dict[str, Any]], tuple[str, str]] = lambda asked: (
            f" To {asked['prompt']}.",
            "stop",
        )
        self.body: Any = None
        self.piece, self.pause_s = 2**30, 0.0
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.requests.append((self.path, asked, self.headers["Authorization"]))
                    status = outer.statuses.pop(0) if outer.statuses else 200
                text, ended = outer.say(asked)
                said = {"choices": [{"text": text, "finish_reason": ended}]}
                body = outer.body if outer.body is not None else said
                if callable(body):
                    body = body(self.headers)
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                for place in range(0, len(body), outer.piece):
                    time.sleep(outer.pause_s)
                    self.wfile.write(body[place : place + outer.piece])

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def writer(self, **fields: Any) -> ServedWriter:
        return ServedWriter(ServedSettings(url=self.url, model="m", backoff_s=0.01, **fields))


@pytest.fixture
def speaker() -> Iterator[Callable[..., Speaker]]:
    """Starts servers of a dialect, which end with the test."""
    made: list[Speaker] = []

    def start(dialect: str, **options: Any) -> Speaker:
        made.append(Speaker(dialect, **options))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    thread = threading.Thread(target=served.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.http.shutdown()
    served.http.server_close()
    thread.join()


def in_turn(model: Any, first: str, second: str) -> dict[str, str]:
    """Layers in turn on two devices, the norm behind them not where the input is."""
    decoder = model.get_decoder()
    (prefix,) = (name for name, one in model.named_modules() if one is decoder)
    places = {}
    for name, child in decoder.named_children():
        if isinstance(child, torch.nn.ModuleList):
            places |= {f"{prefix}.{name}.{at}": (second, first)[at % 2] for at in range(len(child))}
        else:
            places[f"{prefix}.{name}"] = second if name in ("norm", "ln_f") else first
    tied = model.config.get_text_config().tie_word_embeddings
    return {**places, "lm_head": first if tied else second}


@pytest.fixture
def spread(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModelSettings, str, str], LocalModel]:
    """Loads a model as `device_map: auto` does, onto made-up devices."""
    # Made-up devices are the thread's own.
    monkeypatch.setenv("HF_DEACTIVATE_ASYNC_LOAD", "1")

    def loaded(settings: ModelSettings, first: str, second: str) -> LocalModel:
        monkeypatch.setattr(load, "device_map", lambda model, *_: in_turn(model, first, second))
        return load_model(settings.model_copy(update={"device": "auto", "device_map": "auto"}))

    return loaded
