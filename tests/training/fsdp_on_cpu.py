"""`harmonia` with FSDP on CPUs: accelerate shares parameters out on accelerators alone, torch on any device.

Started by torchrun with the variables of accelerate for FSDP. The arguments are those of the command, or `-m`
and those of a launched fine-tuning.
"""

from __future__ import annotations

import atexit
import sys
from typing import Any

from accelerate import state
from accelerate.utils import DistributedType

_plain = state.AcceleratorState.__init__


def _with_fsdp(self: state.AcceleratorState, *args: Any, fsdp_plugin: Any = None, **options: Any) -> None:
    _plain(self, *args, fsdp_plugin=fsdp_plugin, **options)
    if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = state.PartialState._shared_state["distributed_type"] = DistributedType.FSDP
        self.fsdp_plugin = fsdp_plugin


if __name__ == "__main__":
    state.AcceleratorState.__init__ = _with_fsdp
    atexit.register(lambda: print(f"FSDP2: {state.AcceleratorState().is_fsdp2}\n", end=""))
    from harmonia.cli.main import main

    if sys.argv[1] == "-m":
        from harmonia.training.launched import main

        del sys.argv[1:3]
    main()
