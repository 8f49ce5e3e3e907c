"""Profile, volume and noise of calls by hour.

Log counts of hours are normal around a mean, plus an effect of the hour of day, one of the day of
week, the noise of the scenario (AR(1) by hour, one effect a day), and the chance of the calls
themselves. Effects of hour and day of week are random effects: their variances are estimated
too, so that a short history pulls them towards a flat profile by as much as it should (empirical
Bayes; Searle, Casella & McCulloch 1992, Variance Components, ch. 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from costsim.simulation.fitting.likelihood import NAMES, PRIOR, Chunk, Parts, correlations, reml

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from costsim.simulation.fitting.defaults import Defaults

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

CHUNK_DAYS = 35  # of one likelihood; longer histories are several
MOST_DAYS = 91  # of history that a profile is taken from: habits change
FEWEST_CALLS = 5.0  # expected in an hour, over its dispersion, below which logs tell nothing
WEEK, WEEKS_2 = 6.5, 13.5  # days: a log rarely begins and ends on the minute


@dataclass(frozen=True)
class Hours:
    """Calls of each hour: `counts`, the covered part of each hour, and where it lies.

    Parameters
    ----------
    counts, covered : arrays of shape (hours,)
        Calls, and the share of the hour that the log covers, 0 to 1.
    hour_of_week : array of int, shape (hours,)
        Local, Monday 00 is 0.
    day : array of int, shape (hours,)
        Local day, counted from the first.
    """

    counts: Floats
    covered: Floats
    hour_of_week: Ints
    day: Ints

    @property
    def days(self) -> float:
        return float(self.covered.sum() / 24)

    def last_days(self, days: int) -> Hours:
        keep = self.day > self.day.max() - days
        return self.where(keep)

    def where(self, keep: NDArray[np.bool_]) -> Hours:
        return Hours(self.counts[keep], self.covered[keep], self.hour_of_week[keep], self.day[keep])


@dataclass(frozen=True)
class NoiseFit:
    """Noise by hour and day with standard errors; `known` names what was fitted."""

    hour_sigma: float
    hour_phi: float
    day_sigma: float
    day_phi: float
    same_hour_phi: float
    errors: tuple[float, ...]
    """Of the five above, in that order."""
    known: tuple[str, ...]
    hours_variance: float
    days_variance: float
    hours_used: int


@dataclass(frozen=True)
class ProfileFit:
    """Weights of hours and days, mean one, standard errors of their logs, and the volume."""

    hours: Floats
    days: Floats
    hours_error: Floats
    days_error: Floats
    calls_per_week: float
    calls_error: float
    hours_known: bool
    days_known: bool


def mean_rates(hours: Hours) -> Floats:
    """Expected calls of each hour by the multiplicative profile, fitted to sums; (hours,)."""
    hour, day = hours.hour_of_week % 24, hours.hour_of_week // 24
    by_hour, by_day = np.ones(24), np.ones(7)
    for _ in range(50):
        by_hour = _margin(hours.counts, hours.covered * by_day[day], hour, 24)
        by_day = _margin(hours.counts, hours.covered * by_hour[hour], day, 7)
    return np.asarray(by_hour[hour] * by_day[day] * hours.covered)


def _margin(counts: Floats, exposure: Floats, group: Ints, size: int) -> Floats:
    above = np.bincount(group, counts, minlength=size)
    below = np.bincount(group, exposure, minlength=size)
    overall = above.sum() / max(below.sum(), 1e-300)
    return np.where(below > 0, above / np.maximum(below, 1e-300), overall)


def fit_noise(hours: Hours, dispersion: float, next_hour: float, level: Defaults) -> NoiseFit:
    """Noise of hourly counts, the sampling of calls and sessions taken off.

    Parameters
    ----------
    hours : Hours
        Of features with one profile.
    dispersion, next_hour : float
        Variance of an hour's calls, and covariance with the next hour's, over their mean, that
        sessions alone would give.
    level : Defaults
        What is assumed where under three days (all), or under 14 (the day's effect), are known.

    Notes
    -----
    Residual maximum likelihood. Hours that expect fewer than 5 calls times `dispersion` are left
    out; values beyond 5 robust deviations are pulled in, because incidents are no noise.
    """
    hours = hours.last_days(MOST_DAYS)
    use = _usable(hours, dispersion)
    full_days = hours.days
    unknown = NoiseFit(
        level.hour_sigma,
        level.hour_phi,
        level.day_sigma,
        0.0,
        0.0,
        (np.nan,) * 5,
        (),
        0.5,
        0.1,
        0,
    )
    if full_days < 3 or use.sum() < 48:
        return unknown
    chunks = _chunks(hours, use, dispersion, next_hour)
    free = ["hours", "hour", "phi"]
    free += ["days"] if full_days >= WEEK else []
    free += ["day", "day_phi", "again"] if full_days >= WEEKS_2 else []
    start = np.log([0.25, 0.1, level.hour_sigma**2, 1.0, level.day_sigma**2, 1.0, 1.0])
    for k, (middle, _) in PRIOR.items():
        start[k] = middle if NAMES[k] in free else -np.inf
    start[3] = np.log(level.hour_phi / (1 - level.hour_phi))
    if "days" not in free:
        start[1] = np.log(1e-8)
    x, errors = reml(chunks, start, [NAMES.index(name) for name in free], "day" in free)
    sigma, day = float(np.exp(x[2] / 2)), float(np.exp(x[4] / 2))
    phi, day_phi, again = (float(1 / (1 + np.exp(-logit))) for logit in x[[3, 5, 6]])
    known = tuple(name for name in NAMES[2:] if name in free)
    return NoiseFit(
        sigma,
        phi,
        day,
        day_phi,
        again,
        (
            errors[2] * sigma / 2,
            errors[3] * phi * (1 - phi),
            errors[4] * day / 2,
            errors[5] * day_phi * (1 - day_phi),
            errors[6] * again * (1 - again),
        ),
        known,
        float(np.exp(x[0])),
        float(np.exp(x[1])) if "days" in free else 0.0,
        int(use.sum()),
    )


def fit_profile(hours: Hours, noise: NoiseFit, dispersion: float, next_hour: float) -> ProfileFit:
    """Profile and volume, given the noise.

    Under a day the profile is flat, under a week the days are; hours too calm for logs are
    taken from their sums.
    """
    whole, hours = hours, hours.last_days(MOST_DAYS)
    by_hour, by_day = np.ones(24), np.ones(7)
    error_hour, error_day = np.full(24, np.nan), np.full(7, np.nan)
    knows_hours = bool(hours.days >= 1 and len(np.unique(hours.hour_of_week % 24)) == 24)
    knows_days = (
        knows_hours and hours.days >= WEEK and len(np.unique(hours.hour_of_week // 24)) == 7
    )
    if knows_hours:
        by_hour, by_day, error_hour, error_day = _effects(
            hours, noise, dispersion, next_hour, knows_days
        )
    week = np.outer(by_day / by_day.mean(), by_hour / by_hour.mean()).ravel()
    expected = week[whole.hour_of_week] * whole.covered
    volume = float(whole.counts.sum() / expected.sum() * 168)
    return ProfileFit(
        by_hour / by_hour.mean(),
        by_day / by_day.mean(),
        error_hour,
        error_day,
        volume,
        volume * _volume_error(whole, expected, noise, dispersion),
        knows_hours,
        knows_days,
    )


def _effects(
    hours: Hours, noise: NoiseFit, dispersion: float, next_hour: float, with_days: bool
) -> tuple[Floats, Floats, Floats, Floats]:
    """Best linear predictions of the effects of hours and days, and their standard errors."""
    rates = mean_rates(hours)
    hour, day = hours.hour_of_week % 24, hours.hour_of_week // 24
    plain = _margin(rates, hours.covered, hour, 24), _margin(rates, hours.covered, day, 7)
    use = _usable(hours, dispersion)
    by_hour, by_day = plain[0], plain[1] if with_days else np.ones(7)
    errors = np.full(24, np.nan), np.full(7, np.nan)
    if use.sum() < 24:
        return by_hour, by_day, *errors
    total = np.zeros(31)
    weight = np.zeros((31, 31))
    prior = np.r_[
        np.full(24, max(noise.hours_variance, 1e-6)),
        np.full(7, max(noise.days_variance, 1e-8) if with_days else 1e-12),
    ]
    by_lag = correlations(noise.hour_phi, noise.same_hour_phi, len(hours.counts))
    for y, parts, sampling in _chunks(hours, use, dispersion, next_hour):
        v = (
            noise.hour_sigma**2 * by_lag[parts.lag]
            + noise.day_sigma**2 * noise.day_phi**parts.days_apart
            + sampling
        )
        inverse = np.linalg.inv(v)
        ones = np.ones(len(y))
        inverse -= np.outer(inverse @ ones, ones @ inverse) / (ones @ inverse @ ones)
        z = np.hstack([parts.hours, parts.days])
        weight += z.T @ inverse @ z
        total += z.T @ inverse @ y
    posterior: Floats = np.linalg.inv(weight + np.diag(1 / prior)).astype(float)
    effect = posterior @ total
    error = np.r_[_contrast_errors(posterior[:24, :24]), _contrast_errors(posterior[24:, 24:])]
    seen = np.bincount(hour[use], minlength=24) > 0
    middle = np.log(np.maximum(plain[0][seen], 1e-12)).mean() - effect[:24][seen].mean()
    by_hour = np.where(seen, np.exp(effect[:24] + middle), plain[0])
    if with_days:
        by_day = np.exp(effect[24:])
    return by_hour, by_day, np.where(seen, error[:24], np.nan), error[24:]


def _contrast_errors(covariance: Floats) -> Floats:
    """Standard errors of effects about their mean: the common level is the volume's."""
    size = len(covariance)
    centre = np.eye(size) - 1 / size
    return np.asarray(np.sqrt(np.diag(centre @ covariance @ centre).clip(0)))


def _volume_error(hours: Hours, expected: Floats, noise: NoiseFit, dispersion: float) -> float:
    """Relative standard error of the volume: common noise, and the sampling of sessions."""
    share = expected / expected.sum()
    daily = np.bincount(hours.day, share)
    ar, most = 0.0, min(len(share), 24 * 21)
    by_lag = correlations(noise.hour_phi, noise.same_hour_phi, most)
    for lag in range(most):
        ahead = float((share[lag:] * share[: len(share) - lag]).sum())
        ar += (1 if lag == 0 else 2) * ahead * by_lag[lag]
    apart = np.abs(np.subtract.outer(np.arange(len(daily)), np.arange(len(daily))))
    days = float(daily @ (noise.day_phi**apart) @ daily)
    variance = noise.hour_sigma**2 * ar + noise.day_sigma**2 * days
    return float(np.sqrt(variance + dispersion / max(hours.counts.sum(), 1.0)))


def _usable(hours: Hours, dispersion: float) -> NDArray[np.bool_]:
    return (
        (mean_rates(hours) >= FEWEST_CALLS * dispersion)
        & (hours.covered > 0.999)
        & (hours.counts > 0)
    )


def _chunks(
    hours: Hours, use: NDArray[np.bool_], dispersion: float, next_hour: float
) -> list[Chunk]:
    """Log counts, indicators and sampling covariance, in stretches of at most 35 days."""
    rates = mean_rates(hours)
    with np.errstate(divide="ignore"):
        y = np.log(hours.counts) + dispersion / (2 * np.maximum(rates, 1e-9))
    away = y[use] - np.log(rates[use])
    limit = 5 * 1.4826 * float(np.median(np.abs(away - np.median(away)))) + 1e-9
    y[use] = np.log(rates[use]) + np.median(away) + np.clip(away - np.median(away), -limit, limit)
    at = np.arange(len(y))
    since = hours.day - hours.day.min()
    parts = max(1, round((since.max() + 1) / CHUNK_DAYS))
    chunk = np.minimum(since * parts // (since.max() + 1), parts - 1)
    result = []
    for number in range(parts):
        rows = np.flatnonzero(use & (chunk == number))
        if len(rows) < 24:
            continue
        lag = np.abs(np.subtract.outer(at[rows], at[rows]))
        day = hours.day[rows]
        week = hours.hour_of_week[rows]
        sampling = np.diag(dispersion / rates[rows])
        sampling += (lag == 1) * next_hour / np.sqrt(np.outer(rates[rows], rates[rows]))
        indicators = Parts(
            np.eye(24)[week % 24],
            np.eye(7)[week // 24],
            lag,
            np.equal.outer(week % 24, week % 24).astype(np.int64),
            np.equal.outer(week // 24, week // 24).astype(np.int64),
            np.abs(np.subtract.outer(day, day)),
        )
        result.append((y[rows], indicators, sampling))
    return result
