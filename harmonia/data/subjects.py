"""The 57 subjects of MMLU by MMLU's own categories, and the four domains of the study.

MMLU: "Measuring Massive Multitask Language Understanding", Hendrycks et al., 2021.
The domains are those of "Learning or Self-aligning? Rethinking Instruction Fine-tuning"
(Ren et al., 2024): the subjects in domain for a model tuned on that domain's exam. All
other subjects are out of domain.
"""

from __future__ import annotations

from collections.abc import Mapping

_TABLE = """\
biology: college_biology high_school_biology
business: business_ethics management marketing
chemistry: college_chemistry high_school_chemistry
computer science: college_computer_science computer_security high_school_computer_science machine_learning
culture: human_sexuality sociology
economics: econometrics high_school_macroeconomics high_school_microeconomics
engineering: electrical_engineering
geography: high_school_geography
health: anatomy clinical_knowledge college_medicine human_aging medical_genetics nutrition \
professional_medicine virology
history: high_school_european_history high_school_us_history high_school_world_history prehistory
law: international_law jurisprudence professional_law
math: abstract_algebra college_mathematics elementary_mathematics high_school_mathematics \
high_school_statistics
other: global_facts miscellaneous professional_accounting
philosophy: formal_logic logical_fallacies moral_disputes moral_scenarios philosophy world_religions
physics: astronomy college_physics conceptual_physics high_school_physics
politics: high_school_government_and_politics public_relations security_studies us_foreign_policy
psychology: high_school_psychology professional_psychology
"""
CATEGORIES: Mapping[str, tuple[str, ...]] = {
    name: tuple(subjects.split())
    for name, _, subjects in (line.partition(":") for line in _TABLE.splitlines())
}

SOCIAL_SCIENCES = ("culture", "economics", "geography", "politics", "psychology")
"""The categories that MMLU groups as social sciences."""

MMLU_SUBJECTS: tuple[str, ...] = tuple(sorted(name for names in CATEGORIES.values() for name in names))

_DOMAIN_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "engineering": ("engineering",),
    "history": ("history",),
    "jurisprudence": ("law", *SOCIAL_SCIENCES),
    "medicine": ("health",),
}

DOMAINS: Mapping[str, tuple[str, ...]] = {
    domain: tuple(sorted(name for category in categories for name in CATEGORIES[category]))
    for domain, categories in _DOMAIN_CATEGORIES.items()
}
"""The subjects of each domain of the study."""


def subjects_outside(domain: str) -> tuple[str, ...]:
    """All MMLU subjects but those of a domain, in alphabetical order."""
    return tuple(name for name in MMLU_SUBJECTS if name not in DOMAINS[domain])
