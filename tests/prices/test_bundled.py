"""Bundled data are found in an installed wheel and in a source checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from costsim import paths
from costsim.errors import CostsimError


def test_the_wheel_comes_first_then_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "costsim")
    with pytest.raises(CostsimError, match="bundled prices data must be in one of"):
        paths.bundled("prices")
    checkout = tmp_path / "data" / "prices"
    checkout.mkdir(parents=True)
    assert paths.bundled("prices") == checkout
    installed = tmp_path / "costsim" / "_data" / "prices"
    installed.mkdir(parents=True)
    assert paths.bundled("prices") == installed
