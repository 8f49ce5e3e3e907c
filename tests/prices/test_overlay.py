"""Price files: what is read, and how faults are named."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from costsim.errors import PriceError, SettingError, UnknownNameError
from costsim.paths import bundled
from costsim.prices import PriceBook, load_price_book, price_books

Load = Callable[[str], PriceBook]
PLAIN = """
[[price]]
model = "m"
input_usd_per_million = "1"
output_usd_per_million = 2
source = "test"
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            PLAIN.replace("output_usd_per_million", "output"),
            r"price\[0\]\.output is no key .*allowed",
        ),
        (
            PLAIN + "[[price.input_tier]]\nabove = 3",
            r"input_tier\[0\]\.above is no key .*above_input",
        ),
        (PLAIN + "[price.service_tier.batch]\nfacto = 1", r"service_tier\.batch\.facto is no key"),
        (
            PLAIN + "[price.service_tier.slow]\nfactor = 1",
            r"'batch', 'flex', 'priority'.*got 'slow'",
        ),
        (PLAIN + "[price.service_tier.batch]", r"batch: must have either factor or prices"),
        (PLAIN.replace('"1"', '"cheap"'), r"price\[0\]\.input_usd_per_million: .*got 'cheap'"),
        (PLAIN.replace('"1"', '"-1"'), r"input_usd_per_million: .*greater than.*0; got '-1'"),
        (PLAIN.replace('"1"', '"0.0000001"'), r"price\[0\]: input_.*at most 6 decimals"),
        (PLAIN.replace('"1"', '"4001"'), r"price\[0\]: input_.*from 0 to 4,000.*got 4001"),
        (PLAIN.replace('source = "test"', ""), r"price\[0\]\.source must be given"),
        (PLAIN + "until = 2024-10-02T00:00:00", r"until must have a time zone"),
        (PLAIN + "from = 2024-10-02\nuntil = 2024-10-02", r"until must be after from 2024-10-02"),
        (PLAIN + PLAIN, r"price\[1\] must not cover a name and time of price\[0\]"),
        ("prices = 1", r"prices is no key of a price book; allowed here: name, description"),
        ("price = 3 3", r"must be valid TOML"),
        ('base = "other"', r"base must be one of 'none', 'genai-prices', .*got 'other'"),
        ('base = "mine.toml"', r"base must not lead back"),
        ('base = "nowhere.toml"', r"must be an existing file; got .*nowhere.toml"),
        (
            PLAIN + "[[price.input_tier]]\nabove_input_tokens=9\n[[price.input_tier]]"
            "\nabove_input_tokens=9",
            r"thresholds must rise; got \[9, 9\]",
        ),
    ],
)
def test_faults_name_key_got_and_allowed(book_of: Load, text: str, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        book_of(text)


def test_every_fault_of_a_file_is_listed(book_of: Load) -> None:
    with pytest.raises(SettingError) as caught:
        book_of(PLAIN.replace("model", "modle").replace("source", "sauce"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 4  # two keys that are not known, two that are missing
    assert all(line.startswith("mine.toml: price[0]") for line in lines)


def test_numbers_keep_every_decimal(book_of: Load) -> None:
    unit = book_of(PLAIN.replace('"1"', "0.123456")).unit("m")
    assert unit.input_pico == 123_456
    assert unit.usd_per_million["input"] == Decimal("0.123456")


def test_dated_entries_meet_without_gap_or_overlap(book_of: Load) -> None:
    book = book_of(
        PLAIN + "until = 2024-10-02" + PLAIN.replace('"1"', '"3"') + "from = 2024-10-02T00:00:00Z"
    )
    assert book.unit("m", at="2024-10-01T23:59:59.999999+00:00").input_pico == 1_000_000
    assert book.unit("m", at="2024-10-02").input_pico == 3_000_000
    assert book.unit("m", at="2024-10-02T01:30+02:00").input_pico == 1_000_000
    with pytest.raises(PriceError, match="at must be given for 'm'"):
        book.unit("m")


def test_aliases_patterns_and_providers(book_of: Load) -> None:
    book = book_of(
        PLAIN
        + 'aliases = ["Em"]\npatterns = ["m-2024-*"]\nproviders = ["here"]\n'
        + PLAIN.replace('"1"', '"3"')
        + 'providers = ["there"]'
    )
    for name in ("m", "EM", "m-2024-05-13"):
        assert book.unit(name).input_pico == 1_000_000
    assert book.unit("m", provider="There").input_pico == 3_000_000
    with pytest.raises(PriceError):
        book.unit("m", provider="elsewhere")
    with pytest.raises(PriceError):
        book.unit("m-2023")


def test_service_tiers_by_factor_and_by_price(book_of: Load) -> None:
    book = book_of(
        PLAIN + "[[price.input_tier]]\nabove_input_tokens = 100\ninput_usd_per_million = 4\n"
        "[price.service_tier.batch]\nfactor = 0.5\n"
        "[price.service_tier.priority]\ninput_usd_per_million = 7\n"
    )
    batch, priority = book.unit("m", service_tier="batch"), book.unit("m", service_tier="priority")
    assert (batch.input_pico, batch.output_pico) == (500_000, 1_000_000)
    assert batch.at_input(100).input == 500_000
    assert batch.at_input(101).input == 2_000_000
    assert batch.at_input(101).output == 1_000_000  # carried over from below the threshold
    assert (priority.input_pico, priority.output_pico) == (7_000_000, 2_000_000)
    with pytest.raises(PriceError, match=r"service_tier must be one with a price for 'm'.*'flex'"):
        book.unit("m", service_tier="flex")


def test_a_book_builds_on_another(book_of: Load, list_2024: PriceBook) -> None:
    mine = book_of('base = "list-2024"\n' + PLAIN.replace('"m"', '"gpt-4o"'))
    assert mine.unit("gpt-4o").input_pico == 1_000_000
    assert mine.unit("gpt-4-turbo") == list_2024.unit("gpt-4-turbo")
    assert mine.digest != list_2024.digest


def test_bundled_books() -> None:
    assert price_books() == ("current", "list-2024")
    assert {load_price_book(name).name for name in price_books()} == set(price_books())
    with pytest.raises(UnknownNameError, match=r"'current', 'list-2024'; got 'list-2025' \(did"):
        load_price_book("list-2025")
    with pytest.raises(SettingError, match=r"must be an existing file; got 'no/such\.toml'"):
        load_price_book("no/such.toml")


def test_every_bundled_entry_has_source_and_its_file_its_name() -> None:
    for path in bundled("prices").glob("*.toml"):
        book = PriceBook.load(path)
        assert book.name == path.stem
        assert all(unit.source for entry in book.entries for unit in entry.units.values())
