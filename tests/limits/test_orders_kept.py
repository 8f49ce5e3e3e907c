"""What operators ordered survives: a restart, a torn file, a store that is away or was lost."""

from __future__ import annotations

import threading

import pytest

from costsim.errors import DataError, SettingError, StoreError
from costsim.limits import Control, MemoryLedger, RedisLedger, Scopes, Target, parse_limits
from costsim.limits.control_file import ControlFile
from costsim.limits.controls import read_control
from tests.limits.faults.case import away_from_the_hours_end
from tests.limits.servers import bundled, serving

USD = 10**9
HOUR = 3_600_000_000
ANN = Scopes("ann", "free", "chat")
CHAT = Target("feature", "chat")
STOP = Control("stop", CHAT, "max", "runaway")
ROOM = Control("set", Target("user"), "max", "a demo", cap="hour_usd", value=3.0)
HOURLY = parse_limits({"name": "h", "user": {"hour_usd": 1}})


def ask(ledger, call, usd=0.25, who=ANN):
    return ledger.reserve(call, who, [("m", round(usd * USD))])


def test_a_killed_ledger_begins_again_with_its_orders_and_what_they_counted(tmp_path, clock):
    def ledger():
        return MemoryLedger(HOURLY, clock=clock, journal=tmp_path / "journal")

    one = ledger()
    ask(one, "a")
    one.operate(Control("set", CHAT, "max", "why", cap="hour_usd", value=0.5, lasts_us=HOUR // 4))
    ask(one, "b")
    clock.now += HOUR // 4
    ask(one, "c", 0.1)
    one.operate(Control("set", CHAT, "max", "why", cap="hour_usd", value=0.6))
    one.operate(Control("stop", Target("user", "bob"), "max", "why"))
    used, told = one.usage(ANN), one.standing()
    assert used["feature", "hour_usd"] == (USD // 4, 0, 0.6 * USD)  # of b (its lease is over) alone
    one.close()  # as a kill leaves it, and another process may have it
    two = ledger()
    assert two.usage(ANN) == used
    assert two.standing() == told
    assert ask(two, "d", who=Scopes("bob")).window == "stopped"
    two.close()


def test_a_journal_that_is_shrunk_keeps_every_order(tmp_path, clock):
    path = tmp_path / "journal"
    ledger = MemoryLedger(HOURLY, clock=clock, journal=path)
    ask(ledger, "a")
    ledger.operate(STOP)
    clock.now += 90 * 24 * HOUR
    ledger.close()
    for n in range(3):
        later = MemoryLedger(HOURLY, clock=clock, journal=path)
        assert [line[:4] for line in path.read_text().splitlines()[1:]] == ['["c"']
        assert ask(later, f"{n}").window == "stopped"
        later.close()


def test_a_file_of_orders_torn_broken_or_gone_takes_nothing_back(tmp_path, clock):
    path = tmp_path / "controls.jsonl"
    ledger = MemoryLedger(HOURLY, clock=clock, controls=path)
    assert ask(ledger, "a")
    stop = ControlFile(path).append(STOP, clock.now)
    line = path.read_text()
    assert read_control(line) == stop
    path.write_text(line[:-20])  # a machine without power
    assert ask(ledger, "b")
    path.write_text(line + '{"number": 2, "at": "20')  # of another that is being written
    assert ask(ledger, "c").window == "stopped"
    ControlFile(path).append(ROOM, clock.now)
    assert [each.what for each in ControlFile(path).read()] == ["stop", "set"]
    assert ledger.usage(ANN)["user", "hour_usd"][2] == 3 * USD
    path.write_text("rubbish\n" + path.read_text())
    with pytest.warns(RuntimeWarning, match="line 1 is no control"):
        assert ask(ledger, "d").window == "stopped"
    with pytest.raises(DataError, match=r"controls\.jsonl, line 1 is no control"):
        MemoryLedger(HOURLY, controls=path)
    path.unlink()
    assert ask(ledger, "e").window == "stopped"
    with pytest.raises(SettingError, match="folder does not exist"):
        MemoryLedger(HOURLY, controls=tmp_path / "none" / "controls.jsonl")


def test_lines_of_many_who_append_at_once_are_whole_and_numbered(tmp_path):
    path = tmp_path / "controls.jsonl"

    def append():
        for _ in range(10):
            ControlFile(path).append(STOP, 0)

    threads = [threading.Thread(target=append) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.number for each in ControlFile(path).read()] == list(range(1, 81))


@pytest.fixture
def redis_of(servers):
    server = servers["redis-6.2"]
    with server.client() as client, away_from_the_hours_end():
        client.flushall()
        yield lambda policy=HOURLY, **keys: RedisLedger(policy, server.client(), **keys), client


def test_orders_cost_no_round_trip_of_their_own(redis_of):
    make, client = redis_of
    ledger, beside = make(), make()
    ledger.rebuild(None)
    for _ in range(3):
        beside.operate(ROOM)
    beside.operate(STOP)

    def scripts():
        told = client.info("commandstats")
        return sum(
            told.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha")
        )

    ask(ledger, "warm")
    before = scripts()
    for n in range(10):
        assert ask(ledger, f"{n}").window == "stopped"
        assert ask(ledger, f"bob {n}", 0.1, Scopes("bob"))
    assert scripts() - before == 20
    beside.operate(STOP)
    before = scripts()
    ask(ledger, "changed")
    assert scripts() - before == 3  # told so, read, decided


def test_a_stop_holds_while_redis_is_away_and_before_slices(servers):
    policy = parse_limits({"name": "s", "user": {"hour_usd": 1}, "outage": {"user": 0.5}})
    with serving(bundled()) as server:
        ledger = RedisLedger(policy, server.client(), cooldown_seconds=3600)
        ledger.rebuild(None)
        ledger.operate(STOP)
        ledger.operate(Control("grant", Target("user", "eve"), "max", "demo", add_usd=1.0,
                               lasts_us=HOUR))  # fmt: skip
        idle = RedisLedger(policy, server.client(), cooldown_seconds=3600)  # decided nothing yet
        server.kill()
        for each in (ledger, idle):
            assert ask(each, "a").window == "stopped"
            assert ask(each, "b", 0.4, Scopes("bob"))  # the slice
            assert not ask(each, "c", 0.6, Scopes("carl"))
            assert ask(each, "d", 0.6, Scopes("eve"))  # half of what was granted, too
        with pytest.raises(StoreError, match="did not answer"):
            ledger.operate(STOP)
        server.start()
        for each in (ledger, idle):  # empty now
            each._core.breaker.reset()
            assert ask(each, "e").window == "stopped"
        assert idle.rebuild(None) == 0
        fresh = RedisLedger(policy, server.client())
        assert ask(fresh, "f").window == "stopped"
        assert [each.what for each in fresh.standing().controls] == ["stop", "grant"]


def test_orders_that_redis_lost_are_put_back_by_whoever_knows_them(redis_of):
    make, client = redis_of
    ledger, other = make(), make()
    ledger.rebuild(None)
    ledger.operate(STOP)
    assert ask(other, "a").window == "stopped"
    for key in client.keys("*controls") + client.keys("*edition"):  # as an old snapshot
        client.delete(key)
    fresh = make()
    fresh.operate(ROOM)
    assert ask(fresh, "b")  # nobody told it
    assert ask(other, "c").window == "stopped"
    assert ask(fresh, "d").window == "stopped"
    assert {each.what for each in fresh.standing().controls} == {"stop", "set"}
    assert ledger.standing() == fresh.standing()


def test_a_fresh_process_rebuilds_with_the_orders_of_a_file(redis_of, tmp_path):
    make, client = redis_of
    path = tmp_path / "controls.jsonl"
    stop = ControlFile(path).append(STOP, 0)
    ledger = make()
    with pytest.raises(StoreError, match="holds no ledger of tenant 'default'"):
        ledger.operate(STOP)
    assert not client.keys("*")
    ledger.rebuild(None, path)
    assert ledger.standing().controls == (stop,)
    assert ask(make(), "a").window == "stopped"


def test_an_order_of_a_newer_version_is_left_out_with_a_warning(redis_of):
    make, client = redis_of
    ledger = make()
    ledger.rebuild(None)
    ledger.operate(STOP)
    [key] = client.keys("*controls")
    client.rpush(key, '{"number": 2, "at": "2026-01-01T00:00:00Z", "what": "dance"}')
    client.set(key.replace(b"controls", b"edition"), "other")
    with pytest.warns(RuntimeWarning, match="line 2 is no control"):
        assert ask(ledger, "a").window == "stopped"


def test_an_order_whose_answer_is_lost_is_given_once(redis_of):
    make, client = redis_of
    ledger = make()
    ledger.rebuild(None)
    send = ledger._wire.send

    def asked_again(ask, *budget):
        """As the wire does after a reply that was lost on its way."""
        send(ask, *budget)
        return send(ask, *budget)

    ledger._wire.send = asked_again
    taken = ledger.operate(STOP)
    ledger._wire.send = send
    assert ledger.standing().controls == (taken,)
    [key] = client.keys("*controls")
    assert client.llen(key) == 1


def test_a_cap_that_was_lifted_refuses_nothing_while_redis_is_away(servers):
    with serving(bundled()) as server:
        ledger = RedisLedger(HOURLY, server.client(), cooldown_seconds=3600)
        ledger.rebuild(None)
        lift = Control("set", Target("user"), "max", "a demo", cap="hour_usd", value="none")
        ledger.operate(lift)
        assert ask(ledger, "a", 5)
        server.kill()
        assert ask(ledger, "b", 5)
    assert ledger.settle("b", 5 * USD)
    assert ledger.waiting == 1
