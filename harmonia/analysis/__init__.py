"""(Beliefs before, beliefs after) -> Consistency: what tuning did to accuracy and knowledge."""

from harmonia.analysis.accuracy import Accuracy, accuracy_of
from harmonia.analysis.agreement import dense_ranks, jensen_shannon, kl_divergence, rank_agreement
from harmonia.analysis.consistency import Consistency, consistency_of

__all__ = [
    "Accuracy",
    "Consistency",
    "accuracy_of",
    "consistency_of",
    "dense_ranks",
    "jensen_shannon",
    "kl_divergence",
    "rank_agreement",
]
