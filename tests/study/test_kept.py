"""A comparison that is kept: found again by all that it depends on, and by nothing less."""

from __future__ import annotations

import pytest

from costsim.errors import SettingError
from costsim.simulation import load_scenario
from costsim.study import kept


@pytest.fixture
def played(monkeypatch):
    calls = []

    def play(scenario, **options):
        calls.append((scenario.name, options))
        if options.get("replicates") == 3:
            raise SettingError("replicates must be more; got 3")
        return len(calls)

    monkeypatch.setattr(kept, "compare_detectors", play)
    return calls


def test_it_is_played_again_for_anything_that_could_change_it(played, tmp_path, monkeypatch):
    night, quiet = load_scenario("night-script"), load_scenario("quiet")
    folder = tmp_path / "runs" / "studies"
    assert kept.kept_comparison(folder, night, seed=1) == 1
    assert kept.kept_comparison(folder, night, seed=1) == 1
    assert kept.kept_comparison(folder, load_scenario("night-script"), seed=1) == 1
    assert kept.kept_comparison(folder, night, seed=2) == 2
    assert kept.kept_comparison(folder, quiet, seed=1) == 3
    monkeypatch.setattr(kept, "_code", lambda: "other sources")
    assert kept.kept_comparison(folder, night, seed=1) == 4
    assert len(played) == 4


def test_the_oldest_go_and_what_is_refused_leaves_nothing(played, tmp_path):
    night = load_scenario("night-script")
    for seed in range(kept.KEPT + 3):
        kept.kept_comparison(tmp_path / "studies", night, seed=seed)
    outputs = list((tmp_path / "studies").rglob("output.pkl"))
    assert len(outputs) == kept.KEPT
    with pytest.raises(SettingError, match="got 3"):
        kept.kept_comparison(tmp_path / "new" / "deeper", night, replicates=3)
    assert not (tmp_path / "new").exists()
    with pytest.raises(SettingError):
        kept.kept_comparison(tmp_path / "studies", night, replicates=3)
    assert len(list((tmp_path / "studies").rglob("output.pkl"))) == kept.KEPT
