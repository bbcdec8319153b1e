"""What `harmonia open` serves: how far a run is, as its files say, and nothing else of the machine."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from answered_run import write_answered_run
from browser import chromium, faults, opened
from command_line import harmonia

from harmonia.report.live import server_of


@pytest.fixture
def answered(tmp_path: Path) -> Path:
    return write_answered_run(tmp_path / "run")


@contextmanager
def served(folder: Path) -> Iterator[int]:
    with server_of(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def get(port: int, path: str, host: str | None = None) -> tuple[int, bytes, str | None]:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    asked.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}"})
    answer = asked.getresponse()
    found = answer.status, answer.read(), answer.getheader("Location")
    asked.close()
    return found


def test_how_far_a_run_is_is_what_its_files_say(answered: Path) -> None:
    path = answered / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(manifest | {"tasks": 100}), encoding="utf-8")
    with served(answered) as port:
        (run,) = json.loads(get(port, "/live.json")[1])["runs"]
    assert (run["ended"], run["tasks"], run["failed"]) == (len(manifest["stages"]), 100, [])
    assert run["kinds"] == {"data": 2, "probe": 2, "evaluate": 2 * 2 * (2 + 4), "groups": 2 * 2 * 2}
    file = answered / "predictions/law/harmonious/seed1/chat0/letter/in_domain.parquet"
    right, questions = duckdb.sql(
        f"""
        SELECT count(*) FILTER (list_position(probs, list_max(probs)) - 1 = answer), count(*)
        FROM read_parquet('{file}') JOIN read_parquet('{answered}/items/law.parquet') USING (key)
        """
    ).fetchall()[0]
    assert ["law/harmonious/seed1", "chat0, letters", "in-domain", right, questions] in run["accuracies"]


@pytest.mark.slow
def test_what_has_no_result_is_told_with_its_reason_once(answered: Path) -> None:
    path = answered / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    asked = [
        key for key in manifest["stages"] if "/harmonious/seed1/" in key and key.startswith("evaluate/law")
    ]
    for key, status, reason in (
        ("groups/law/seed1", "failed", "memory ran out"),
        *((key, "not_computed", "it needs groups/law/seed1, which could not be computed") for key in asked),
    ):
        manifest["stages"].setdefault(key, {}).update(status=status, reason=reason)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with (
        served(answered) as port,
        chromium() as browser,
        opened(
            browser, f"http://127.0.0.1:{port}/", viewport={"width": 400, "height": 800}, color_scheme="dark"
        ) as page,
    ):
        page.wait_for_selector("text=tasks ended")
        assert f"{1 + len(asked)} of them without a result" in page.locator("main").inner_text()
        assert set(page.locator(".failed").all_inner_texts()) == {
            "groups/law/seed1: failed: memory ran out",
            f"{', '.join(asked)}: not computed: it needs groups/law/seed1, which could not be computed",
        }
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert not faults(page)


def test_a_finished_run_opens_at_its_page_and_one_at_work_at_what_it_does(answered: Path) -> None:
    with served(answered) as port:
        assert get(port, "/")[2] == "/live"
        (answered / "report.html").write_text("<title>the page</title>", encoding="utf-8")
        assert get(port, "/")[2] == "/report.html"
        assert get(port, "/report.html")[1] == b"<title>the page</title>"
    with served(answered.parent) as port:  # the folder of several runs
        assert get(port, "/")[2] == "/live"


def test_nothing_but_the_page_and_its_figures_is_given(answered: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("secret", encoding="utf-8")
    (answered / "out.html").symlink_to(tmp_path / "secret.html")
    with served(answered) as port:
        for path in (
            "/../secret.html",
            "/%2e%2e/secret.html",
            "/out.html",
            "/manifest.json",
            "/items/law.parquet",
            "/a%00b.html",
            f"/{'a' * 3000}.html",
        ):
            assert get(port, path)[0] == 404, path
        assert get(port, "/live.json", host="example.org")[0] == 403
    with server_of(answered) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_a_browser_that_leaves_before_it_has_the_page_is_not_told(
    answered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (answered / "report.html").write_bytes(b"x" * 30_000_000)
    with served(answered) as port:
        threads = threading.active_count()
        leaves = socket.create_connection(("127.0.0.1", port), timeout=20)
        leaves.sendall(f"GET /report.html HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert leaves.recv(5) == b"HTTP/"
        leaves.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no farewell
        leaves.close()
        for _ in range(400):
            if threading.active_count() <= threads:
                break
            time.sleep(0.05)
        assert get(port, "/live")[0] == 200
    assert capsys.readouterr().err == ""


def test_answers_that_are_written_anew_are_read_anew(answered: Path) -> None:
    def counts(port: int) -> dict[tuple[str, ...], list[int]]:
        (run,) = json.loads(get(port, "/live.json")[1])["runs"]
        return {tuple(place): [right, asked] for *place, right, asked in run["accuracies"]}

    one, other = (f"predictions/law/incompatible/seed{k}/chat0/letter/in_domain.parquet" for k in (0, 1))
    with served(answered) as port:
        before = counts(port)
        (answered / one).replace(answered / other)
        after = counts(port)
    place = ("chat0, letters", "in-domain")
    was = before["law/incompatible/seed0", *place]
    assert after["law/incompatible/seed1", *place] == was != before["law/incompatible/seed1", *place]


def test_damaged_losses_are_told_on_the_page(answered: Path) -> None:
    path = answered / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["stages"]["train/law/harmonious/seed0"] = {"status": "done"}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    losses = answered / "models/law/harmonious/seed0/loss.jsonl"
    losses.parent.mkdir(parents=True)
    losses.write_text('{"step": 1, "loss": 2.5}\n{"step": 2}\n', encoding="utf-8")
    with served(answered) as port:
        assert "loss.jsonl, row 2" in json.loads(get(port, "/live.json")[1])["error"]


def test_a_damaged_run_is_told_on_the_page(answered: Path) -> None:
    (answered / "manifest.json").write_text("{", encoding="utf-8")
    with served(answered) as port:
        assert "manifest.json" in json.loads(get(port, "/live.json")[1])["error"]


@pytest.mark.slow
def test_the_page_follows_a_run(answered: Path) -> None:
    path = answered / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) | {"tasks": 60}
    stages = list(manifest["stages"].items())
    path.write_text(json.dumps(manifest | {"stages": dict(stages[:3])}), encoding="utf-8")
    with (
        served(answered) as port,
        chromium() as browser,
        opened(browser, f"http://127.0.0.1:{port}/") as page,
    ):
        page.wait_for_selector("text=3 of 60 tasks ended")
        path.write_text(json.dumps(manifest | {"stages": dict(stages[:20])}), encoding="utf-8")
        page.wait_for_selector("text=20 of 60 tasks ended")
        assert page.locator("caption", has_text="Right answers so far").count() == 1


@pytest.mark.slow
def test_ctrl_c_ends_it_with_one_line(answered: Path) -> None:
    command = [sys.executable, "-m", "harmonia.cli.main", "open", str(answered)]
    quiet = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=quiet,
        # Tests that run in the background ignore it, and so would what they start.
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and len(said.splitlines()) == 1


def test_a_folder_without_a_run_is_bad_input(tmp_path: Path) -> None:
    done = harmonia("open", tmp_path)
    assert done.returncode == 2 and "no run here" in done.stderr
