"""Servers that answer as llama.cpp, vLLM and OpenAI document it, around a language model of a few lines.

llama.cpp: tools/server/README.md (`/completion`, `/tokenize`, `/detokenize`, `/props`) and what the wheel
xllamacpp answers. vLLM: docs.vllm.ai, "OpenAI-Compatible Server", and its protocol classes
(`CompletionRequest`, `TokenizeCompletionRequest`). OpenAI: the API reference of /v1/completions (legacy).
"""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harmonia.models.fake import FakeModel

TOKENIZER = FakeModel({"": {" A": 1.0}}).tokenizer
SIZE = len(TOKENIZER)
CONTEXT = 512
KNOWN = {"model", "prompt", "max_tokens", "temperature", "top_p", "stop", "seed"}
KNOWN |= {"logprobs", "echo", "logit_bias"}
PIECES = [TOKENIZER.decode([number]) for number in range(SIZE)]
_ASCII = {number for number in range(SIZE) if PIECES[number].isascii()} - {TOKENIZER.eos_token_id}
_LIKED = {number: -12 for number in range(SIZE) if number not in _ASCII}
_LIKED |= {number: 6 for number in range(SIZE) if PIECES[number] in (" A", " B", " C", " D")}


@lru_cache(maxsize=4096)
def after(ids: tuple[int, ...], model: int = 0) -> tuple[float, ...]:
    """Log-probabilities of the next token: random, by the tokens before, letters above others."""
    draws = random.Random(f"{model} {ids}")
    logits = [draws.gauss(0, 2) + _LIKED.get(number, 0) for number in range(SIZE)]
    norm = math.log(math.fsum(map(math.exp, logits)))
    return tuple(value - norm for value in logits)


class Refusal(Exception):
    """A request that the server answers with a status of its own."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message


@dataclass
class Speaker:
    """A server of one dialect.

    Attributes:
        dialect: `llama`, `vllm` or `openai`.
        most: Tokens that it lists at most.
        forces: Whether it follows `logit_bias`.
        takes_ids: Whether prompts may be token ids.
        model: Which language model it serves.
        zeros: Whether every log-probability is told as 0.
    """

    dialect: str
    most: int = SIZE
    forces: bool = True
    takes_ids: bool = True
    model: int = 0
    zeros: bool = False
    fail: Callable[[int], int | None] = lambda number: None
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        outer, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.reply(None)

            def do_POST(self) -> None:
                self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def reply(self, body: Any) -> None:
                with lock:
                    outer.asked.append((self.path, body))
                    failing = outer.fail(len(outer.asked))
                try:
                    if failing:
                        raise Refusal(failing, "busy")
                    status, said = 200, outer.said(self.path, body)
                except Refusal as refusal:
                    status, said = refusal.status, {"error": {"message": refusal.message}}
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def said(self, path: str, body: Any) -> Any:
        """The answer at a path."""
        if path == "/v1/completions":
            return self.complete(body)
        if path == "/v1/models":
            meta = {"llama": {"meta": {"n_vocab": SIZE}}, "vllm": {"max_model_len": CONTEXT}}
            return {"object": "list", "data": [{"id": "m", **meta.get(self.dialect, {})}]}
        if self.dialect == "llama" and path == "/props":
            marks = {"bos_token": "", "eos_token": TOKENIZER.eos_token, "build_info": "b1"}
            return {**marks, "default_generation_settings": {"n_ctx": CONTEXT}}
        if self.dialect == "vllm" and path == "/version":
            return {"version": "0.20.2"}
        if self.dialect != "openai" and path == "/tokenize":
            text = body["content" if self.dialect == "llama" else "prompt"]
            literal = self.dialect == "llama" and not body["parse_special"]
            parts = text.replace("<|end|>", "<\0|end|>").split("\0") if literal else [text]
            ids = [one for part in parts for one in TOKENIZER.encode(part)]
            vllm = {"count": len(ids), "max_model_len": CONTEXT} if self.dialect == "vllm" else {}
            return {"tokens": ids, **vllm}
        if self.dialect != "openai" and path == "/detokenize":
            return {{"llama": "content", "vllm": "prompt"}[self.dialect]: TOKENIZER.decode(body["tokens"])}
        raise Refusal(404, "Not Found")

    def complete(self, body: dict[str, Any]) -> Any:
        """The answer to a completion."""
        prompt = body["prompt"]
        if self.dialect == "openai" and (other := set(body) - KNOWN):
            raise Refusal(400, f"Unrecognized request arguments supplied: {', '.join(other)}")
        if not self.takes_ids and not isinstance(prompt, str):
            raise Refusal(400, "prompt must be a string")
        ids = TOKENIZER.encode(prompt) if isinstance(prompt, str) else prompt
        if len(ids) + (0 if self.dialect == "llama" else body["max_tokens"]) > CONTEXT:
            raise Refusal(400, "the request exceeds the available context size")
        listed = body.get("n_probs" if self.dialect == "llama" else "logprobs")
        if listed is not None and listed > self.most:
            if self.dialect != "llama":
                raise Refusal(400, f"Requested sample logprobs of {listed}, more than {self.most}")
            listed = self.most
        new, ended = self.drawn(tuple(ids), body)
        text = TOKENIZER.decode(new)
        cut = min((text.index(stop) for stop in body.get("stop") or () if stop in text), default=None)
        choice: dict[str, Any] = {"index": 0, "text": text if cut is None else text[:cut]}
        choice["finish_reason"] = ended if cut is None else "stop"
        if listed is not None:
            choice["logprobs"] = self.content(ids, new, listed) if self.dialect == "llama" else None
            if self.dialect != "llama":
                choice["logprobs"] = self.legacy(ids, new, listed, body)
        if self.dialect == "vllm" and body.get("prompt_logprobs") is not None:
            choice["prompt_logprobs"] = [None] + [
                {str(one): {"logprob": self.told(ids[:place])[one], "rank": 1, "decoded_token": "?"}}
                for place, one in enumerate(ids)
                if place
            ]
        usage = {"prompt_tokens": len(ids), "completion_tokens": len(new)}
        return {"object": "text_completion", "model": "m", "choices": [choice], "usage": usage}

    def told(self, ids: Any) -> tuple[float, ...]:
        return (0.0,) * SIZE if self.zeros else after(tuple(ids), self.model)

    def drawn(self, ids: tuple[int, ...], body: dict[str, Any]) -> tuple[list[int], str]:
        draws, new = random.Random(body.get("seed")), []
        bias = body.get("logit_bias") or {} if self.forces else {}
        for _ in range(min(body["max_tokens"], CONTEXT - len(ids))):
            values = [value + bias.get(str(n), 0) for n, value in enumerate(after((*ids, *new), self.model))]
            if body["temperature"]:
                weights = [math.exp(value / body["temperature"]) for value in values]
                new.append(draws.choices(range(SIZE), weights)[0])
            else:
                new.append(max(range(SIZE), key=values.__getitem__))
        return new, "length"

    def content(self, ids: list[int], new: list[int], listed: int) -> Any:
        """Tokens with ids, as llama.cpp lists them."""

        def one(number: int, value: float) -> dict[str, Any]:
            return {"id": number, "token": PIECES[number], "logprob": value}

        found = []
        for place, token in enumerate(new):
            values = self.told([*ids, *new[:place]])
            top = sorted(range(SIZE), key=values.__getitem__, reverse=True)[:listed]
            found.append({**one(token, values[token]), "top_logprobs": [one(n, values[n]) for n in top]})
        return {"content": found}

    def legacy(self, ids: list[int], new: list[int], listed: int, body: dict[str, Any]) -> Any:
        """Tokens as OpenAI's first protocol and vLLM list them."""
        by_id = self.dialect == "vllm" and body.get("return_tokens_as_token_ids")
        row, first = [*ids, *new], 0 if body.get("echo") else len(ids)
        named = [f"token_id:{n}" if by_id else PIECES[n] for n in range(SIZE)]
        scores: list[float | None] = []
        tops: list[dict[str, float] | None] = []
        for place in range(first, len(row)):
            values = self.told(row[:place])
            top = sorted(range(SIZE), key=values.__getitem__, reverse=True)[:listed]
            scores.append(values[row[place]] if place else None)
            tops.append({named[n]: values[n] for n in {*top, row[place]}} if place else None)
        return {"tokens": [named[n] for n in row[first:]], "token_logprobs": scores, "top_logprobs": tops}
