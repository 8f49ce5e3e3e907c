from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from costsim.prices import PriceBook


@pytest.fixture(scope="session")
def current() -> PriceBook:
    return PriceBook.load("current")


@pytest.fixture(scope="session")
def list_2024() -> PriceBook:
    return PriceBook.load("list-2024")


@pytest.fixture
def book_of(tmp_path: Path) -> Callable[[str], PriceBook]:
    """Load a book from TOML text; name and base are filled in."""

    def load(text: str) -> PriceBook:
        path = tmp_path / "mine.toml"
        head = "" if text.lstrip().startswith("name") else 'name = "mine"\n'
        path.write_text(head + text, encoding="utf-8")
        return PriceBook.load(path)

    return load
