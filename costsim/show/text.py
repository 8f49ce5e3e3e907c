"""Names that came from outside, made safe to print: no control or direction-changing characters."""

from __future__ import annotations

import unicodedata

# Cc control (ANSI escapes), Cf format (bidirectional overrides, zero width), Cs lone surrogates,
# Zl and Zp separators: invisible in a report, and able to disguise one name as another.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MARKDOWN = frozenset("\\`*_{}[]<>()#!|$~&")


NO_TEX = "mathjax_ignore tex2jax_ignore"
"""Class of HTML in which notebooks must not read ``$1 and $2`` as a formula."""


def plain(value: object, limit: int | None = None) -> str:
    """One line of visible text: white space collapsed, hidden characters shown as U+FFFD.

    Parameters
    ----------
    value : object
        Anything; ``str(value)`` is taken.
    limit : int, optional
        Longest result in characters, at least 2; a cut is shown by an ellipsis.

    Examples
    --------
    >>> plain("deep\\n  analysis")
    'deep analysis'
    >>> plain("a_very_long_feature_name", limit=10)
    'a_very_lo…'
    """
    spaced = " ".join(str(value).split())
    text = "".join("\ufffd" if unicodedata.category(c) in _HIDDEN else c for c in spaced)
    if limit is not None and len(text) > limit:
        return text[: max(limit - 1, 1)].rstrip() + "…"
    return text


def markdown_text(value: object) -> str:
    """Text as Markdown that renders back as itself; ``$`` too, which Jupyter reads as TeX.

    Examples
    --------
    >>> markdown_text("$5 of deep_analysis")
    '\\\\$5 of deep\\\\_analysis'
    """
    return "".join("\\" + c if c in _MARKDOWN else c for c in plain(value))
