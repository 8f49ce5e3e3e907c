"""costsim limits status, set, stop, start and grant, on a file and on a real Redis."""

from __future__ import annotations

import json

import pytest
import redis

from costsim.limits import MemoryLedger, RedisLedger, Scopes, parse_limits
from costsim.limits.control_file import ControlFile
from tests.limits.faults.case import away_from_the_hours_end
from tests.limits.servers import bundled, serving

USD = 10**9
ANN = Scopes("ann", "free", "chat")
FILE = """
name = "live"
time_zone = "Europe/Berlin"
enforce_organisation = false
user = { hour_usd = 1, by_tier = { pro = { hour_usd = 5 } } }
feature = { chat = { day_calls = 100 } }
organisation = { month_usd = 50, ladder = [{ at = 0.004, do = "warn" }] }
"""
WHY = ("--why", "an incident", "--limits", "live.toml")


@pytest.fixture
def policy(tmp_path):
    import tomllib

    (tmp_path / "live.toml").write_text(FILE)
    return parse_limits(tomllib.loads(FILE))


@pytest.fixture(scope="module")
def server():
    with serving(bundled()) as made:
        yield made


@pytest.fixture
def live(server, policy):
    """A ledger of some process, and how the command line is told of it."""
    with server.client() as client, away_from_the_hours_end():
        client.flushall()
        ledger = RedisLedger(policy, server.client(), tenant="shop")
        ledger.rebuild(None)
        yield ledger, ("--redis", f"redis://localhost:{server.port}", "--tenant", "shop")
        ledger.close()


def ask(ledger, call, usd=0.25, who=ANN):
    return ledger.reserve(call, who, [("m", round(usd * USD))])


def test_a_stop_and_a_start_reach_a_ledger_that_is_running(run, live):
    ledger, where = live
    assert ask(ledger, "a")
    said = run("limits", "stop", "chat", *where, *WHY, "--who", "max", "--for", "2h")
    assert said.code == 0, said.err
    assert said.out.startswith("stop feature chat\n  until ")
    assert said.out.endswith("order 1, by max: an incident\n")
    assert said.err == (
        f"next: costsim limits status --limits live.toml --redis {where[1]} --tenant shop\n"
    )
    assert ask(ledger, "b").window == "stopped"
    assert run("limits", "start", "chat", *where, *WHY).code == 0
    assert ask(ledger, "b")
    said = run("limits", "start", "chat", *where, *WHY)
    assert (said.code, said.err) == (
        2, "costsim: feature chat is not stopped: nothing was ordered\n"
    )  # fmt: skip
    assert len(ledger.standing().controls) == 2


def test_a_set_says_from_what_to_what_and_a_dry_run_orders_nothing(run, live):
    ledger, where = live
    ask(ledger, "a", 0.9)
    change = "  every user, hour_usd: $1.00 -> $1.50\n"
    said = run("limits", "set", "user.hour_usd", "1.5", *where, *WHY, "--dry-run")
    assert said.out == (
        f"would set every user, hour_usd: $1.50\n{change}"
        "  tiers and users with a cap of their own keep it: pro\n"
    )
    assert not ask(ledger, "b", 0.5)
    said = run("limits", "set", "user.hour_usd", "1.5", *where, *WHY, "--json")
    told = json.loads(said.out)
    assert told["changes"] == [
        {"whose": "every user", "cap": "hour_usd", "before": USD, "after": 3 * USD // 2}
    ]
    assert told["ordered"]
    assert told["order"]["why"] == "an incident"
    assert ask(ledger, "b", 0.5)
    said = run("limits", "set", "user.hour_usd", "1.5", *where, *WHY)
    assert (said.code, "changes nothing, so nothing was ordered" in said.err) == (2, True)
    said = run("limits", "set", "organisation.month_usd", "60", *where, *WHY)
    assert "it alerts, refuses nothing" in said.out
    said = run("limits", "set", "user.day_usd", "9", "--user", "ann", *where, *WHY)
    assert "user ann, day_usd: no cap -> $9.00\n" in said.out
    assert "it counts from now on" in said.out


def test_status_shows_what_is_used_what_is_in_force_and_who_ordered_it(run, live):
    ledger, where = live
    ask(ledger, "a", 0.25)
    ask(ledger, "b", 0.5)
    ledger.settle("a", USD // 5)
    said = run(
        "limits", "grant", "ann", "--factor", "2", "--for", "12h", "--who", "eve", *where, *WHY
    )
    assert said.out.splitlines()[1:3] == [
        "  user ann, hour_usd: $1.00 -> $2.00",
        "  user ann, if of tier pro, hour_usd: $5.00 -> $10.00",
    ]
    run("limits", "stop", "--user", "bob", *where, *WHY)
    at = ("limits", "status", *where, "--limits", "live.toml", "--user", "ann", "--tier", "free")
    told = json.loads(run(*at, "--json").out)
    assert told["caps"][0] == {
        "whose": "user ann", "cap": "hour_usd", "settled": USD // 5, "held": USD // 2,
        "limit": 2 * USD, "share": 0.35,
    }  # fmt: skip
    assert [(stop["name"], stop["until_us"]) for stop in told["stopped"]] == [("bob", None)]
    assert [order["words"] for order in told["active"]] == [
        "grant user ann: 2 times each cap", "stop user bob",
    ]  # fmt: skip
    said = run(*at)
    assert said.code == 0
    assert "STOPPED: user bob, no end\n" in said.out
    assert "budget of the month: $0.20 of $50.00 spent (0.4%), $0.50 held; on until" in said.out
    assert (told["budget"]["on"], told["budget"]["held_nano"]) == (["warn at 0.4%"], USD // 2)
    [row] = [line for line in said.out.splitlines() if line.startswith("user ann")]
    assert row.split() == ["user", "ann", "hour_usd", "$0.20", "$0.50", "$2.00", "35%"]
    assert "eve: grant user ann: 2 times each cap, until " in said.out
    for last, shown in ((1, 1), (2, 2), (10, 2), (0, 0)):
        told = json.loads(run(*at, "--last", str(last), "--json").out)
        assert len(told["orders"]) == shown
    said = run("limits", "grant", "ann", "--revoke", *where, *WHY)
    assert "user ann, hour_usd: $2.00 -> $1.00\n" in said.out


def test_a_file_reaches_a_ledger_in_process_and_its_journal_tells_what_is_used(
    run, policy, tmp_path
):
    ledger = MemoryLedger(policy, controls=tmp_path / "c.jsonl", journal=tmp_path / "journal")
    ask(ledger, "a", 0.5)
    where = ("--controls", "c.jsonl")
    said = run("limits", "stop", "--organisation", *where, *WHY)
    assert said.code == 0, said.err
    assert "c.jsonl is new: ledgers obey it that are made with controls='c.jsonl'" in said.out
    assert ask(ledger, "b").scope == "organisation"
    said = run("limits", "status", *where, "--limits", "live.toml", "--user", "ann")
    assert "--journal FILE reads it" in said.out
    assert "budget of the month" not in said.out  # nobody told
    journal = (tmp_path / "journal").read_bytes()
    told = run("limits", "status", *where, "--limits", "live.toml", "--user", "ann", "--json",
               "--journal", "journal")  # fmt: skip
    assert json.loads(told.out)["caps"][0]["held"] == USD // 2
    assert (tmp_path / "journal").read_bytes() == journal
    ledger.close()
    lines = journal.splitlines(keepends=True)
    (tmp_path / "broken").write_bytes(b"no journal\n" + b"".join(lines[1:]))
    said = run("limits", "status", *where, "--limits", "live.toml", "--journal", "broken")
    assert said.code == 2
    assert "broken" in said.err
    assert "/tmp" not in said.err  # it is read from a copy, which is nobody's business


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("set", "user.day_usd", "-3"), "day_usd must be greater than 0; got -3"),
        (("set", "user.day_usd", "nan"), "day_usd must be a finite number; got nan"),
        (("set", "user.day_usd", "1e7"), "must be at most $9,007,199"),
        (("set", "user.day_usd", "much"), "value must be a number, 'none' or 'file'; got 'much'"),
        (("set", "user.week_usd", "3"), "cap must be one of"),
        (("set", "models.day_usd", "3"), "cap must be user.day_usd, feature.hour_calls"),
        (("set", "user.day_usd", "3", "--tier", "gold"), "limits live name, ['pro']"),
        (("set", "user.day_usd", "3", "--feature", "chat"), "--feature has no part in user"),
        (("set", "user.day_usd", "none"), "changes nothing, so nothing was ordered"),
        (("set", "feature.day_usd", "3"), "a feature must be named"),
        (("stop", "caht"), "['chat']; got 'caht' (a name that it does not have: --anyway)"),
        (("stop",), "name one of: a feature, a user, a tier, the --organisation; got 0"),
        (("stop", "chat", "--user", "ann"), "got 2"),
        (("stop", "chat", "--for", "soon"), "--for must be a time such as 90s, 30m, 12h"),
        (("stop", "chat", "--for", "0h"), "--for must be a time"),
        (("stop", "chat", "--for", "9999d"), "at most 366 days"),
        (("stop", "chat", "--until", "2020-01-01"), "--until must not lie in the past"),
        (("stop", "chat", "--for", "1h", "--until", "2099-01-01"), "got both"),
        (("grant", "ann", "--usd", "3"), "a grant must have an end"),
        (("grant", "ann", "--for", "1h"), "one of both"),
        (("grant", "ann", "--usd", "-1", "--for", "1h"), "dollars of a grant must be above 0"),
        (("grant", "ann", "--factor", "nan", "--for", "1h"), "factor must be above 1"),
        (("grant", "--feature", "chat", "--usd", "3", "--for", "1h"), "changes nothing"),
    ],
)  # fmt: skip
def test_bad_orders_are_one_line_and_leave_no_file(run, policy, tmp_path, arguments, words):
    said = run("limits", *arguments, "--controls", "c.jsonl", *WHY)
    assert said.code == 2
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (tmp_path / "c.jsonl").exists()


def test_a_redis_that_cannot_be_operated_is_one_line(run, live, server, tmp_path):
    def fails(*where):
        said = run("limits", "stop", "chat", *where, *WHY)
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
        return said.err

    assert "Redis did not answer in 2 s" in fails("--redis", "redis://localhost:1")
    other = fails("--redis", live[1][1], "--tenant", "shoop")
    assert "holds no ledger of tenant 'shoop': call ledger.rebuild(records)" in other
    assert "another --tenant or --prefix" in other
    assert "--redis must be an address" in fails("--redis", "http://localhost")
    assert "give --redis URL" in fails()
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert "maxmemory-policy must be 'noeviction'" in fails(*live[1])
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("requirepass", "secret")
        try:
            assert "Redis refuses" in fails(*live[1])
        finally:
            redis.Redis(port=server.port, password="secret").config_set("requirepass", "")
    assert ask(live[0], "a")
    (tmp_path / "bad.jsonl").write_text("rubbish\n")
    assert "bad.jsonl, line 1 is no control" in fails("--controls", "bad.jsonl")
    assert "bad.jsonl" in fails("--controls", "bad.jsonl/c.jsonl")
    assert ControlFile(tmp_path / "c.jsonl").read() == []
