"""Flexibility for system operators: incentives, a community's answer, proof by meter, revenue."""

from __future__ import annotations

from .baselines import BASELINES, Baseline, baseline_milliwh, similar_days
from .delivery import Proof, prove
from .revenue import SHARING, Payment, payments, shares_ueur
from .sequence import SEQUENTIAL, TOGETHER, Answer, Refusal, answer, leftover
from .sites import FlexibilityError, Incentive, Sites

__all__ = [
    "BASELINES",
    "SEQUENTIAL",
    "SHARING",
    "TOGETHER",
    "Answer",
    "Baseline",
    "FlexibilityError",
    "Incentive",
    "Payment",
    "Proof",
    "Refusal",
    "Sites",
    "answer",
    "baseline_milliwh",
    "leftover",
    "payments",
    "prove",
    "shares_ueur",
    "similar_days",
]
