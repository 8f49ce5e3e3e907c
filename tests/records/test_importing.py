"""One folder over several imports: identity, settings, sources, privacy, what is left behind."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from costsim.errors import DataError, DatasetError, ImportRejected, SettingError
from costsim.prices import load_price_book
from costsim.records import read_records
from costsim.records.importers.landing import land
from costsim.records.importing import import_records
from costsim.records.manifest import Manifest

HEAD = "call_id,timestamp,model,user_id,input_tokens,output_tokens\n"


def line(call: str, when: str = "2024-08-09T08:00:00Z", tokens: int = 10, user: str = "ann") -> str:
    return f"{call},{when},gpt-4o,{user},{tokens},5\n"


def log(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(HEAD + "".join(lines))
    return folder / name


def frame_of(out: Path) -> pd.DataFrame:
    return read_records(out).to_arrow().to_pandas()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_calls_of_another_file_are_not_doubled(tmp_path: Path) -> None:
    out = tmp_path / "out"
    import_records("generic", log(tmp_path, "a.csv", line("1"), line("2")), out)
    second = log(tmp_path, "b.csv", line("2"), line("3", "2024-08-10T08:00:00Z"))
    receipt = import_records("generic", second, out)
    assert (receipt.read, receipt.kept, receipt.duplicates) == (2, 1, 1)
    assert frame_of(out)["call_id"].tolist() == ["1", "2", "3"]
    assert [(s.name, s.rows) for s in Manifest.read(out).sources] == [("a.csv", 2), ("b.csv", 1)]
    assert Manifest.read(out).period == ("2024-08-09T08:00:00+00:00", "2024-08-10T08:00:00+00:00")


def test_the_same_id_with_other_content_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    import_records("generic", log(tmp_path, "a.csv", line("1")), out)
    second = log(tmp_path, "b.csv", line("1", tokens=11), line("2"), line("2"), line("2", tokens=9))
    receipt = import_records("generic", second, out)
    assert (receipt.kept, receipt.duplicates, receipt.rejected) == (1, 1, 2)
    with Path(receipt.rejects_files[0]).open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(r["line"], r["reason"]) for r in rows] == [
        ("2", "call_id must be of one call; '1' is there already with other content"),
        ("5", "call_id must be of one call; '2' is there already with other content"),
    ]
    before = contents(out)
    third = log(tmp_path, "c.csv", line("1", tokens=12), line("9"))
    with pytest.raises(ImportRejected, match=r"c\.csv line 2: call_id must be of one call"):
        import_records("generic", third, out, strict=True)
    assert contents(out) == before


def test_only_duplicates_are_no_failure(tmp_path: Path) -> None:
    out = tmp_path / "out"
    import_records("generic", log(tmp_path, "a.csv", line("1")), out)
    receipt = import_records("generic", log(tmp_path, "b.csv", line("1"), line("1")), out)
    assert (receipt.kept, receipt.duplicates, receipt.rows_in_folder) == (0, 2, 1)
    again = import_records("generic", tmp_path / "b.csv", out)
    assert "imported before as b.csv" in again.sources[0].note


def test_supplied_names_do_not_make_a_call_another_call(tmp_path: Path) -> None:
    out = tmp_path / "out"
    import_records("generic", log(tmp_path, "a.csv", line("1")), out, feature="chat")
    receipt = import_records("generic", log(tmp_path, "b.csv", line("1"), line("2")), out)
    assert (receipt.kept, receipt.duplicates, receipt.rejected) == (1, 1, 0)


def test_files_folders_and_patterns_each_file_once(tmp_path: Path) -> None:
    log(tmp_path / "logs", "a.csv", line("1"))
    log(tmp_path / "logs" / "deep", "a.csv", line("2"))
    log(tmp_path / "logs", "b.csv", line("1"))
    log(tmp_path / "logs", ".hidden.csv", line("7"))
    (tmp_path / "logs" / "notes.txt").write_text("no log")
    (tmp_path / "logs" / "empty.csv").write_text("")
    (tmp_path / "logs" / "same.csv").write_bytes((tmp_path / "logs" / "b.csv").read_bytes())
    sources = [tmp_path / "logs", str(tmp_path / "logs" / "*.csv"), tmp_path / "logs" / "a.csv"]
    receipt = import_records("generic", sources, tmp_path / "logs" / "out")
    assert receipt.kept == 2
    notes = {source.name: source.note for source in receipt.sources}
    assert notes == {
        "logs/a.csv": "",
        "b.csv": "the same content as logs/a.csv, not read again",
        "deep/a.csv": "",
        "same.csv": "the same content as logs/a.csv, not read again",
        "empty.csv": "empty.csv is empty",
    }
    again = import_records("generic", tmp_path / "logs", tmp_path / "logs" / "out")
    assert again.kept == 0


@pytest.mark.parametrize(
    ("sources", "says"),
    [([], "got none"), ("nowhere.csv", "does not exist"), ("void", "holds no .csv")],
)
def test_sources_that_are_not_there(sources: Any, says: str, tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    given = sources and tmp_path / sources
    with pytest.raises(SettingError, match=says):
        import_records("generic", given, tmp_path / "out")


def test_days_are_cut_in_the_zone_of_the_people(tmp_path: Path) -> None:
    times = ["2024-08-09T21:00:00Z", "2024-08-09T23:00:00Z", "2024-08-10T10:00:00Z"]
    source = log(tmp_path, "a.csv", *(line(str(n), t) for n, t in enumerate(times)))
    for zone, days in (("UTC", [2, 1]), ("Europe/Berlin", [1, 2])):
        out = tmp_path / zone.replace("/", "-")
        import_records("generic", source, out, time_zone=zone)
        manifest = Manifest.read(out)
        assert manifest.time_zone == zone
        assert [f.rows for f in manifest.files] == days
        assert [Path(f.path).name[:10] for f in manifest.files] == ["2024-08-09", "2024-08-10"]


def test_the_folder_keeps_its_zone_budget_and_prices(tmp_path: Path) -> None:
    out = tmp_path / "out"
    import_records(
        "generic",
        log(tmp_path, "a.csv", line("1")),
        out,
        time_zone="Asia/Tokyo",
        monthly_budget_usd=500,
        price_book="list-2024",
    )
    import_records("generic", log(tmp_path, "b.csv", line("2")), out)
    manifest = Manifest.read(out)
    assert manifest.time_zone == "Asia/Tokyo"
    assert manifest.monthly_budget_usd == 500
    assert set(frame_of(out)["price_book"]) == {"list-2024"}
    with pytest.raises(SettingError, match="price_book must be 'list-2024' like the rest"):
        import_records(
            "generic", log(tmp_path, "c.csv", line("3")), out, price_book=load_price_book("current")
        )
    import_records("generic", tmp_path / "b.csv", out, monthly_budget_usd=900)
    assert Manifest.read(out).monthly_budget_usd == 900


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"monthly_budget_usd": 0}, "monthly_budget_usd must be above 0; got 0"),
        ({"monthly_budget_usd": float("nan")}, "monthly_budget_usd must be above 0"),
        ({"time_zone": "Mars/Olympus"}, "time zone must be an IANA name"),
        ({"naive_time_zone": "Mars"}, "time zone must be an IANA name"),
        ({"price_book": "cheap"}, "price book must be one of"),
        ({"model": " "}, "model must be a name"),
        ({"service_tier": "gold"}, "service_tier must be one of"),
        ({"pseudonymise_key": "short"}, "at least 8 characters"),
    ],
)
def test_settings_that_are_not_allowed(more: dict[str, Any], says: str, tmp_path: Path) -> None:
    source = log(tmp_path, "a.csv", line("1"))
    with pytest.raises(SettingError, match=says):
        import_records("generic", source, tmp_path / "x" / "out", **more)
    assert not (tmp_path / "x").exists()


def test_users_are_replaced_by_a_keyed_name(tmp_path: Path) -> None:
    source = log(tmp_path, "a.csv", line("1", user="ann@example.com"), line("2", user="bob"),
                 line("3", user="ann@example.com"), "4,x,gpt-4o,ann@example.com,1,1\n",
                 "5,ann@example.com\n")  # fmt: skip
    out, key = tmp_path / "out", "a long secret"
    import_records("generic", source, out, pseudonymise_key=key)
    users = frame_of(out)["user_id"].tolist()
    assert users[0] == users[2] != users[1]
    everything = str(contents(out)) + frame_of(out).to_csv()
    assert "ann@" not in everything
    assert "bob" not in everything
    assert key not in everything
    other = log(tmp_path, "b.csv", line("9", user="ann@example.com"))
    with pytest.raises(SettingError, match="must be the key of its first import"):
        import_records("generic", other, out)
    with pytest.raises(SettingError, match="must be the key of its first import"):
        import_records("generic", other, out, pseudonymise_key="another secret")
    import_records("generic", other, out, pseudonymise_key=key)
    assert frame_of(out)["user_id"].tolist()[-1] == users[0]


def test_a_plain_folder_takes_no_key(tmp_path: Path) -> None:
    import_records("generic", log(tmp_path, "a.csv", line("1")), tmp_path / "out")
    with pytest.raises(SettingError, match="pseudonymise_key must be no key"):
        import_records(
            "generic",
            log(tmp_path, "b.csv", line("2")),
            tmp_path / "out",
            pseudonymise_key="a long secret",
        )


@pytest.mark.parametrize("moment", ["price", "facts", "by_time"])
@pytest.mark.parametrize("fresh", [True, False])
def test_a_failure_at_any_moment_leaves_no_trace(
    moment: str, fresh: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "deep" / "out"
    if not fresh:
        import_records("generic", log(tmp_path, "a.csv", line("1"), "bad\n"), out)
    before = contents(tmp_path)

    def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    source = log(tmp_path, "b.csv", line("2"), "bad\n")
    before = contents(tmp_path)
    monkeypatch.setattr(land, moment, fail)
    with pytest.raises(OSError, match="no space left"):
        import_records("generic", source, out)
    assert contents(tmp_path) == before
    assert out.exists() is not fresh


def test_a_failure_while_committing_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = log(tmp_path, "a.csv", line("1"), "bad\n")
    before = contents(tmp_path)

    def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Manifest, "commit", fail)
    with pytest.raises(OSError, match="no space left"):
        import_records("generic", source, tmp_path / "deep" / "out")
    assert contents(tmp_path) == before
    assert not (tmp_path / "deep").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("x")
    with pytest.raises(DatasetError, match=r"holds 'thesis\.tex'"):
        import_records("generic", log(tmp_path, "a.csv", line("1")), tmp_path / "out")


def test_progress_counts_every_row(tmp_path: Path) -> None:
    seen: list[int] = []
    source = log(tmp_path, "a.csv", line("1"), "bad\n", line("2"))
    import_records("generic", source, tmp_path / "out", progress=seen.append)
    assert sum(seen) == 3


def test_all_rows_refused_is_an_error(tmp_path: Path) -> None:
    source = log(tmp_path, "a.csv", "1,yesterday,gpt-4o,ann,1,1\n")
    with pytest.raises(
        DataError, match=r"none of the 1 rows can be kept; a\.csv line 2: timestamp"
    ):
        import_records("generic", source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_has_one_time_zone_and_says_when_its_budget_changes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    source = log(tmp_path, "a.csv", line("1"))
    first = import_records("generic", source, out, time_zone="Asia/Tokyo", monthly_budget_usd=500)
    assert "Monthly budget" not in str(first)
    before = contents(out)
    for again in (source, log(tmp_path, "b.csv", line("2"))):
        with pytest.raises(SettingError) as caught:
            import_records("generic", again, out, time_zone="Europe/Berlin")
        assert str(caught.value) == (
            "time_zone must be 'Asia/Tokyo' like the rest of the folder; got 'Europe/Berlin'"
        )
        assert contents(out) == before
    same = import_records("generic", source, out, time_zone="Asia/Tokyo", monthly_budget_usd=500)
    assert "Monthly budget" not in str(same)
    told = str(import_records("generic", source, out, monthly_budget_usd=900))
    assert "Monthly budget: $900, was $500." in told
    assert Manifest.read(out).monthly_budget_usd == 900


@pytest.mark.parametrize("head", [HEAD, "when,what,how many\n"])
@pytest.mark.parametrize("guess", [True, False])
def test_a_header_alone_is_said_to_be_one(head: str, guess: bool, tmp_path: Path) -> None:
    (tmp_path / "header.csv").write_text(head)
    with pytest.raises(DataError) as caught:
        import_records("generic", tmp_path / "header.csv", tmp_path / "out", guess=guess)
    assert str(caught.value) == "header.csv has a header and no rows"
    log(tmp_path, "some calls.csv", line("1"))
    receipt = import_records("generic", tmp_path / "*.csv", tmp_path / "out", guess=guess)
    assert {s.name: s.kept for s in receipt.sources} == {"some calls.csv": 1, "header.csv": 0}
