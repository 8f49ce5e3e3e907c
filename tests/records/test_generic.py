"""Any table of calls: maps, guesses, units, and errors that say what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from costsim.errors import DataError, SettingError, UnknownNameError
from costsim.records import read_records
from costsim.records.importing import import_records

FIXTURES = Path(__file__).parent / "fixtures"
LOG = (
    "created_at,deployment,prompt_toks,completion_toks,cost\n2024-08-09T08:00:00Z,gpt-4o,10,5,0.1\n"
)


def frame_of(out: Path) -> pd.DataFrame:
    return read_records(out).to_arrow().to_pandas()


def write(tmp_path: Path, text: str, name: str = "log.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_map_as_text_dict_and_file_are_the_same(tmp_path: Path) -> None:
    log = write(tmp_path, LOG)
    toml = write(
        tmp_path,
        "[columns]\ntimestamp='created_at'\nmodel='deployment'\ninput_tokens='prompt_toks'\n"
        "output_tokens='completion_toks'\nbilled_cost='cost'\n[units]\nbilled_cost='usd'\n"
        "[constants]\nfeature_name='chat'\n",
        "map.toml",
    )
    pairs = {
        "timestamp": "created_at",
        "model": "deployment",
        "input_tokens": "prompt_toks",
        "output_tokens": "completion_toks",
        "billed_cost_usd": "cost",
    }
    text = ",".join(f"{ours}={theirs}" for ours, theirs in pairs.items())
    for number, given in enumerate([text, pairs, toml, str(toml)]):
        import_records("generic", log, tmp_path / f"o{number}", map=given, feature="chat")
    frames = [frame_of(tmp_path / f"o{number}") for number in range(4)]
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])
    assert frames[0]["billed_cost_nano"].tolist() == [100_000_000]


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ("modle=deployment", UnknownNameError, "did you mean 'model'"),
        ("model=deployment,model=x", SettingError, "model is twice"),
        ("total_cost=cost", UnknownNameError, "field of a map"),
        ("source=x", UnknownNameError, "field of a map"),
        ("nothing.toml", SettingError, "ours=theirs,... or a TOML file"),
        ("model=colour", DataError, "model is mapped to 'colour'; columns found: created_at"),
        ({"columns": {"model": 3}}, SettingError, "column of model must be a name; got 3"),
        ({"columns": {}, "colums": {}}, UnknownNameError, "table of a map"),
        ({"columns": {"billed_cost": "cost"}, "units": {"billed_cost": "eur"}},
         UnknownNameError, "unit of billed_cost_nano must be one of 'usd'"),
        ({"columns": {"model": "deployment"}, "units": {"model": "s"}},
         SettingError, "model must be mapped without a unit"),
        ({"columns": {"model": "deployment"}, "units": {"latency_ms": "s"}},
         SettingError, "'latency_ms' is none"),
        ({"columns": {"timestamp": "created_at"}, "units": {"timestamp": "minutes"}},
         SettingError, "unit of timestamp must be iso, s, ms"),
        ({"columns": {"model": "deployment"}, "constants": {"input_tokens": 3}},
         SettingError, "constants must be names"),
    ],
)  # fmt: skip
def test_wrong_maps(given: Any, error: type[Exception], says: str, tmp_path: Path) -> None:
    with pytest.raises(error) as caught:
        import_records("generic", write(tmp_path, LOG), tmp_path / "out", map=given)
    assert says in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_without_a_map_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        import_records("generic", write(tmp_path, LOG), tmp_path / "out")
    for part in (
        "no column is known as timestamp or as input_tokens and output_tokens",
        "columns found: created_at, deployment, prompt_toks, completion_toks, cost",
        f"costsim import generic {tmp_path}/log.csv --out {tmp_path}/out --guess",
    ):
        assert part in str(caught.value)


def test_a_known_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it looks like 'litellm'"):
        import_records("generic", FIXTURES / "litellm.csv", tmp_path / "out")


def test_the_records_own_names_just_work(tmp_path: Path) -> None:
    log = write(
        tmp_path,
        "call_id,timestamp,model,feature_name,user_id,input_tokens,output_tokens,total_cost,"
        "latency_ms,error\n"
        "a,2024-08-09T08:00:00Z,gpt-4o,chat,ann,1000,100,0.0075,12,\n"
        "b,2024-08-09T08:00:01Z,gpt-4o,chat,ann,,,,12,Timeout: said the model\n",
    )
    receipt = import_records("generic", log, tmp_path / "out")
    frame = frame_of(tmp_path / "out").set_index("call_id")
    assert frame.loc["a", "billed_cost_nano"] == 7_500_000
    assert frame.loc["b", ["status", "error"]].tolist() == ["error", "Timeout"]
    assert receipt.facts.dollars.calls == 1


def test_a_written_dataset_can_be_imported_again(tmp_path: Path) -> None:
    import_records("litellm", FIXTURES / "litellm.csv", tmp_path / "one")
    import_records("generic", tmp_path / "one" / "data", tmp_path / "two")
    one, two = frame_of(tmp_path / "one"), frame_of(tmp_path / "two")
    pd.testing.assert_frame_equal(two.drop(columns="source"), one.drop(columns="source"))
    with pytest.raises(SettingError, match="is a records folder already"):
        import_records("generic", tmp_path / "one", tmp_path / "three")


def test_a_sure_guess_is_used_and_shown(tmp_path: Path) -> None:
    log = write(tmp_path, LOG)
    receipt = import_records("generic", log, tmp_path / "out", guess=True)
    assert receipt.guessed
    assert {use.ours: use.theirs for use in receipt.columns} == {
        "timestamp": "created_at",
        "model": "deployment",
        "input_tokens": "prompt_toks",
        "output_tokens": "completion_toks",
        "billed_cost_nano": "cost",
    }
    assert "a known synonym" in str(receipt)
    assert "90%" in str(receipt)


def test_an_unsure_guess_is_shown_and_not_used(tmp_path: Path) -> None:
    log = write(tmp_path, "time,tokens_in,prompt_tokens,tokens_out\n2024-08-09T08:00:00Z,1,2,3\n")
    with pytest.raises(DataError) as caught:
        import_records("generic", log, tmp_path / "out", guess=True)
    assert "input_tokens could be tokens_in or prompt_tokens" in str(caught.value)
    assert "--map timestamp=time,input_tokens=tokens_in,output_tokens=tokens_out" in str(
        caught.value
    ).replace("'", "")
    assert not (tmp_path / "out").exists()
    given = "input_tokens=prompt_tokens"
    receipt = import_records("generic", log, tmp_path / "out", guess=True, map=given)
    assert frame_of(tmp_path / "out")["input_tokens"].tolist() == [2]
    assert receipt.kept == 1


def test_a_guess_is_only_for_tables_without_a_format(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="guess must be left out for 'azure'"):
        import_records("azure", FIXTURES / "azure.csv", tmp_path / "out", guess=True)


def test_prompts_are_never_guessed_read_or_listed(tmp_path: Path) -> None:
    log = write(
        tmp_path,
        "ts,prompt,completion,tokens_in,tokens_out\n"
        "2024-08-09T08:00:00Z,secret poem,secret answer,1,2\n"
        "2024-08-09T08:00:00Z,secret poem,secret answer,x y z secret poem,2\n"
        "2024-08-09T08:00:00Z,secret poem,secret answer,with,a,comma\n",
    )
    receipt = import_records("generic", log, tmp_path / "out", guess=True)
    assert receipt.private == ("prompt", "completion")
    assert receipt.rejected == 2
    listed = Path(receipt.rejects_files[0]).read_text()
    assert "secret" not in listed + str(receipt) + json.dumps(receipt.to_dict())
    assert "characters" in listed


def test_nested_json_is_mapped_by_dots_and_guessed_by_its_last_part(tmp_path: Path) -> None:
    rows = [
        {"created": 1723190400 + n, "model": "gpt-4o", "usage": {"prompt_tokens": n, "total": 1,
         "completion_tokens": 2}, "messages": [{"content": "secret"}]}
        for n in range(3)
    ]  # fmt: skip
    log = write(tmp_path, "".join(json.dumps(r) + "\n" for r in rows), "log.jsonl")
    given = (
        "timestamp=created,input_tokens=usage.prompt_tokens,output_tokens=usage.completion_tokens"
    )
    receipt = import_records("generic", log, tmp_path / "mapped", map=given)
    assert "epoch s, told" in str(import_records("generic", log, tmp_path / "guessed", guess=True))
    mapped, guessed = frame_of(tmp_path / "mapped"), frame_of(tmp_path / "guessed")
    pd.testing.assert_frame_equal(mapped, guessed)
    assert mapped["input_tokens"].tolist() == [0, 1, 2]
    assert mapped["timestamp"][0] == pd.Timestamp("2024-08-09T08:00:00Z")
    assert any("epoch s, told from the size" in note for note in receipt.notes)


def test_flat_json_keys_with_dots(tmp_path: Path) -> None:
    row = {"time": "2024-08-09T08:00:00Z", "gen_ai.usage.input_tokens": 7,
           "gen_ai.usage.output_tokens": 8}  # fmt: skip
    log = write(tmp_path, json.dumps(row) + "\n", "log.jsonl")
    import_records("generic", log, tmp_path / "out", guess=True)
    assert frame_of(tmp_path / "out")["total_tokens"].tolist() == [15]


def test_parquet_with_types_structs_and_categories(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(["2024-08-09 08:00", "2024-08-09 09:00"]).tz_localize(
                "Europe/Berlin"
            ),
            "model": pd.Categorical(["gpt-4o", None]),
            "input_tokens": [10.0, 20.0],
            "output_tokens": pd.array([1, None], "Int64"),
            "cache_hit": [True, False],
            "extra": [{"user": "ann"}, {"user": "bob"}],
        }
    )
    frame.to_parquet(tmp_path / "log.parquet")
    import_records("generic", tmp_path / "log.parquet", tmp_path / "out", map="user_id=extra.user")
    stored = frame_of(tmp_path / "out")
    assert stored["timestamp"][0] == pd.Timestamp("2024-08-09T06:00:00Z")
    assert stored["input_tokens"].tolist() == [10, 20]
    assert stored["user_id"].tolist() == ["ann", "bob"]
    assert stored["cache_hit"].tolist() == [True, False]
    assert stored["model"].isna().tolist() == [False, True]


def test_units_of_time_and_spans(tmp_path: Path) -> None:
    log = write(tmp_path, "t,took,input_tokens\n09/08/2024 10:00,1.5,3\nnever,1.5,3\n")
    given = {
        "columns": {"timestamp": "t", "latency": "took"},
        "units": {"timestamp": "%d/%m/%Y %H:%M", "latency": "s"},
    }
    receipt = import_records(
        "generic", log, tmp_path / "out", map=given, naive_time_zone="Europe/Berlin"
    )
    stored = frame_of(tmp_path / "out")
    assert stored["timestamp"].tolist() == [pd.Timestamp("2024-08-09T08:00:00Z")]
    assert stored["latency_ms"].tolist() == [1500]
    assert receipt.reasons == (("t must look like %d/%m/%Y %H:%M", 1),)


def test_spans_without_a_unit_are_a_doubt_when_their_size_does_not_tell(tmp_path: Path) -> None:
    head = "time,tokens_in,tokens_out,duration\n"
    for values, unit in ((("850", "1200"), "ms"), (("0.85", "1.2"), "s")):
        rows = "".join(f"2024-08-09T08:00:0{n}Z,1,2,{v}\n" for n, v in enumerate(values))
        log = write(tmp_path, head + rows, f"{unit}.csv")
        receipt = import_records("generic", log, tmp_path / unit, guess=True)
        assert [use.unit for use in receipt.columns if use.ours == "latency_ms"] == [unit]
    log = write(tmp_path, head + "2024-08-09T08:00:00Z,1,2,100\n", "doubt.csv")
    with pytest.raises(DataError, match="latency_ms from duration: its unit, ms or s, is not cl"):
        import_records("generic", log, tmp_path / "doubt", guess=True)


def test_another_currency_is_refused(tmp_path: Path) -> None:
    head = "timestamp,input_tokens,output_tokens,billed_cost,currency\n"
    good = write(tmp_path, head + "2024-08-09T08:00:00Z,1,2,0.1,usd\n", "usd.csv")
    assert import_records("generic", good, tmp_path / "usd").kept == 1
    mixed = head + "2024-08-09T08:00:00Z,1,2,0.1,USD\n2024-08-09T08:00:00Z,1,2,0.1,EUR\n"
    receipt = import_records("generic", write(tmp_path, mixed, "mix.csv"), tmp_path / "mix")
    assert receipt.reasons == (("currency must be USD", 1),)
    assert receipt.kept == 1


def test_bytes_that_are_no_utf8_cost_their_row_only(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(
        b"timestamp,user_id,input_tokens,output_tokens\n"
        b"2024-08-09T08:00:00Z,J\xfcrgen,1,2\n2024-08-09T08:00:01Z,ann,1,2\n"
    )
    receipt = import_records("generic", path, tmp_path / "out")
    assert (receipt.kept, receipt.rejected) == (1, 1)
    assert receipt.reasons == (("user_id must be UTF-8 text", 1),)


def test_a_hopeless_file_is_given_up_early(tmp_path: Path) -> None:
    rows = "".join(f"2024-08-09T08:00:00Z,many,{n}\n" for n in range(2000))
    log = write(tmp_path, "timestamp,input_tokens,output_tokens\n" + rows)
    with pytest.raises(
        DataError, match=r"none of the first 2,000 rows can be kept; log\.csv line 2"
    ):
        import_records("generic", log, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_way_out_of_other_times_can_be_copied(tmp_path: Path) -> None:
    log = write(tmp_path, "when,input_tokens,output_tokens\n09.08.2024 10:00,1,2\n")
    with pytest.raises(DataError) as caught:
        import_records("generic", log, tmp_path / "out", map="timestamp=when")
    told = str(caught.value)
    columns, units = told.partition("of the lines ")[2].split(" and ")
    toml = write(tmp_path, f"{columns}\n{units}\n", "times.toml")
    import_records("generic", log, tmp_path / "out", map=toml)
    stored = frame_of(tmp_path / "out")["timestamp"].tolist()
    assert stored == [pd.Timestamp("2024-08-09T10:00:00Z")]


@pytest.mark.parametrize(
    ("written", "usd"),
    [("$0.10", 0.1), ("US$ 2", 2), ("$1,234.50", 1234.5), ("1,234,567", 1234567), ("$.5", 0.5)],
)
def test_dollar_signs_and_thousands_are_read_and_told(
    written: str, usd: float, tmp_path: Path
) -> None:
    row = f'2024-08-09T08:00:00Z,gpt-4o,"1,200","12,000",{chr(34)}{written}{chr(34)}\n'
    log = write(tmp_path, LOG.partition("\n")[0] + "\n" + row)
    receipt = import_records("generic", log, tmp_path / "out", guess=True)
    stored = frame_of(tmp_path / "out")
    assert stored["input_tokens"].tolist() == [1200]
    assert stored["output_tokens"].tolist() == [12000]
    assert stored["billed_cost_nano"].tolist() == [round(usd * 1e9)]
    assert "log.csv: prompt_toks: thousands separators left out (1 rows)." in receipt.notes
    assert ("log.csv: cost: a leading $ left out (1 rows)." in receipt.notes) is ("$" in written)


@pytest.mark.parametrize(
    ("tokens", "cost"),
    [("12,00", "1"), ("1,2000", "1"), ("0,120", "1"), ("$12", "1"), ("1", "0,123"), ("1", "12,5"),
     ("1", "$-1"), ("1", "-$1"), ("1", "€1"), ("1", "1$"), ("1", "$$1"), ("1", "1 000"),
     ("1", "CA$1"), ("1", "$")],
)  # fmt: skip
def test_other_spellings_of_amounts_stay_refused(tokens: str, cost: str, tmp_path: Path) -> None:
    head = "timestamp,input_tokens,output_tokens,billed_cost\n"
    good = "2024-08-09T08:00:00Z,1,2,3\n"
    log = write(tmp_path, head + good + f'2024-08-09T08:00:00Z,"{tokens}",2,"{cost}"\n')
    receipt = import_records("generic", log, tmp_path / "out")
    assert (receipt.kept, receipt.rejected) == (1, 1)


def test_where_commas_are_decimal_none_is_a_thousand(tmp_path: Path) -> None:
    head = "timestamp;input_tokens;output_tokens;billed_cost\n"
    rows = "".join(f"2024-08-09T08:00:00Z;1;2;{cost}\n" for cost in ("3", "1,234", "0,5"))
    receipt = import_records("generic", write(tmp_path, head + rows), tmp_path / "out")
    assert (receipt.kept, receipt.rejected) == (1, 2)
