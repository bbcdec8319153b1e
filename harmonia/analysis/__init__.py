"""(Beliefs before, beliefs after) -> Consistency, differences and claims: what tuning did."""

from harmonia.analysis.accuracy import accuracy_of
from harmonia.analysis.answers import Answers, read_answers
from harmonia.analysis.claims import Claim, ClaimsDocument, claims_document
from harmonia.analysis.consistency import Consistency, consistency_of
from harmonia.analysis.differences import Difference, differences
from harmonia.analysis.findings import Finding
from harmonia.analysis.mixed_models import MixedModelRow, mixed_models
from harmonia.analysis.policies import Ranking
from harmonia.analysis.run_answers import Place, RunAnswers, read_run
from harmonia.analysis.tests import mcnemar

__all__ = [
    "Answers",
    "Claim",
    "ClaimsDocument",
    "Consistency",
    "Difference",
    "Finding",
    "MixedModelRow",
    "Place",
    "Ranking",
    "RunAnswers",
    "accuracy_of",
    "claims_document",
    "consistency_of",
    "differences",
    "mcnemar",
    "mixed_models",
    "read_answers",
    "read_run",
]
