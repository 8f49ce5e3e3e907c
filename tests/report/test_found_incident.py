"""The page of an incident in any records: against made records, and as a command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from costsim.detect import Suite
from costsim.errors import DataError
from costsim.records import Records
from costsim.report import find_incident, incident_report
from costsim.show.mask import mask_user
from tests.report.test_week_alarms import BURST, SUITE, calls
from tests.simulated import night_script, simulated_folder

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def burst() -> Records:
    return calls()


def test_the_card_and_the_page_say_when_what_and_who(burst: Records) -> None:
    found = find_incident(burst, SUITE)
    card = found.card()
    assert card.title.startswith("chat: $100")
    assert card.title.endswith("above the weeks before, Thu 10:00 to Thu 15:00.")
    assert "Cause: more requests." in card.lines
    assert f"Who: {mask_user('bob')} $100." in card.lines
    page = found.page().html()
    assert page == found.page().html()
    for words in ("Hour by hour", "What drove it: more requests", "Who brought it", "a test",
                  "Held against the same hours of the 4 weeks before", "REAL"):  # fmt: skip
        assert words in page
    assert "bob" not in page
    assert "bob" in find_incident(burst, SUITE, show_users=True).page().html()


def test_a_time_within_it_finds_it_and_no_other_does(burst: Records) -> None:
    at = BURST.to_pydatetime()
    assert find_incident(burst, SUITE, at + 3 * HOUR).incident.start == BURST
    with pytest.raises(DataError, match=r"no incident at .* 20:00; there are some from .* 10:00"):
        find_incident(burst, SUITE, at + 10 * HOUR)
    with pytest.raises(DataError, match="the suite mine finds no incident at Wed 10 Jul"):
        find_incident(burst.between(None, at), SUITE, datetime(2024, 7, 10, tzinfo=UTC))


def test_silence_has_a_page_too() -> None:
    from costsim.detect import FeedSilence, HourOfWeek

    found = find_incident(calls(silent=True), Suite("quiet", (FeedSilence(HourOfWeek()),)))
    assert "no call with a price" in found.card().title
    assert "What drove it" not in found.page().html()


def test_the_file_is_named_after_records_and_start(tmp_path: Path) -> None:
    simulated_folder(night_script(), 5, tmp_path / "my runs")
    at = datetime(2024, 8, 10, 7, tzinfo=UTC)
    found, page = incident_report(tmp_path / "my runs", tmp_path / "pages", at=at)
    assert found.incident.feature == "code_review"
    assert page.name.startswith("incident-my-runs-2024-08-10T0")
    assert "--at 2024-08-10T0" in page.read_text()
