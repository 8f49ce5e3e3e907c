"""Random streams by name: a draw depends on what it is for, never on who else draws."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


def key(*names: object) -> int:
    """32-bit key of a path of names, the same on every machine.

    Examples
    --------
    >>> key("support_chat", "users") == key("support_chat", "users")
    True
    """
    text = "\x1f".join(str(name) for name in names)
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")


def stream(seed: int, *names: object, index: int = 0) -> np.random.Generator:
    """Generator for one purpose.

    The seed sequence is built directly from its key: repeated ``spawn()`` would depend on the
    order of calls.

    Parameters
    ----------
    seed : int
        Seed of the run, not negative.
    *names : object
        What the draws are for, such as a feature's name and ``"calls"``.
    index : int
        Day or block within the purpose, not negative.
    """
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(key(*names), index))
    return np.random.Generator(np.random.SFC64(sequence))
