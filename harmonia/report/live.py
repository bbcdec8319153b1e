"""A folder's page, and how far its runs are, served to this machine alone.

How far a run is is read from its own files as they grow; the run knows nothing of it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from harmonia.analysis.answers import read_answers
from harmonia.errors import HarmoniaError, InputError
from harmonia.files import read_text
from harmonia.probe.item_columns import ItemColumns
from harmonia.report.load import read_losses
from harmonia.report.missing import without_result
from harmonia.report.run_index import RunIndex
from harmonia.report.words import asked_by, plain

PAGE = "report.html"
_LIVE = "/live"
_STATE = "/live.json"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".csv": "text/csv; charset=utf-8",
    ".tex": "text/plain; charset=utf-8",
}
_HERE = Path(__file__).parent


class Following:
    """How far the runs in a folder are; what was read of a file of answers is not read again.

    Args:
        folder: A run directory, or the folder of several.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._right: dict[tuple[Path, int], tuple[int, int]] = {}

    def runs(self) -> list[Path]:
        """The run directories that are there now."""
        if (self.folder / "manifest.json").is_file():
            return [self.folder]
        return sorted(path.parent for path in self.folder.glob("*/manifest.json"))

    def states(self) -> dict[str, Any]:
        """All runs, and whether they are finished: the page is there, and none has anything left to do."""
        runs = [self.state(run) for run in self.runs()]
        done = (self.folder / PAGE).is_file() and all(one["ended"] >= one["tasks"] for one in runs)
        return {"runs": runs, "finished": done}

    def state(self, run: Path) -> dict[str, Any]:
        """A run as its files are now: its tasks, those without a result, losses, accuracies."""
        index = RunIndex.read(run)
        stages = index.manifest.stages
        return {
            "name": index.manifest.name,
            "tasks": index.manifest.tasks or len(stages),
            "ended": len(stages),
            "kinds": Counter(key.partition("/")[0] for key in stages),
            "lost": sum(one.status != "done" for one in stages.values()),
            "failed": [f"{which}: {why}" for which, why in without_result(stages)],
            "written": (run / "manifest.json").stat().st_mtime,
            "losses": [self._loss(run, key) for key in stages if key.startswith("train/")],
            "accuracies": list(self._accuracies(index)),
        }

    def _loss(self, run: Path, key: str) -> list[Any]:
        path = run / "models" / key.removeprefix("train/") / "loss.jsonl"
        losses = [loss for _, loss in read_losses(path)] if path.is_file() else []
        return [key.removeprefix("train/"), len(losses), *(losses[:1] + losses[-1:])]

    def _accuracies(self, index: RunIndex) -> Any:
        items: dict[Path, ItemColumns] = {}
        for place, name in index.answers.items():
            path = index.run / name
            key = path, path.stat().st_mtime_ns  # a run that goes on otherwise writes its files anew
            if key not in self._right:
                answers = read_answers(path, items)
                self._right[key] = int(answers.correct_I.sum()), len(answers)
            yield [place.who, asked_by(place.form, place.readout), plain(place.suite), *self._right[key]]


def server_of(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of a folder's page on 127.0.0.1; nothing is changed, and no other file is given.

    Args:
        folder: A run directory, or the folder of several.
        port: Where; 0 takes a free one.

    Raises:
        InputError: There is no run and no page in the folder, or the port is taken.
    """
    following = Following(folder)
    if not following.runs() and not (folder / PAGE).is_file():
        remedy = "Give the folder that `harmonia run` or `harmonia demo` writes."
        raise InputError("there is no run here, and no page", file=folder, remedy=remedy)

    try:
        return _Server(following, port)
    except OSError as error:
        remedy = "Give another, or none."
        raise InputError("nothing can be served there", field="--port", seen=port, remedy=remedy) from error


class _Server(ThreadingHTTPServer):
    def __init__(self, following: Following, port: int) -> None:
        self.following = following
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves before it has the whole page is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        port = self.server.server_port
        # A page of somewhere else that has its name resolved to this machine reads nothing.
        if self.headers.get("Host") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            self.send_error(403)
            return
        path = unquote(urlsplit(self.path).path)
        if path == "/":
            # Where something is wrong, the live page says so.
            self._moved(f"/{PAGE}" if self._states().get("finished") else _LIVE)
        elif path == _LIVE:
            self._send(read_text(_HERE / "live.html", what="the page").encode(), _TYPES[".html"])
        elif path == _STATE:
            self._send(json.dumps(self._states()).encode(), "application/json")
        else:
            self._file(path)

    def _states(self) -> dict[str, Any]:
        try:
            return self.server.following.states()
        except (HarmoniaError, OSError) as error:
            return {"error": str(error)}

    def _file(self, path: str) -> None:
        folder = self.server.following.folder.resolve()
        try:
            file = (folder / path.lstrip("/")).resolve()
            given = file.is_relative_to(folder) and file.suffix in _TYPES and file.is_file()
            body = file.read_bytes() if given else None
        except (OSError, ValueError):  # a name that no file can have, or a file that must not be read
            body = None
        if body is None:
            self.send_error(404)
        else:
            self._send(body, _TYPES[file.suffix])

    def _moved(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.end_headers()

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""
