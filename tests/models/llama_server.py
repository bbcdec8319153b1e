"""A llama.cpp server of its own process, from the wheel xllamacpp: `python llama_server.py GGUF PORT`."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path


def main(gguf: str, port: str) -> None:
    """Serve a model until the process is ended."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path, settings.port, settings.hostnames = gguf, int(port), ["127.0.0.1"]
    settings.n_ctx, settings.n_parallel = 4096, 2
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(3600)


def start(gguf: Path, port: int) -> subprocess.Popen[bytes]:
    """Start it, and wait until it answers."""
    command = [sys.executable, __file__, str(gguf), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    process.kill()
    process.wait()
    raise RuntimeError("the server does not start")


if __name__ == "__main__":
    if len(sys.argv) != 3 or not Path(sys.argv[1]).is_file():
        raise SystemExit("python llama_server.py GGUF PORT: GGUF is a file that is there.")
    main(*sys.argv[1:])
