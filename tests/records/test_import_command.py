"""`costsim import` as a command, and the registry that it and a later format stand on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from costsim.cli.importing import import_
from costsim.errors import CostsimError, ImportRejected
from costsim.records.importers import Column, Importer, importers, register
from costsim.records.importers import registry as registry_module
from costsim.records.importing import import_records

FIXTURES = Path(__file__).parent / "fixtures"
app = typer.Typer(pretty_exceptions_enable=False)
app.command("import")(import_)
app.command("other")(lambda: None)  # two commands, so that `import` is named


def run(*arguments: object) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, ["import", *map(str, arguments)])
    return result.exit_code, result.stdout, result.exception


def test_a_receipt_is_printed(tmp_path: Path) -> None:
    code, out, _ = run("azure", FIXTURES / "azure.csv", "--out", tmp_path / "o", "--model",
                       "gpt-4o", "--feature", "chat", "--budget", "1000")  # fmt: skip
    assert code == 0
    assert "3 calls imported, 4 rejected" in out
    assert "model = gpt-4o" in out


def test_json_is_all_that_is_printed(tmp_path: Path) -> None:
    code, out, _ = run("burstgpt", FIXTURES / "burstgpt.csv", "--out", tmp_path / "o", "--start",
                       "2024-01-01", "--json", "--time-zone", "Europe/Berlin")  # fmt: skip
    assert code == 0
    values = json.loads(out)
    assert values["rows"]["kept"] == 6
    assert values["supplied"] == {"start": "2024-01-01"}
    assert values["time_zone"] == "Europe/Berlin"


def test_maps_and_several_sources(tmp_path: Path) -> None:
    given = (
        "call_id=id,timestamp=when,model=deployment,input_tokens=prompt_toks,"
        "output_tokens=answer_toks"
    )
    code, out, _ = run("generic", FIXTURES / "generic.csv", FIXTURES / "generic.csv", "--out",
                       tmp_path / "o", "--map", given, "--json")  # fmt: skip
    assert code == 0
    assert len(json.loads(out)["sources"]) == 1


def test_strict_and_wrong_input_are_errors_of_one_line(tmp_path: Path) -> None:
    _, out, error = run("azure", FIXTURES / "azure.csv", "--out", tmp_path / "o", "--strict")
    assert isinstance(error, ImportRejected)
    assert out == ""
    _, _, error = run("azure", FIXTURES / "litellm.csv", "--out", tmp_path / "o")
    assert isinstance(error, CostsimError)
    assert "it looks like 'litellm'" in str(error)
    assert not (tmp_path / "o").exists()


def test_the_secret_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("litellm", FIXTURES / "litellm.csv", "--out", tmp_path / "o", "--json",
                 "--pseudonymise-key-env", "COSTSIM_TEST_KEY")  # fmt: skip
    monkeypatch.delenv("COSTSIM_TEST_KEY", raising=False)
    assert "must name a variable that is set" in str(run(*arguments)[2])
    monkeypatch.setenv("COSTSIM_TEST_KEY", "a long secret")
    code, out, _ = run(*arguments)
    assert code == 0
    assert json.loads(out)["supplied"]["user_ids"].startswith("replaced, key ")
    assert "a long secret" not in out


def test_a_new_format_is_one_registered_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importers()  # all that come with the package are loaded first
    monkeypatch.setattr(registry_module, "_REGISTERED", dict(registry_module._REGISTERED))
    columns = (Column("timestamp", ("at",), required=True), Column("input_tokens", ("n",)))
    register(Importer("mine", "an example", columns))
    with pytest.raises(ValueError, match="registered twice"):
        register(Importer("mine", "an example", columns))
    (tmp_path / "log.csv").write_text("at,n\n2024-08-09T08:00:00Z,3\n")
    assert import_records("mine", tmp_path / "log.csv", tmp_path / "out").kept == 1
