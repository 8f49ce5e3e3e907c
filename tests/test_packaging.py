"""pyproject.toml, requirements.lock and environment.yml say the same; the public face stays."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
# the names that conda-forge gives these packages
CONDA = {
    "python-duckdb": "duckdb",
    "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn",
    "python-tzdata": "tzdata",
    "redis-py": "redis",
}


def split(requirement: str) -> tuple[str, str]:
    name, rest = re.match(r"([A-Za-z0-9_.-]+)(?:\[[a-z,]+\])?\s*(.*)", requirement).groups()
    return name.lower(), rest.split(";")[0].replace(" ", "")


def declared() -> dict[str, str]:
    project = PROJECT["project"]
    extras = [r for group in project["optional-dependencies"].values() for r in group]
    return dict(split(r) for r in [*project["dependencies"], *extras])


def groups() -> dict[str, str]:
    found: dict[str, str] = {}
    for group in PROJECT["dependency-groups"].values():
        found |= dict(split(r) for r in group if isinstance(r, str))
    return found


def locked() -> dict[str, list[str]]:
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==([^ \\;]+)", LOCK, flags=re.M):
        pins.setdefault(name.lower(), []).append(version)
    return pins


def environment() -> dict[str, str]:
    lines = (ROOT / "environment.yml").read_text().splitlines()
    items = [m[1] for line in lines if (m := re.match(r"\s+- (\S.*)$", line))]
    pairs = dict(split(item) for item in items if not item.endswith(":"))
    return {CONDA.get(name, name): rest for name, rest in pairs.items()}


def allows(spec: str, version: str) -> bool:
    def key(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", text)[:3])

    for part in filter(None, spec.split(",")):
        sign, bound = re.match(r"(>=|<|==)(.+)", part).groups()
        ok = {">=": key(version) >= key(bound), "<": key(version) < key(bound)}
        if not ok.get(sign, key(version) == key(bound)):
            return False
    return True


def test_the_lock_pins_every_requirement_inside_its_range() -> None:
    pins = locked()
    for name, spec in (declared() | groups()).items():
        assert name in pins, f"{name} is not locked: make lock"
        assert all(allows(spec, version) for version in pins[name]), (name, spec, pins[name])


def test_the_lock_has_a_hash_for_every_pin_and_no_address() -> None:
    pins = re.findall(r"^[A-Za-z0-9_.-]+==[^\n]*\\\n    --hash=sha256:", LOCK, flags=re.M)
    assert len(pins) == sum(len(versions) for versions in locked().values())
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", LOCK)


def test_conda_users_get_the_same_ranges() -> None:
    conda, wanted = environment(), declared()
    assert conda.pop("python") == PROJECT["project"]["requires-python"]
    assert {name: conda.get(name) for name in wanted} == wanted
    known = set(wanted) | {"conda-forge", "pip", "hatchling"}
    assert set(conda) <= known, sorted(set(conda) - known)


def test_the_public_names_are_sorted_and_there() -> None:
    import costsim

    assert costsim.__all__ == sorted(costsim.__all__)
    for name in costsim.__all__:
        assert getattr(costsim, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = costsim.nothing


def test_import_loads_nothing_heavy() -> None:
    heavy = "{'numpy','pandas','matplotlib','duckdb','pyarrow','scipy','statsmodels','simpy'}"
    code = f"import sys, costsim; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, contextlib, io\nfrom costsim.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    main(['--help'])\n"
        "assert 'demo' in out.getvalue()\n"
        "print(sorted({'numpy','pandas','matplotlib','duckdb','pyarrow'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_no_module_is_over_500_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in (ROOT / "costsim").rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 500
    }
    assert not long


def test_the_wheel_carries_data_and_notebooks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    from zipfile import ZipFile

    names = set(ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    for kind in ("prices", "scenarios"):
        files = {f"costsim/_data/{kind}/{p.name}" for p in (ROOT / "data" / kind).glob("*.toml")}
        assert files
        assert files <= names
    scripts = {str(p.relative_to(ROOT)) for p in (ROOT / "costsim").rglob("*.lua")}
    assert len(scripts) == 6
    assert scripts <= names
    assert {f"costsim/_notebooks/{p.name}" for p in (ROOT / "notebooks").glob("*.ipynb")} <= names


def test_no_module_takes_the_place_of_a_public_name() -> None:
    """A package's attribute becomes the submodule of that name once it is imported."""
    code = (
        "import importlib, pkgutil, types, costsim\n"
        "names = [m.name for m in pkgutil.walk_packages(costsim.__path__, 'costsim.')]\n"
        "for name in names:\n"
        "    importlib.import_module(name)\n"
        "packages = [importlib.import_module(n) for n in ['costsim', *names]]\n"
        "for package in packages:\n"
        "    for name in getattr(package, '__all__', ()):\n"
        "        value = getattr(package, name)\n"
        "        module = isinstance(value, types.ModuleType)\n"
        "        room = module and hasattr(value, '__path__')\n"
        "        if module and not room:\n"
        "            print(package.__name__, name)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == ""
