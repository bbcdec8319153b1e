"""What Ren et al. (ACL 2024) claim, with the figures that their paper gives, as data and in a sentence.

Accuracies are differences in percentage points. They measured LLaMA-2 and Mistral on other
data: the figures stand beside ours for orientation.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

STATEMENTS = MappingProxyType(
    {
        "C1": "Harmonious data beat incompatible data.",
        "C2": "Self-aligning data, every answer of them wrong, beat incompatible data.",
        "C3": "Contextualised data beat incompatible data.",
        "C4": "The more a tuned model's ranking of the options agrees with the base model's, the "
        "more accurate it is, the base model's accuracy held fixed.",
        "C5": "Full consistency is not best: a mixture with fewer self-aligned rows is more accurate, "
        "and stays nearer to the base model than one without any.",
    }
)

PAPER: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "C1": {"homogeneous": 11.27, "in_domain": 14.58, "out_of_domain": 14.57},
        "C2": {"homogeneous": 5.25, "in_domain": 9.78, "out_of_domain": 6.97},
        "C3": {"LLaMA-2-7B": 8.16, "LLaMA-2-13B": 9.48, "Mistral-7B": 3.98},
        "C4": {
            "partial Spearman": [0.78, 0.87],
            "p below": 0.05,
            "models": ["Mistral-7B", "LLaMA-2-13B"],
            "points a model": 32,
        },
        "C5": {"Mistral-7B": {"KL at ratio 0": 0.37, "KL at the best ratio": 0.24}},
    }
)

_BY_SUITE = (
    "The paper found {homogeneous} points on homogeneous questions, {in_domain} on in-domain and "
    "{out_of_domain} on out-of-domain ones."
)
_SAID = {
    "C1": _BY_SUITE,
    "C2": _BY_SUITE,
    "C3": "The paper found {LLaMA-2-7B} points for LLaMA-2-7B, {LLaMA-2-13B} for LLaMA-2-13B and "
    "{Mistral-7B} for Mistral-7B.",
    "C4": "The paper found partial Spearman correlations from {partial Spearman[0]} to {partial Spearman[1]} "
    "(p below {p below}), over {points a model} pairs of domain and ratio each of {models[0]} and "
    "{models[1]}.",
    "C5": "The paper found, for Mistral-7B, a KL of {Mistral-7B[KL at ratio 0]} nats at ratio 0 and of "
    "{Mistral-7B[KL at the best ratio]} at the best ratio.",
}
PAPER_SAYS = MappingProxyType({claim: said.format_map(PAPER[claim]) for claim, said in _SAID.items()})
"""The figures of each claim in a sentence."""
