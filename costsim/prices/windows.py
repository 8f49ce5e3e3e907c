"""How many tokens a model takes at most, as far as it is published."""

from __future__ import annotations

from costsim.prices import base


def context_window(model: str, provider: str | None = None) -> int | None:
    """Tokens of input and output together that a model takes; None where it is not published.

    The genai-prices package says so, whatever book the prices come from.

    Examples
    --------
    >>> context_window("gpt-4"), context_window("gpt-4-turbo"), context_window("no-such-model")
    (8192, 128000, None)
    """
    found = base.find(model, provider)
    return found.info.context_window if found else None
