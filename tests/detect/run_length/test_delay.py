"""Delays after a quiet time against published tables, a fine Markov chain and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from costsim.detect.run_length import (
    conditional_delay,
    cusum_arl,
    ewma_arl,
    ewma_conditional_delay,
    ewma_steady_state_arl,
    shewhart_arl,
    steady_state_arl,
)
from costsim.errors import SettingError

# shift: two-sided CUSUM, k = .5, h = 4, steady state; Crosier, Technometrics 28 (1986), table 5,
# as quoted by xcusum.ad of R's spc. He has it from a coarse Markov chain, hence the 1% below;
# from a shift of 1 on the lower side takes no part in it.
CROSIER = {1: 7.68, 1.5: 4.31, 2: 3.03, 2.5: 2.38, 3: 2.00, 4: 1.55, 5: 1.22}


@pytest.mark.parametrize("shift", CROSIER)
@pytest.mark.parametrize("kind", ["conditional", "cyclical"])
def test_cusum_gives_the_steady_state_of_crosier(shift, kind):
    assert steady_state_arl(0.5, 4.0, shift, kind) == pytest.approx(CROSIER[shift], rel=0.01)


# Lucas and Saccucci, Technometrics 32 (1990), table 3, steady state, quoted by xewma.ad of spc.
SHIFTS = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5)
LUCAS_SACCUCCI = {
    (0.5, 3.071): (499, 254, 88.4, 35.7, 17.3, 6.44, 3.58, 2.47, 1.91, 1.58, 1.36, 1.10),
    (0.03, 2.437): (480, 74.1, 28.6, 17.3, 12.5, 8.00, 5.95, 4.78, 4.02, 3.49, 3.09, 2.55),
}


@pytest.mark.parametrize(("lam", "c"), LUCAS_SACCUCCI)
@pytest.mark.parametrize("column", range(len(SHIFTS)))
def test_ewma_gives_the_steady_state_of_lucas_and_saccucci(lam, c, column):
    published = LUCAS_SACCUCCI[lam, c][column]
    # Their Markov chain is coarse for the small lam: 12.5 stands for 12.40.
    allowed = 0.004 if lam == 0.5 else 0.009
    for kind in ("conditional", "cyclical"):
        got = ewma_steady_state_arl(lam, c, SHIFTS[column], kind=kind)
        assert got == pytest.approx(published, rel=allowed)


def brook_evans(k, h, shift, cells):
    """The chain of Brook and Evans (1972): cell 0 is half as wide, centred at S = 0."""
    width = 2 * h / (2 * cells - 1)
    centre = width * np.arange(cells)
    upper = ndtr(centre[None, :] + width / 2 - centre[:, None] + k - shift)
    lower = ndtr(centre[None, :] - width / 2 - centre[:, None] + k - shift)
    lower[:, 0] = 0.0
    return upper - lower


def coarse_delay(k, h, shift, after, cells):
    before, later = brook_evans(k, h, 0.0, cells), brook_evans(k, h, shift, cells)
    place = np.eye(cells)[0]
    for _ in range(after):
        place = place @ before / (place @ before).sum()
    return place @ np.linalg.solve(np.eye(cells) - later, np.ones(cells))


@pytest.mark.parametrize(("k", "h", "shift"), [(0.5, 4.0, 1.0), (0.25, 8.0, 0.5), (1.0, 2.5, 2.0)])
@pytest.mark.parametrize("after", [0, 1, 2, 7, 300])
def test_conditional_delay_is_the_limit_of_ever_finer_markov_chains(k, h, shift, after):
    # The chain's error falls as the square of the width: extrapolated to none.
    one, two = (coarse_delay(k, h, shift, after, cells) for cells in (200, 400))
    ratio = ((2 * 400 - 1) / (2 * 200 - 1)) ** 2
    limit = two + (two - one) / (ratio - 1)
    assert conditional_delay(k, h, shift, after) == pytest.approx(limit, rel=1e-6)


def test_a_change_at_the_first_bin_is_the_average_run_length():
    now = conditional_delay(0.5, 4.0, 1.0, 0, head_start=2.0)
    assert now == pytest.approx(cusum_arl(0.5, 4.0, 1.0, 1, 2.0), rel=1e-12)
    for sides in (1, 2):
        now = ewma_conditional_delay(0.2, 2.5, 1.0, 0, sides)
        assert now == pytest.approx(ewma_arl(0.2, 2.5, 1.0, sides), rel=1e-12)


def test_a_change_long_after_is_the_steady_state_and_forgets_the_head_start():
    for head_start in (0.0, 3.0):
        late = conditional_delay(0.5, 4.0, 1.0, 10**6, head_start)
        assert late == pytest.approx(steady_state_arl(0.5, 4.0, 1.0), rel=1e-9)
    late = ewma_conditional_delay(0.1, 2.5, -1.0, 10**6)
    assert late == pytest.approx(ewma_steady_state_arl(0.1, 2.5, -1.0), rel=1e-9)


def test_average_run_length_is_what_conditional_delays_add_up_to():
    """With no change, E[T] = n survived bins' part + chance of survival x delay, for every n."""
    k, h, after = 0.5, 3.0, 6
    chain = brook_evans(k, h, 0.0, 1500)
    survived, place = [1.0], np.eye(1500)[0]
    for _ in range(after):
        place = place @ chain
        survived.append(place.sum())
    whole = sum(survived[:after]) + survived[after] * conditional_delay(k, h, 0.0, after)
    assert whole == pytest.approx(cusum_arl(k, h, 0.0), rel=1e-5)


def test_cyclical_steady_state_is_the_mean_over_a_cycle():
    """Renewal: E[delay] = sum over n of P(T > n) delay(n) / E[T], and P falls geometrically."""
    k, h, shift = 0.5, 2.0, 0.8
    chain = brook_evans(k, h, 0.0, 1500)
    place, total = np.eye(1500)[0], 0.0
    for after in range(400):
        total += place.sum() * conditional_delay(k, h, shift, after)
        place = place @ chain
    assert place.sum() < 1e-4
    total += place.sum() * cusum_arl(k, h, 0.0) * steady_state_arl(k, h, shift)
    cyclical = steady_state_arl(k, h, shift, "cyclical")
    assert cyclical == pytest.approx(total / cusum_arl(k, h, 0.0), rel=1e-4)


def simulated_delays(step, limit, two_sided, shift, after, runs, rng):
    """Delays by the definition, of the runs that have no alarm before the change."""
    state = np.zeros(runs)
    for _ in range(after):
        state = step(state, rng.standard_normal(len(state)))
        state = state[np.abs(state) <= limit] if two_sided else state[state <= limit]
    length = np.zeros(len(state), dtype=int)
    for t in range(1, 400):
        state = step(state, rng.standard_normal(len(state)) + shift)
        length[(length == 0) & ((np.abs(state) if two_sided else state) > limit)] = t
    assert (length > 0).all()
    return length


# 4 standard errors: a correct value fails one time in 16,000.
@pytest.mark.parametrize("after", [3, 30])
def test_cusum_delay_agrees_with_simulation(after):
    rng = np.random.default_rng(5)
    length = simulated_delays(
        lambda s, z: np.maximum(0, s + z - 0.4), 3.0, False, 0.9, after, 40_000, rng
    )
    error = length.std() / math.sqrt(len(length))
    assert abs(length.mean() - conditional_delay(0.4, 3.0, 0.9, after)) < 4 * error


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("shift", [0.8, 2.5])
def test_ewma_delay_agrees_with_simulation(sides, shift):
    rng = np.random.default_rng(6)
    limit = 1.9 * math.sqrt(0.2 / 1.8)
    length = simulated_delays(
        lambda e, z: 0.8 * e + 0.2 * z, limit, sides == 2, shift, 12, 40_000, rng
    )
    error = length.std() / math.sqrt(len(length))
    assert abs(length.mean() - ewma_conditional_delay(0.2, 1.9, shift, 12, sides)) < 4 * error


def test_steady_state_of_rare_alarms_keeps_its_digits():
    """Steady run lengths are geometric, so at shift 0 theirs is 1 / (chance of an alarm)."""
    for h in (20.0, 40.0, 100.0):
        zero_state = cusum_arl(0.5, h, 0.0)
        for kind in ("conditional", "cyclical"):
            assert steady_state_arl(0.5, h, 0.0, kind) == pytest.approx(zero_state, rel=1e-6)
        # The overshoot and the start do not depend on so high an h: 2 more bins for 1 more h.
        slope = steady_state_arl(0.5, h + 1, 1.0) - steady_state_arl(0.5, h, 1.0)
        assert slope == pytest.approx(2.0, abs=1e-4)
    assert steady_state_arl(0.5, 3.0, 0.0) == pytest.approx(1 / alarm_chance(0.5, 3.0), rel=1e-5)


def alarm_chance(k, h):
    """Of a fine Markov chain in the next bin, when it never alarmed before."""
    chain = brook_evans(k, h, 0.0, 1500)
    place = np.eye(1500)[0]
    for _ in range(200):
        place = place @ chain
        place /= place.sum()
    return 1 - (place @ chain).sum()


def test_a_chart_without_memory_does_not_care_when_the_change_comes():
    assert ewma_conditional_delay(1.0, 3.0, 1.0, 9) == shewhart_arl(3.0, 1.0)
    assert ewma_steady_state_arl(1.0, 3.0, 1.0) == shewhart_arl(3.0, 1.0)
    # With h near 0 a CUSUM stands at 0 until it alarms.
    for after in (1, 50):
        late = conditional_delay(2.0, 1e-9, 1.0, after)
        assert late == pytest.approx(shewhart_arl(2.0, 1.0, 1), rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: conditional_delay(0.5, 4.0, 1.0, -1), "after must be a whole .* 0; got -1"),
        (lambda: conditional_delay(0.5, 4.0, 1.0, 1.5), "after must be a whole .*; got 1.5"),
        (lambda: conditional_delay(0.5, 4.0, 1.0, 1, 5.0), "head_start must be from 0 to h = 4"),
        (lambda: conditional_delay(0.5, 4.0, math.inf, 1), "shift must be finite; got inf"),
        (lambda: steady_state_arl(0.5, -4.0, 1.0), "h must be above 0 and finite; got -4.0"),
        (lambda: steady_state_arl(0.5, 4.0, 1.0, "both"), "kind must be one of .*; got 'both'"),
        (lambda: ewma_steady_state_arl(1.0, 3.0, 1.0, kind="both"), "kind must be one of"),
        (lambda: ewma_steady_state_arl(0.0, 3.0, 1.0), "lam must be above 0 and at most 1"),
        (lambda: ewma_conditional_delay(0.5, 3.0, 1.0, 1, sides=3), "sides must be one of 1, 2"),
        (lambda: ewma_conditional_delay(0.5, 3.0, 1.0, -2), "after must be a whole number"),
    ],
)
def test_wrong_arguments_say_what_got_and_allowed(call, words):
    with pytest.raises(SettingError, match=words):
        call()
