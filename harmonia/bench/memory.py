"""Peak memory of probing some items, and twice as many, above the loaded model.

In a process of its own, so that nothing else that a benchmark loads is in the figure. The
peak is the one that Linux keeps of resident memory (VmHWM in proc(5), set back through
clear_refs), or the one of a GPU's allocator.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harmonia.bench.settings import BenchSettings
from harmonia.bench.subject import load_subject
from harmonia.bench.turns import Timing
from harmonia.errors import HarmoniaError
from harmonia.parsing import parse_json

_PROCESS = Path("/proc/self")
_CHILD = "import sys; from harmonia.bench.memory import peaks; print(peaks(sys.argv[1]))"


def measure_memory(settings: BenchSettings) -> Timing:
    """Measure the peak in MB.

    Raises:
        HarmoniaError: The child process failed.
    """
    command = [sys.executable, "-c", _CHILD, settings.model_dump_json()]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise HarmoniaError(f"the child process failed: {done.stderr.strip().splitlines()[-1:]}")
    (few, some), (many, more) = parse_json(done.stdout.splitlines()[-1], file=None)
    return Timing(
        what=f"peak memory of probing {many} items, above the loaded model",
        unit="MB",
        ours=more,
        facts={f"MB with {few} items": some},
    )


def peaks(settings_json: str) -> str:
    """(items, MB above the loaded model) of some items and of twice as many, as JSON: the child's work."""
    from harmonia.probe import ask
    from harmonia.prompts import ShotPool, build_template, parse_form

    settings = BenchSettings.model_validate(parse_json(settings_json, file=None))
    subject = load_subject(settings, count=2 * settings.memory_items)
    prompt = subject.prompt("letter")
    template = build_template(prompt, subject.loaded.tokenizer)
    pool, form = ShotPool.of(subject.shots, prompt), parse_form(prompt.probe_form)
    gc.collect()
    loaded_mb = peak_mb(lambda: None, subject.loaded.device)
    found = []
    for count in (len(subject.items) // 2, len(subject.items)):
        work = partial(ask, subject.loaded, subject.items[:count], form, template, pool=pool)
        found.append((count, peak_mb(work, subject.loaded.device) - loaded_mb))
    return json.dumps(found)


def peak_mb(work: Callable[[], object], device: str) -> float:
    """Largest memory, in MB, that this process (or its GPU) held while the work ran.

    Raises:
        HarmoniaError: The system does not say.
    """
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats()
        work()
        return float(torch.cuda.max_memory_allocated()) / 2**20
    try:
        (_PROCESS / "clear_refs").write_text("5")
        work()
        lines = (_PROCESS / "status").read_text().splitlines()
    except OSError as error:
        raise HarmoniaError(f"this system does not let a process measure its peak ({error})") from error
    (peak_kb,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak_kb) / 2**10
