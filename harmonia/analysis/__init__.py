"""(Beliefs before, beliefs after) -> Consistency, differences and claims: what tuning did."""

from harmonia.analysis.accuracy import Accuracy, accuracy_of
from harmonia.analysis.agreement import (
    dense_ranks,
    entropy,
    jensen_shannon,
    kendall,
    kl_divergence,
    rank_agreement,
    spearman,
)
from harmonia.analysis.answers import Answers, per_item, read_answers
from harmonia.analysis.bootstrap import Estimate, Unit, mean_intervals, paired_bootstrap
from harmonia.analysis.claims import Claim, ClaimsDocument, claims_document, judge
from harmonia.analysis.consistency import Consistency, consistency_of, levels
from harmonia.analysis.differences import Difference, differences
from harmonia.analysis.findings import Finding
from harmonia.analysis.partial import PartialCorrelation, cluster_interval, partial_spearman
from harmonia.analysis.policies import Ranking, policy_rankings
from harmonia.analysis.run_answers import Place, RunAnswers, read_run
from harmonia.analysis.tests import holm, mcnemar

__all__ = [
    "Accuracy",
    "Answers",
    "Claim",
    "ClaimsDocument",
    "Consistency",
    "Difference",
    "Estimate",
    "Finding",
    "PartialCorrelation",
    "Place",
    "Ranking",
    "RunAnswers",
    "Unit",
    "accuracy_of",
    "claims_document",
    "cluster_interval",
    "consistency_of",
    "dense_ranks",
    "differences",
    "entropy",
    "holm",
    "jensen_shannon",
    "judge",
    "kendall",
    "kl_divergence",
    "levels",
    "mcnemar",
    "mean_intervals",
    "paired_bootstrap",
    "partial_spearman",
    "per_item",
    "policy_rankings",
    "rank_agreement",
    "read_answers",
    "read_run",
    "spearman",
]
