"""A command that is told to end says so in a line, and leaves no process and no lock behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

AGAIN = "harmonia: interrupted; the same command takes the work up again\n"


def _demo(out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harmonia.cli.main", "demo", "--out", str(out)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def _at_work(process: subprocess.Popen[str], out: Path) -> list[psutil.Process]:
    """The processes of a demo, as soon as each run is at its first probe."""
    deadline = time.monotonic() + 120
    while not all((out / f"base{n}" / "data" / "person.json").is_file() for n in (0, 1)):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    return psutil.Process(process.pid).children(recursive=True)


def _all_gone(out: Path, processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert not alive
    for n in (0, 1):
        with FileLock(out / f"base{n}" / ".partial" / "lock", blocking=False):
            pass


@pytest.mark.slow
def test_ctrl_c_is_told_and_ends_the_workers_too(tmp_path: Path) -> None:
    process = _demo(tmp_path)
    workers = _at_work(process, tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of them
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.endswith(AGAIN) and "Traceback" not in errors
    _all_gone(tmp_path, workers)
    assert not list(tmp_path.rglob(".*.partial")), "what was written half is gone"


@pytest.mark.slow
def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    process = _demo(tmp_path)
    workers = _at_work(process, tmp_path)
    process.kill()
    process.communicate(timeout=60)
    _all_gone(tmp_path, workers)


def _stopped_by(number: int, before: str = "", command: str = "run") -> subprocess.CompletedProcess[str]:
    code = (
        f"import os, signal, sys; sys.argv = ['harmonia', '{command}']; {before}\n"
        "from harmonia.cli import commands, main\n"
        f"commands.app = lambda **_: os.kill(os.getpid(), {int(number)}) or print('goes on')\n"
        "main.main()"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_each_signal_has_its_exit_code(number: signal.Signals, code: int) -> None:
    done = _stopped_by(number)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", AGAIN)


def test_a_signal_within_compiled_code_is_one_too() -> None:
    """Ray's makes a SystemError of what is raised while it waits."""
    code = (
        "import os, signal, sys\n"
        "sys.argv = ['harmonia', 'run']\n"
        "from harmonia.cli import commands, main\n"
        "def app(**_):\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    except BaseException as error:\n"
        "        raise SystemError('returned a result with an exception set') from error\n"
        "commands.app = app\n"
        "main.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (143, AGAIN)


def test_what_begins_anew_is_not_said_to_be_taken_up() -> None:
    done = _stopped_by(signal.SIGTERM, command="groups")
    assert done.stderr == "harmonia: interrupted; give the same command again\n"


def test_a_signal_is_heard_while_the_commands_are_imported() -> None:
    code = (
        "import builtins, os, signal, sys\n"
        "sys.argv = ['harmonia', 'audit']\n"
        "from harmonia.cli import main\n"
        "imported = builtins.__import__\n"
        "def stopped(name, *rest):\n"
        "    if name == 'harmonia.cli.commands':\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return imported(name, *rest)\n"
        "builtins.__import__ = stopped\n"
        "main.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", AGAIN)


def test_a_signal_that_is_ignored_stays_so() -> None:
    """`nohup harmonia ...` goes on when the terminal is closed."""
    done = _stopped_by(signal.SIGHUP, "signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")
