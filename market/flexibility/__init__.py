"""Flexibility for system operators: incentives, a community's answer, proof by meter, revenue."""

from __future__ import annotations

from .baselines import BASELINES, Baseline, baseline_milliwh, similar_days
from .sequence import SEQUENTIAL, TOGETHER, Answer, Refusal, answer
from .sites import FlexibilityError, Incentive, Sites

__all__ = [
    "BASELINES",
    "SEQUENTIAL",
    "TOGETHER",
    "Answer",
    "Baseline",
    "FlexibilityError",
    "Incentive",
    "Refusal",
    "Sites",
    "answer",
    "baseline_milliwh",
    "similar_days",
]
