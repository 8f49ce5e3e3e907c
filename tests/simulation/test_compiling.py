"""Machine code that is kept on disk is never older than any of its sources."""

from __future__ import annotations

from pathlib import Path

from costsim.simulation import compiling


def test_code_is_kept_under_a_name_that_every_source_changes(tmp_path, monkeypatch):
    names = {compiling.compiled_kernel().py_func.__qualname__}
    for number, module in enumerate(compiling._SOURCES):
        changed = tmp_path / f"{number}.py"
        source = Path(module.__file__).read_text(encoding="utf-8")
        changed.write_text(source + "# changed\n")
        with monkeypatch.context() as patch:
            patch.setattr(module, "__file__", str(changed))
            kernel = compiling.compiled_kernel()
        names.add(kernel.py_func.__qualname__)
        assert kernel.py_func.__qualname__ in kernel._cache._impl.filename_base
    assert len(names) == 1 + len(compiling._SOURCES)
