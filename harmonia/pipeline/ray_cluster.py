"""A Ray cluster: one that runs already, or one of this machine alone, started and stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harmonia.errors import HarmoniaError, InputError
from harmonia.pipeline.experiment import RaySettings

_STORE_BYTES = 100_000_000
"""Object store of a cluster of this machine: messages pass through it, and no results."""


def connect(ray: Any, settings: RaySettings) -> Callable[[], object]:
    """Connect to the cluster of the settings, unless this process is connected to one already.

    Returns:
        Ends the connection, and the cluster if it was started here.

    Raises:
        InputError: There is no cluster at the address.
        HarmoniaError: Ray does not start.
    """
    if ray.is_initialized():
        return lambda: None
    address = settings.address or os.environ.get("RAY_ADDRESS") or "local"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    own: dict[str, Any] = {}
    if address == "local":
        own = {
            "num_cpus": os.cpu_count(),
            "object_store_memory": _STORE_BYTES,
            "include_dashboard": False,
        }
    ended = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, logging_level="error", **own)
    except ConnectionError as error:
        raise InputError(
            "no Ray cluster answers there, or it wants a token",
            field="execution.ray.address",
            seen=address,
            remedy="Start one with ray start --head, set RAY_AUTH_MODE=token where it was started with a "
            "token, or leave the address out for this machine alone.",
        ) from error
    except Exception as error:  # Ray has no class of its own for a start that takes it too long
        raise HarmoniaError(
            f"Ray could not be started ({address}): {' '.join(str(error).split())}"
        ) from error
    signal.signal(signal.SIGTERM, ended)  # Ray takes it over
    return ray.shutdown  # type: ignore[no-any-return]


def require_room(ray: Any, wanted: Sequence[Mapping[str, int]]) -> None:
    """Require a machine in the cluster that can hold each of these workers.

    Raises:
        InputError: There is none; with what the largest has.
    """
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for needs in wanted:
        if any(all(node.get(name, 0) >= need for name, need in needs.items()) for node in machines):
            continue
        most = {name: max(node.get(name, 0) for node in machines) for name in needs}
        raise InputError(
            f"no machine of the Ray cluster can hold a worker of {_said(needs)}",
            seen=f"at most {_said(most)} on one machine",
            remedy="Set execution.ray.cpus and execution.ray.gpus, take a smaller model, or add machines.",
        )


def _said(resources: Mapping[str, float]) -> str:
    cpus, gpus, memory = (resources[name] for name in ("CPU", "GPU", "memory"))
    return f"{cpus:g} CPUs, {gpus:g} GPUs and {memory / 1e9:.1f} GB of memory"
