"""Draws that belong to one attempt of one call: a counter hash, the same in NumPy and numba.

A retry's wait, a provider's failure and a caller's patience must not depend on what happened in
between, so they are not taken from a stream: they are a hash of (seed, call, attempt, purpose)
by two rounds of the finaliser of splitmix64 (Steele et al. 2014, OOPSLA).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from costsim.simulation.streams import key

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Purposes of draws; a new one gets a new number, and no number is used twice.
ERROR, RETRY, WAIT, FINAL, RETURN = 1, 2, 3, 4, 5

_MASK = 0xFFFF_FFFF_FFFF_FFFF
_GAMMA = 0x9E37_79B9_7F4A_7C15
_MIX_1 = 0xBF58_476D_1CE4_E5B9
_MIX_2 = 0x94D0_49BB_1331_11EB


def mix(x: int) -> int:
    """The finaliser of splitmix64 on a number from 0 to 2**64 - 1."""
    x = ((x ^ (x >> 30)) * _MIX_1) & _MASK
    x = ((x ^ (x >> 27)) * _MIX_2) & _MASK
    return x ^ (x >> 31)


def coin(call_key: int, attempt: int, purpose: int) -> int:
    """Uniform number from 0 to 2**32 - 1 for an attempt, counted from 1, and a purpose.

    Examples
    --------
    >>> coin(12345, 1, ERROR) == coin(12345, 1, ERROR) != coin(12345, 2, ERROR)
    True
    """
    return mix((call_key + (attempt * 16 + purpose) * _GAMMA) & _MASK) >> 32


def coins(call_keys: NDArray[np.uint64], attempt: Any, purpose: int) -> NDArray[np.uint32]:
    """:func:`coin` of many calls; `attempt` is one number or one a call."""
    with np.errstate(over="ignore"):
        step = (np.asarray(attempt, np.uint64) * np.uint64(16) + np.uint64(purpose)) * np.uint64(
            _GAMMA
        )
        return (_mix_all(call_keys + step) >> np.uint64(32)).astype(np.uint32)


def call_keys(
    seed: int, feature: str, cohort: str, day: int, index: NDArray[np.int32]
) -> NDArray[np.uint64]:
    """Key of each call of a stream and day: numbered `index` among those drawn."""
    with np.errstate(over="ignore"):
        head = np.uint64(mix((mix(seed & _MASK) ^ (key(feature, cohort) << 16) ^ day) & _MASK))
        return _mix_all(head + (index.astype(np.uint64) + np.uint64(1)) * np.uint64(_GAMMA))


def threshold(share: float) -> int:
    """The number that a coin lies below with probability `share`, from 0 to 2**32."""
    return round(share * 2**32)


def _mix_all(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MIX_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MIX_2)
    return np.asarray(x ^ (x >> np.uint64(31)))
