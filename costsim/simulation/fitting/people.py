"""Users: how many there are, and how unequal, from how often each was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from costsim.simulation.fitting.parameters import Z95

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_HEAD = 64  # ranks of the most active users that stand for themselves
_TAIL = 300  # groups of ranks behind them
MOST_USERS = 10_000_000


@dataclass(frozen=True)
class ActivityFit:
    """A law of activity, its one parameter, and the users it implies, seen or not."""

    law: Literal["zipf", "lognormal"]
    value: float
    interval: tuple[float, float]
    users: int
    users_interval: tuple[float, float]
    seen: int
    log_likelihood: float
    other_log_likelihood: float


def fit_activity(counts: NDArray[np.int64]) -> ActivityFit:
    """Zipf or lognormal activity, whichever makes these numbers of sessions likelier.

    Given its activity a user begins a Poisson number of sessions; users who never did are not in
    the records, so their number is a parameter too. Maximum likelihood over both; intervals from
    the curvature.

    Parameters
    ----------
    counts : array of int, shape (users,)
        Sessions of each user seen, at least 1. At least two users.
    """
    values, times = np.unique(counts, return_counts=True)
    fits = {law: _maximise(law, values.astype(float), times) for law in ("zipf", "lognormal")}
    best, other = sorted(fits, key=lambda law: -fits[law][0])
    top, x, errors = fits[best]
    seen = int(times.sum())
    unseen, spread = float(np.exp(x[1])), float(min(errors[1], 3.0))
    users = min(seen + round(unseen), MOST_USERS)
    low, high = unseen * np.exp(-Z95 * spread), unseen * np.exp(Z95 * spread)
    return ActivityFit(
        "zipf" if best == "zipf" else "lognormal",
        float(x[0]),
        (max(float(x[0] - Z95 * errors[0]), 0.0), float(x[0] + Z95 * errors[0])),
        users,
        (seen + float(low), seen + float(high)),
        seen,
        top,
        fits[other][0],
    )


def _maximise(law: str, values: Floats, times: NDArray[np.int64]) -> tuple[float, Floats, Floats]:
    """Largest log likelihood, (parameter, log of the unseen users), and their standard errors."""
    from scipy.optimize import minimize

    seen = int(times.sum())

    def minus(x: Floats) -> float:
        return -_log_likelihood(law, x[0], float(np.exp(x[1])), values, times)

    bounds = [(0.0, 3.0 if law == "zipf" else 4.0), (np.log(1e-3), np.log(50.0 * seen + 10))]
    starts = [(0.8, np.log(0.05 * seen + 0.1)), (1.2, np.log(seen + 0.1)), (0.3, -2.0)]
    found = [
        minimize(minus, np.array(s), bounds=bounds, method="Nelder-Mead", options={"xatol": 1e-4})
        for s in starts
    ]
    best = min(found, key=lambda one: one.fun)
    return float(-best.fun), np.asarray(best.x), _errors(minus, np.asarray(best.x), bounds)


def _errors(minus: object, x: Floats, bounds: list[tuple[float, float]]) -> Floats:
    """Standard errors from the second differences; infinite where the likelihood is flat."""
    steps = np.array([5e-3, 5e-2])
    x = np.clip(x, [b[0] + s for b, s in zip(bounds, steps, strict=True)], None)
    call = minus if callable(minus) else None
    assert call is not None
    hessian = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            e, f = np.eye(2)[i] * steps, np.eye(2)[j] * steps
            hessian[i, j] = (
                call(x + e + f) - call(x + e - f) - call(x - e + f) + call(x - e - f)
            ) / (4 * steps[i] * steps[j])
    if hessian[1, 1] < 1e-3:  # all users seen: their number is not in doubt
        return np.array([1 / np.sqrt(max(hessian[0, 0], 1e-12)), 0.0])
    try:
        variance = np.diag(np.linalg.inv(hessian))
    except np.linalg.LinAlgError:
        variance = 1 / np.maximum(np.diag(hessian), 1e-12)
    return np.asarray(np.sqrt(np.where(variance > 0, variance, 1 / np.diag(hessian).clip(1e-12))))


def _log_likelihood(
    law: str, parameter: float, unseen: float, values: Floats, times: NDArray[np.int64]
) -> float:
    """Of the counts of all users, those with none among them."""
    from scipy.special import gammaln, logsumexp, xlogy

    seen = float(times.sum())
    users = seen + unseen
    relative, share = _weights(law, parameter, users)
    mean = float(values @ times) / users
    rate = mean * relative
    # log of P(K = k) for each distinct k, and for 0, as a mixture over the nodes
    terms = xlogy(values[:, None], rate) - rate - gammaln(values + 1)[:, None]
    seen_log = logsumexp(terms, b=share, axis=1)
    none_log = logsumexp(-rate, b=share)
    ways = gammaln(users + 1) - gammaln(unseen + 1) - gammaln(seen + 1)
    return float(times @ seen_log + unseen * none_log + ways)


def _weights(law: str, parameter: float, users: float) -> tuple[Floats, Floats]:
    """Activity relative to its mean at some nodes, and the share of users that each stands for."""
    if law == "lognormal":
        z = np.linspace(-6, 6, 161)
        share = np.exp(-(z**2) / 2)
        share /= share.sum()
        relative = np.exp(parameter * z)
    else:
        count = max(round(users), 2)
        edges = np.unique(
            np.concatenate(
                [
                    np.arange(1, min(_HEAD, count) + 1),
                    np.geomspace(min(_HEAD, count), count, _TAIL).astype(int),
                    [count],
                ]
            )
        )
        # a node for the ranks after the edge before, at their geometric middle
        size = np.diff(np.concatenate([[0], edges])).astype(float)
        middle = edges - (size - 1) / 2
        share = size / count
        relative = middle**-parameter
    return relative / float(relative @ share), share
