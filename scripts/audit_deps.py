"""`make audit-deps`: known holes in the locked packages, by pip-audit; exit 1 where there are some.

    python scripts/audit_deps.py PIP_AUDIT

Where no source of advisories can be reached it says so and exits 0: nothing is known then.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_SOURCES = ("pypi", "osv")
_LONGEST_S = 180
_UNREACHED = re.compile(r"connect|resol|timed? ?out|unreachable|HTTP|SSL|proxy", re.IGNORECASE)
"""Words of a tool that could not ask; what it says otherwise is a failure of its own."""


def asked(tool: str, source: str) -> tuple[list[str] | None, str]:
    """The holes that a source knows, or None; and what it could not be asked.

    A mirror of the package index may answer without knowing any package: that is no answer.

    Raises:
        SystemExit: The tool is not there, or failed otherwise than by not reaching the source.
    """
    locked = str(ROOT / "requirements" / "common.txt")
    how = ("--no-deps", "--disable-pip", "--progress-spinner=off", "-f", "json")
    try:
        done = subprocess.run(
            [tool, "-r", locked, "-s", source, *how],
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST_S,
        )
        found = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return None, f"no answer in {_LONGEST_S} s"
    except OSError as error:
        raise SystemExit(f"audit-deps: {tool} cannot be run: {error.strerror}") from error
    except (ValueError, KeyError) as error:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]
        if not _UNREACHED.search(said):
            raise SystemExit(f"audit-deps: {tool} failed (exit {done.returncode}): {said}") from error
        return None, said
    unknown = [one["name"] for one in found if "skip_reason" in one]
    if len(unknown) == len(found):
        return None, "knows none of the packages"
    holes = [
        f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
        for one in found
        for hole in one.get("vulns", ())
    ]
    return holes, f"; it does not know {', '.join(unknown)}" if unknown else ""


def main() -> None:
    """Ask the first source that answers."""
    reasons = []
    for source in _SOURCES:
        holes, why = asked(sys.argv[1], source)
        if holes is None:
            reasons.append(f"{source}: {why}")
            continue
        print(*(f"{hole}\n" for hole in holes), sep="", end="")
        print(f"{len(holes)} known holes in the locked packages ({source}{why})")
        sys.exit(1 if holes else 0)
    print(f"audit-deps: skipped, no source of advisories answers ({'; '.join(reasons)})")


if __name__ == "__main__":
    main()
