"""A suite: detectors that watch together, at thresholds that share one budget of false alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from costsim.detect.incident_words import rate_words
from costsim.detect.scan import Findings, scan
from costsim.detect.series_detector import SeriesDetector
from costsim.errors import DataError, SettingError
from costsim.spend.bins import checked_minutes
from costsim.spend.planned import Planned
from costsim.toml_files import file_names, find_file, read_toml
from costsim.toml_writing import toml_value
from costsim.whole_files import write_whole

if TYPE_CHECKING:
    from costsim.records.dataset import Records
    from costsim.spend.series import Channels

_KEYS: Final = (
    "name",
    "bin_minutes",
    "false_alarms_per_month",
    "calibrated_on",
    "planned",
    "detectors",
)
_PLAIN: Final[dict[str, tuple[str, type]]] = {
    "int": ("a whole number", int),
    "float": ("a number", float),
    "bool": ("true or false", bool),
    "str": ("text", str),
    "tuple[float, ...]": ("a list of numbers", float),
    "tuple[str, ...]": ("a list of texts", str),
}
"""Of settings by their annotation: what a file may give."""


@dataclass(frozen=True, repr=False)
class Suite:
    """Detectors that watch together; the first to alarm speaks for all.

    Parameters
    ----------
    name : str
    detectors : tuple of SeriesDetector
        At least one, names differ.
    false_alarms_per_month : float or None
        Budget of all of them together, a month of 720 hours; None for thresholds that were
        not calibrated.
    calibrated_on : str
        In words: on which ordinary life.
    bin_minutes : {5, 15, 30, 60}
        Width of the bins that the thresholds are for.
    planned : tuple of Planned
        Campaigns that are known beforehand, which :meth:`scan` takes out. In the file they are
        tables ``[[planned]]`` with ``starts``, ``ends`` (local) and ``calls_scale``.

    Raises
    ------
    SettingError
        There is no detector, or two of one name; or there are no such bins.

    Examples
    --------
    >>> from costsim.detect import seasonal_cusum
    >>> suite = Suite("mine", (seasonal_cusum(),))
    >>> parse_suite(__import__("tomllib").loads(suite.to_toml())) == suite
    True
    """

    name: str
    detectors: tuple[SeriesDetector, ...]
    false_alarms_per_month: float | None = None
    calibrated_on: str = ""
    bin_minutes: int = 60
    planned: tuple[Planned, ...] = ()

    def __post_init__(self) -> None:
        if not self.detectors:
            raise SettingError("a suite must have at least one detector; got none")
        names = [detector.name for detector in self.detectors]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SettingError(f"a suite must name each detector once; got {twice[0]!r} twice")
        checked_minutes(self.bin_minutes)

    def scan(
        self,
        records: Records,
        *,
        start: Any = None,
        quiet_hours: int = 24,
        heard: Channels | None = None,
    ) -> Findings:
        """Run all detectors over some records, in bins of the suite; see
        :func:`costsim.detect.scan`.
        """
        return scan(
            records,
            self.detectors,
            start=start,
            quiet_hours=quiet_hours,
            bin_minutes=self.bin_minutes,
            planned=self.planned,
            heard=heard,
        )

    def describe(self) -> str:
        """Say in words what watches, a line a detector."""
        return "\n".join([self.budget_words(), *(f"- {d.describe()}" for d in self.detectors)])

    def budget_words(self) -> str:
        """Say what false alarms the thresholds stand for."""
        bins = "" if self.bin_minutes == 60 else f"bins of {self.bin_minutes} minutes, "
        if self.false_alarms_per_month is None:
            return f"{self.name}: {bins}thresholds as they come, not calibrated"
        return (
            f"{self.name}: {bins}{rate_words(self.false_alarms_per_month)} of all together, "
            f"calibrated on {self.calibrated_on or 'what is not said'}"
        )

    def to_toml(self) -> str:
        """The suite as a file, which :func:`load_suite` reads."""
        lines = [f"# {line}" for line in self.describe().splitlines()]
        lines += ["", f"name = {toml_value(self.name)}"]
        if self.bin_minutes != 60:
            lines.append(f"bin_minutes = {toml_value(self.bin_minutes)}")
        if self.false_alarms_per_month is not None:
            lines.append(f"false_alarms_per_month = {toml_value(self.false_alarms_per_month)}")
        if self.calibrated_on:
            lines.append(f"calibrated_on = {toml_value(self.calibrated_on)}")
        for one in self.planned:
            lines += ["", "[[planned]]"]
            lines += [f"{f.name} = {toml_value(value)}" for f in fields(one)
                      if (value := getattr(one, f.name))]  # fmt: skip
        for detector in self.detectors:
            lines += ["", "[[detectors]]"]
            lines += [f"{key} = {toml_value(value)}" for key, value in _settings(detector).items()]
        return "\n".join(lines) + "\n"

    def write(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the file.

        Raises
        ------
        DataError
            It is there already, and `overwrite` is not given.
        """
        target = Path(path)
        if target.exists() and not overwrite:
            raise DataError(f"{target} is there already; overwrite=True replaces it")
        return write_whole(target, self.to_toml())

    def __repr__(self) -> str:
        names = ", ".join(detector.name for detector in self.detectors)
        return f"Suite({self.budget_words()}: {names}); next: .scan(records), .write(path)"


def suite_names() -> list[str]:
    """Names of the bundled suites."""
    return file_names("detectors")


def load_suite(name: str | Path) -> Suite:
    """Read a suite by bundled name or path of a TOML file.

    Raises
    ------
    UnknownNameError, SettingError
        No such suite; or the key that is wrong, what was got, what is allowed.

    Examples
    --------
    >>> load_suite("default").false_alarms_per_month
    1.0
    """
    path = find_file(name, "detectors", "suite")
    return parse_suite(read_toml(path), source=path.name)


def parse_suite(data: Mapping[str, Any], *, source: str = "suite") -> Suite:
    """Suite from the mapping that a TOML file holds; errors as :func:`load_suite`."""
    unknown = sorted(set(data) - set(_KEYS))
    if unknown:
        raise SettingError(f"{source}: {unknown[0]} is no key of a suite; allowed: {list(_KEYS)}")
    rows = data.get("detectors", [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise SettingError(f"{source}: detectors must be tables, [[detectors]]; got {rows!r}")
    plans = data.get("planned", [])
    if not isinstance(plans, list) or not all(isinstance(row, Mapping) for row in plans):
        raise SettingError(f"{source}: planned must be tables, [[planned]]; got {plans!r}")
    planned = tuple(
        _settings_of(Planned, row, f"{source}: planned[{number}]")
        for number, row in enumerate(plans)
    )
    rate = data.get("false_alarms_per_month")
    if rate is not None and not (_is_a(float, rate) and 0 < rate < inf):
        raise SettingError(
            f"{source}: false_alarms_per_month must be above 0 and finite; got {rate!r}"
        )
    made = tuple(
        _made(row, f"{source}: detectors[{number}]", of_detectors=True)
        for number, row in enumerate(rows)
    )
    try:
        return Suite(
            str(data.get("name", Path(source).stem)),
            made,
            None if rate is None else float(rate),
            str(data.get("calibrated_on", "")),
            data.get("bin_minutes", 60),
            planned,
        )
    except SettingError as error:
        raise SettingError(f"{source}: {error}") from None


def _kinds(*, of_detectors: bool) -> dict[str, Any]:
    """Classes that a file may name: detectors and rules, or baselines and charts."""
    import costsim.detect as room
    from costsim.detect.baselines import Baseline
    from costsim.detect.charts import Chart

    found = {name: getattr(room, name) for name in room.__all__}
    classes = {name: c for name, c in found.items() if isinstance(c, type) and _is_settings(c)}
    if of_detectors:
        return {name: c for name, c in classes.items() if hasattr(c, "first_alarm_for")}
    parts = (Baseline, Chart)
    return {
        name: c
        for name, c in classes.items()
        if not hasattr(c, "first_alarm_for")
        and c not in parts
        and hasattr(c, "begin")
        and hasattr(c, "describe")
    }


def _is_a(kind: type, value: object) -> bool:
    """Whether a value of a file is of that kind: a whole number is a number too, a bool is none."""
    if isinstance(value, bool) and kind is not object:
        return kind is bool
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)


def _is_settings(kind: type) -> bool:
    return hasattr(kind, "__dataclass_fields__") and not getattr(kind, "_is_protocol", False)


def _settings(part: Any) -> dict[str, Any]:
    """What differs from the defaults of a frozen settings class, with its name as `kind`."""
    kept: dict[str, Any] = {"kind": type(part).__name__}
    for field in fields(part):
        value = getattr(part, field.name)
        default = field.default
        if default is MISSING and field.default_factory is not MISSING:
            default = field.default_factory()
        if value is not None and (default is MISSING or value != default):
            kept[field.name] = _settings(value) if _is_settings(type(value)) else value
    return kept


def _made(row: Mapping[str, Any], where: str, *, of_detectors: bool) -> Any:
    """The settings class that a table describes."""
    kinds = _kinds(of_detectors=of_detectors)
    name = row.get("kind")
    if not isinstance(name, str) or name not in kinds:
        raise SettingError(f"{where}.kind must be one of {sorted(kinds)}; got {name!r}")
    given = {key: value for key, value in row.items() if key != "kind"}
    return _settings_of(kinds[name], given, where)


def _settings_of(kind: type, row: Mapping[str, Any], where: str) -> Any:
    """A frozen settings class from a table."""
    known = {field.name: str(field.type).removesuffix(" | None") for field in fields(kind)}
    given = dict(row)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise SettingError(
            f"{where}.{unknown[0]} is no setting of {kind.__name__}; allowed: {sorted(known)}"
        )
    for key, value in given.items():
        if isinstance(value, Mapping):
            given[key] = _made(value, f"{where}.{key}", of_detectors=False)
        elif isinstance(value, list):
            given[key] = tuple(value)
        what, plain = _PLAIN.get(known[key], ("", object))
        values = given[key] if known[key].startswith("tuple") else (given[key],)
        if not isinstance(values, tuple) or not all(_is_a(plain, one) for one in values):
            raise SettingError(f"{where}.{key} must be {what}; got {value!r}")
    try:
        return kind(**given)
    except (SettingError, TypeError) as error:
        raise SettingError(f"{where}: {error}") from None
