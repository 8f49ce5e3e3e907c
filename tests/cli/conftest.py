"""A command line that is called as a user would, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from costsim.cli import main


class Run(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Run]:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Run:
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        said = capsys.readouterr()
        return Run(int(stop.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], list[dict[str, Any]]]:
    """Make a study that is asked for again with the same words be the first one.

    For a command that is called for its table and for its JSON: what it asks for must be the same,
    or it is played anew. Gives the options of the studies that were really played.
    """

    def keep(module: Any, name: str) -> list[dict[str, Any]]:
        play, made, asked = getattr(module, name), {}, []

        def remembered(*given: Any, **options: Any) -> Any:
            plain = {key: value for key, value in options.items() if not callable(value)}
            key = repr((given, sorted(plain.items())))
            if key not in made:
                asked.append(plain)
                made[key] = play(*given, **options)
            return made[key]

        monkeypatch.setattr(module, name, remembered)
        return asked

    return keep
