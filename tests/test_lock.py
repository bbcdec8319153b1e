"""What is installed is locked: every requirement, at a version that the package allows, with hashes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[1]


def entries(name: str) -> list[str]:
    """The requirements of a file, each with its hashes."""
    text = (REPOSITORY / "requirements" / name).read_text(encoding="utf-8")
    return re.findall(r"^[^#\s].*\n(?:[ \t].*\n)*", text, re.MULTILINE)


def locked(name: str) -> dict[str, Version]:
    pairs = (re.split("==|[ ;\n]", entry)[:2] for entry in entries(name))
    return {canonicalize_name(package): Version(number) for package, number in pairs}


def asked() -> list[Requirement]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    parts = [project["build-system"]["requires"], project["project"]["dependencies"], *extras]
    return [Requirement(name) for part in parts for name in part]


def test_all_that_is_asked_for_is_locked_within_its_bounds():
    lock = locked("common.txt") | locked("gpu.txt")
    assert len(asked()) > 30
    for wanted in asked():
        assert lock[canonicalize_name(wanted.name)] in wanted.specifier, str(wanted)


@pytest.mark.parametrize("name", ["common.txt", "gpu.txt"])
def test_every_locked_package_has_its_hashes(name):
    assert len(entries(name)) > 10
    for entry in entries(name):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry


def test_torch_is_one_version_on_all_machines():
    named = [
        re.match(r"torch==([\d.]+)", entry) for name in ("cpu.txt", "gpu.txt") for entry in entries(name)
    ]
    versions = {found[1] for found in named if found}
    assert len(versions) == 1 and "torch" not in locked("common.txt")


OFTEN = ["transformers", "trl", "torch", "peft", "datasets", "accelerate", "lm-eval"]


@pytest.mark.parametrize("name", OFTEN)
def test_what_breaks_often_has_an_upper_bound(name):
    bounds = [wanted.specifier for wanted in asked() if wanted.name == name]
    assert bounds and all(any(one.operator == "<" for one in bound) for bound in bounds)


def test_transformers_ends_where_it_says_that_old_names_end():
    (wanted,) = [one.specifier for one in asked() if one.name == "transformers"]
    assert "5.20.0" in wanted and "5.39.9" in wanted and "5.40.0" not in wanted


def test_no_version_goes_back_when_the_lock_is_made_anew(tmp_path):
    """A newer library may fit an old version of another that did not say what it bears."""
    uv, seen = tmp_path / "uv", tmp_path / "asked"
    uv.write_text(f"#!/bin/sh\ncat > {seen}\necho nothing fits >&2\nexit 1\n")
    uv.chmod(0o755)
    done = subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / "lock.py"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "nothing fits" in done.stderr
    floors = {f"{name}>={version}" for name, version in (locked("common.txt") | locked("gpu.txt")).items()}
    assert len(floors) > 150 and floors <= set(seen.read_text().splitlines())
