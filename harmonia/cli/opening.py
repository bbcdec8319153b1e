"""`harmonia open`: a run's page, and how far the run is, in a browser of this machine."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from harmonia.cli.progress import out as console


def open(
    run_directory: Annotated[Path, typer.Argument(help="A run directory, or the folder of several.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to serve; 0 takes a free port.")] = 0,
) -> None:
    """Serve a run's page to this machine alone; follow a run that is at work. Ctrl-C ends it.

    Example: `harmonia open runs/demo`
    """
    from harmonia.report.live import server_of

    with server_of(run_directory, port) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        console.print(f"{address} shows {run_directory}; Ctrl-C ends it")
        graphical = sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
        if console.is_terminal and graphical:
            webbrowser.open(address)
        server.serve_forever()
