"""docs/licences.md: the licence of everything that the lock installs, from the packages' own metadata.

    python scripts/write_licences.py            writes it
    python scripts/write_licences.py --check    tells whether it is in step

Versions are left out: a licence rarely changes with one, and `requirements/` has them.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
_LONGEST = 60
_HEAD = """# Licences

What `make setup` installs, and under which licence, as each package says itself. `scripts/write_licences.py`
writes this page; `make check` tells when it is out of step. `make release` writes the same, with versions, as
a bill of materials (CycloneDX). On a machine with a GPU, `requirements/gpu.txt` adds NVIDIA's libraries under
NVIDIA's own terms, and Triton (MIT).

| package | licence |
| --- | --- |
"""


def locked() -> list[str]:
    """Names of all locked packages, sorted."""
    text = "".join(
        (ROOT / "requirements" / name).read_text(encoding="utf-8") for name in ("common.txt", "cpu.txt")
    )
    return sorted(set(re.findall(r"^([A-Za-z0-9][\w.-]*)==", text, re.MULTILINE)), key=str.lower)


def licence_of(found: Distribution) -> str:
    """What a package says of its licence: its expression, else its classifiers, else its own short words."""
    about = found.metadata
    if expression := about.get("License-Expression"):
        return str(expression)
    said = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or ()
        if line.startswith("License :: ")
    ]
    named = [one for one in said if one != "OSI Approved"]
    if named:
        return ", ".join(dict.fromkeys(named))
    words = str(about.get("License") or "").strip()
    if words and "\n" not in words and len(words) <= _LONGEST:
        return words
    files = [one.name for one in found.files or () if re.match(r"(?i)licen[cs]e|copying", one.name)]
    return f"see its {min(files)}" if files else "not said"


def page() -> str:
    """The page.

    Raises:
        SystemExit: A locked package is not installed.
    """
    rows, missing = [], []
    for name in locked():
        try:
            rows.append(f"| {name} | {licence_of(distribution(name)).replace('|', ' ')} |\n")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; run `make setup`")
    return _HEAD + "".join(rows)


def main() -> None:
    """Write the page, or check it."""
    made = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, encoding="utf-8")
        return
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != made:
        sys.exit("docs/licences.md is out of step: run `python scripts/write_licences.py`")
    print("licences are in step")


if __name__ == "__main__":
    main()
