"""The cube of a sampled study: dollars and calls by run, bin and feature, and of dear users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from costsim.errors import SettingError
from costsim.simulation.sampling.draws import RunSpend, draw_run
from costsim.simulation.sampling.plan import Minutes, Plan, plan_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from costsim.simulation.scenario import Scenario

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TOP_USERS = 32


@dataclass(frozen=True, repr=False)
class SpendCube:
    """Spend of several runs of a scenario by bin: what records would show, and what they hide.

    Attributes
    ----------
    scenario : Scenario
    seeds : tuple of int
        One a run.
    minutes : int
        Length of a bin.
    features : tuple of str
    usd, calls : arrays of shape (runs, bins, features)
        Recorded dollars, and recorded attempts.
    excess_usd : array of shape (runs, bins, features)
        Dollars billed less dollars that would have been billed without the incidents; negative
        where calls were not made. Unseen dollars are in it.
    unseen_usd, unseen_calls : arrays of shape (runs, bins, features)
        Billed, but their records did not arrive.
    user : array of shape (runs, users)
        Index of each watched user in its run: first those with the most expected ordinary
        dollars, then members of cohorts with the most expected dollars there.
    user_usd : array of shape (runs, bins, users), float32
        Their recorded dollars over all features; part of `usd`.
    dearest_usd : array of shape (runs, bins)
        The most that one user spent, of watched ones and of members drawn call by call.
    tier_usd : array of shape (runs, bins, tiers)
        Recorded dollars of the users of each tier; of all of them where there are no tiers.
    bin_of_week : array of shape (bins,)
        Local, Monday 00:00 = 0.
    """

    scenario: Scenario
    seeds: tuple[int, ...]
    minutes: int
    features: tuple[str, ...]
    usd: Floats
    calls: Ints
    excess_usd: Floats
    unseen_usd: Floats
    unseen_calls: Ints
    user: Ints
    user_usd: NDArray[np.float32]
    dearest_usd: Floats
    tier_usd: Floats
    bin_of_week: Ints

    @property
    def total_usd(self) -> Floats:
        """Recorded dollars of all features, shape (runs, bins)."""
        return np.asarray(self.usd.sum(axis=2))

    def user_names(self, run: int) -> list[str]:
        """Names of the watched users of a run, as call records show them."""
        width = max(4, len(str(self.scenario.population.users - 1)))
        return [f"user-{index:0{width}d}" for index in self.user[run]]

    def to_frame(self) -> pd.DataFrame:
        """A row per run, bin and feature.

        Returns
        -------
        pandas.DataFrame
            seed, time (UTC, start of the bin), feature_name, calls, usd, excess_usd,
            unseen_calls, unseen_usd.
        """
        import pandas as pd

        runs, bins, features = self.usd.shape
        step = pd.Timedelta(minutes=self.minutes)
        time = pd.date_range(self.scenario.calendar.origin, periods=bins, freq=step)
        names = pd.Index(self.features).take(np.tile(np.arange(features), runs * bins))
        columns = ("calls", "usd", "excess_usd", "unseen_calls", "unseen_usd")
        return pd.DataFrame(
            {
                "seed": np.repeat(np.array(self.seeds), bins * features),
                "time": np.tile(np.repeat(time, features), runs),
                "feature_name": pd.Categorical(names, self.features),
                **{name: getattr(self, name).ravel() for name in columns},
            }
        )

    def __repr__(self) -> str:
        runs, bins, features = self.usd.shape
        mean = self.total_usd.sum(axis=1).mean()
        return (
            f"SpendCube({self.scenario.name}: {runs} runs of {bins:,} bins of {self.minutes} "
            f"minutes, {features} features, {self.user.shape[1]} watched users, ${mean:,.0f} a "
            "run); next: .to_frame()"
        )


def sample_cube(
    scenario: Scenario,
    seeds: Sequence[int],
    *,
    minutes: Minutes = 60,
    top_users: int = TOP_USERS,
    workers: int = 2,
) -> SpendCube:
    """Draw spend by bin and feature, without its calls.

    The run of a seed has the users, activity, token effects, noise, cohorts and first uses of
    :func:`simulate` with that seed; its calls are others, of the same law. A scenario with limits,
    provider limits or operations is sampled as if it had none.

    Parameters
    ----------
    scenario : Scenario
    seeds : sequence of int
        One run each; a run depends on its own seed only.
    minutes : {60, 30, 15, 5}
        Length of a bin.
    top_users : int
        Users whose dollars are kept apart; as many members of cohorts come on top.
    workers : int
        Threads; never changes a number.

    Raises
    ------
    SettingError
        No seeds, or a number that is not allowed.

    Notes
    -----
    Dollars of a bin are a compound Poisson sum of fragments, the parts of sessions that lie in it
    (:mod:`~costsim.simulation.sampling.fragments`). The numbers of fragments are exact, and so is
    how they hang together from bin to bin. Their dollars are drawn from the translated gamma with
    the first three cumulants given the run's users and the numbers, calls and excess from their
    regression on the dollars: means, variances and covariances are right, also across bins. What
    is approximate:

    - a session of the crowd, that is of users who are not watched, belongs in each later bin to a
      user drawn anew, so that dear users make neighbours covary a little less than in calls;
      watched users keep theirs, but for bins that fewer than one in ten sessions outlasts: there
      a session that does is cut in two;
    - sessions that may outlast 48 bins are cut into pieces that know nothing of each other;
    - passes, and tries after an error, fall into the bin of the first;
    - in the bin in which an incident or a price begins or ends, fragments lie on either side by
      its share of the bin, and of a partly silent bin calls are hidden at random;
    - the skewness of a watched user's bin is at least that of a gamma, and so is that of a small
      number of sessions; excess is a gamma given the dollars even where an incident makes some
      calls dearer and others cheaper;
    - cohorts of less than 50,000 expected calls are drawn call by call, larger ones as traffic is.

    Examples
    --------
    >>> from costsim.simulation import load_scenario
    >>> cube = sample_cube(load_scenario("quiet").first_days(2), seeds=[1, 2], minutes=30)
    >>> cube.usd.shape, cube.user_usd.shape
    ((2, 96, 5), (2, 96, 32))
    """
    plan, runs = sampled_runs(scenario, seeds, minutes, top_users, workers)
    drawn = list(runs)
    columns: dict[str, Any] = {
        name: np.stack([getattr(run, name) for run in drawn]) for name in RunSpend._fields
    }
    return SpendCube(
        scenario=scenario,
        seeds=tuple(seeds),
        minutes=minutes,
        features=tuple(scenario.features),
        bin_of_week=plan.bin_of_week,
        **columns,
    )


def each_run(plan: Plan, seeds: Sequence[int], top_users: int, workers: int) -> Iterator[RunSpend]:
    """Runs in order of their seeds, drawn ahead by `workers` threads."""
    with ThreadPoolExecutor(workers) as pool:
        left = iter(seeds)

        def task(seed: int) -> RunSpend:
            return draw_run(plan, seed, top_users)

        waiting = [pool.submit(task, seed) for seed in islice(left, 2 * workers)]
        while waiting:
            found = waiting.pop(0).result()
            waiting += [pool.submit(task, seed) for seed in islice(left, 1)]
            yield found


def sampled_runs(
    scenario: Scenario, seeds: Sequence[int], minutes: Minutes, top_users: int, workers: int
) -> tuple[Plan, Iterator[RunSpend]]:
    """Plan of a scenario, and its runs as they are drawn; arguments as :func:`sample_cube`."""
    if not len(seeds):
        raise SettingError("seeds must not be empty")
    if minutes not in get_args(Minutes):
        raise SettingError(f"minutes must be one of {get_args(Minutes)}; got {minutes!r}")
    if not isinstance(top_users, int) or top_users < 1:
        raise SettingError(f"top_users must be an integer of at least 1; got {top_users!r}")
    plan = plan_of(scenario, minutes)
    return plan, each_run(plan, seeds, min(top_users, scenario.population.users), workers)
