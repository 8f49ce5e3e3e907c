"""Machine code that is kept on disk is never older than any of its sources."""

from __future__ import annotations

from pathlib import Path

from costsim.simulation import compiling


def test_code_is_kept_under_a_name_that_every_source_changes(tmp_path, monkeypatch):
    names = {compiling.compiled_kernel().py_func.__qualname__}
    for number, module in enumerate(compiling.SOURCES):
        changed = tmp_path / f"{number}.py"
        source = Path(module.__file__).read_text(encoding="utf-8")
        changed.write_text(source + "# changed\n")
        with monkeypatch.context() as patch:
            patch.setattr(module, "__file__", str(changed))
            kernel = compiling.compiled_kernel()
        names.add(kernel.py_func.__qualname__)
        assert kernel.py_func.__qualname__ in kernel._cache._impl.filename_base
    assert len(names) == 1 + len(compiling.SOURCES)


def test_only_a_kernel_that_is_not_kept_yet_says_that_it_is_compiled(tmp_path, monkeypatch, caplog):
    from numba import config

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))  # as on a new machine
    kernel = compiling.compiled_kernel()
    assert "once on this machine" in caplog.text
    caplog.clear()
    name = kernel._cache._impl.filename_base
    Path(kernel.stats.cache_path).mkdir(parents=True, exist_ok=True)
    (Path(kernel.stats.cache_path) / f"{name}.py311.nbi").touch()
    compiling.compiled_kernel()
    assert not caplog.text
