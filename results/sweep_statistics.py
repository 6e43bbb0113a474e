"""What many runs say together: how sure a share is, and which value moves which figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Influence", "influence", "wilson"]

CONFIDENCE = 0.95
FEWEST = 5
"""Runs below which nothing is said about influence."""


def wilson(passed: int, of: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Confidence interval of a share, Wilson's score interval [1]_.

    Parameters
    ----------
    passed, of : int
    confidence : float

    Returns
    -------
    low, high : float
        0 and 1 if nothing was tried. [1]

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference,"
       J. Am. Stat. Assoc., vol. 22, no. 158, pp. 209-212, 1927.

    Examples
    --------
    >>> [round(end, 3) for end in wilson(10, 10)]
    [0.722, 1.0]
    """
    if of == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    interval = binomtest(passed, of).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Influence:
    """How far one varied value explains one figure.

    Attributes
    ----------
    share : float
        Of the variance of the figure's ranks. [1]
    correlation : float or None
        Spearman's, where the values are numbers: above zero both rise together.
    chance : float
        How likely at least so much is where there is no influence at all, the p-value.
    """

    share: float
    correlation: float | None
    chance: float


def influence(values: Sequence[Any], figure: npt.NDArray[np.float64]) -> Influence | None:
    """Measure how far a varied value explains a figure.

    Numbers by Spearman's rank correlation [1]_, whose square is the share of the ranks' variance
    that a monotone dependence explains. Anything else by the share of the ranks' variance that lies
    between its values, H / (n - 1) with the statistic H of Kruskal and Wallis [2]_. The two are
    alike enough to be ranked together; neither sees what only several values together do.

    Parameters
    ----------
    values : sequence
        What was set in every run, numbers or anything else.
    figure : (n,) float64 array
        What came out; runs without it are NaN and left out.

    Returns
    -------
    Influence or None
        None where one of them does not vary, or there are less than five runs.

    References
    ----------
    .. [1] C. Spearman, "The proof and measurement of association between two things," Am. J.
       Psychol., vol. 15, no. 1, pp. 72-101, 1904.
    .. [2] W. H. Kruskal and W. A. Wallis, "Use of ranks in one-criterion variance analysis,"
       J. Am. Stat. Assoc., vol. 47, no. 260, pp. 583-621, 1952.
    """
    known = np.isfinite(figure)
    told = [value for value, here in zip(values, known.tolist(), strict=True) if here]
    measured = figure[known]
    if len(told) < FEWEST or np.ptp(measured) == 0 or len({repr(value) for value in told}) < 2:
        return None
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in told):
        return _monotone(np.array(told, dtype=np.float64), measured)
    return _between(told, measured)


def _monotone(values: npt.NDArray[np.float64], measured: npt.NDArray[np.float64]) -> Influence:
    from scipy.stats import spearmanr

    found = spearmanr(values, measured)
    correlation = float(found.statistic)
    return Influence(correlation**2, correlation, float(found.pvalue))


def _between(told: Sequence[Any], measured: npt.NDArray[np.float64]) -> Influence | None:
    from scipy.stats import kruskal

    names = [repr(value) for value in told]
    groups = [measured[np.array([name == one for name in names])] for one in dict.fromkeys(names)]
    if len(groups) == len(told):
        return None  # every run has a value of its own, so nothing can be said
    found = kruskal(*groups)
    return Influence(float(found.statistic) / (len(told) - 1), None, float(found.pvalue))
