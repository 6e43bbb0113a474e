"""Flexibility for system operators: incentives, a community's answer, proof by meter, revenue."""

from __future__ import annotations

from .baselines import BASELINES, Baseline, baseline_milliwh, similar_days
from .sites import FlexibilityError, Incentive, Sites

__all__ = [
    "BASELINES",
    "Baseline",
    "FlexibilityError",
    "Incentive",
    "Sites",
    "baseline_milliwh",
    "similar_days",
]
