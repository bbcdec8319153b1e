"""How fast harmonia is: against named baselines, and against the arithmetic it cannot avoid.

Everything that is compared takes its turns in one process on the same model and data, so
that what disturbs one disturbs all. The baselines are written here from their description.
"""

from harmonia.bench.run import run_bench
from harmonia.bench.settings import BenchSettings
from harmonia.bench.turns import Timing

__all__ = ["BenchSettings", "Timing", "run_bench"]
