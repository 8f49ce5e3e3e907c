"""What lies in Redis: names, times to live, slots of a cluster, and how it is asked."""

from __future__ import annotations

import asyncio
import time

import fakeredis
import pandas as pd
import pytest
import redis
import redis.asyncio

from costsim.errors import DataError, LedgerError, SettingError, StoreError
from costsim.limits import AsyncRedisLedger, RedisLedger, Scopes, load_limits, parse_limits
from costsim.limits.request import Requests
from costsim.limits.store.keys import encoded
from costsim.limits.store.outage import Entry
from tests.limits.faults.case import away_from_the_hours_end
from tests.limits.servers import bundled, serving

USD = 10**9
ANN = Scopes("ann", "free", "chat")
EVERYTHING = parse_limits(
    {
        "name": "all",
        "user": {"hour_usd": 1, "day_calls": 5, "month_tokens": 10**6, "open_calls": 3},
        "tier": {"free": {"day_usd": 4}},
        "feature": {"chat": {"hour_calls": 20}},
        "organisation": {"month_usd": 50, "alert_at": [0.01]},
        "burst": {"minute_calls": 600},
        "lease_seconds": 60,
    }
)


@pytest.fixture
def server(servers):
    return servers["redis-6.2"]


@pytest.fixture
def client(server):
    with server.client() as made, away_from_the_hours_end():
        made.flushall()
        yield made


def contents(client):
    """All bytes that are stored."""
    return {key: client.dump(key) for key in client.keys("*")}


def test_every_key_but_the_marker_expires_and_none_too_early(server, client):
    ledger = RedisLedger(EVERYTHING, server.client(), retention_seconds=3600)
    ledger.rebuild(None)
    for n in range(3):
        ledger.reserve(f"{n}", ANN, [("m", USD // 10)])
    ledger.settle("0", USD // 10)
    ledger.release("1")
    [marker] = [key for key in client.keys("*") if client.ttl(key) == -1]
    assert marker.endswith(b":state")
    lives = {key: client.ttl(key) for key in client.keys("*") if key != marker}
    assert len(lives) == 7 + 3 + 1 + 1  # slots, calls, leases, the user's pace
    assert min(lives.values()) > 3590
    assert max(lives.values()) < 70 * 86_400
    month = next(key for key in lives if b"month_usd" in key)
    start = pd.Timestamp(int(month.rsplit(b":", 1)[1]), unit="s")
    end = (start + pd.DateOffset(months=1)).timestamp()
    assert lives[month] == pytest.approx(end - time.time() + 3600 + 60, abs=3)


def test_a_denied_reserve_changes_no_byte(server, client):
    ledger = RedisLedger(EVERYTHING, server.client())
    ledger.rebuild(None)
    ledger.reserve("a", ANN, [("m", USD)])
    before = contents(client)
    assert not ledger.reserve("b", ANN, [("m", USD // 2), ("n", USD // 3)])
    assert contents(client) == before


def test_one_round_trip_a_call_and_scripts_are_loaded_again(server, client):
    ledger = RedisLedger(EVERYTHING, server.client())
    ledger.rebuild(None)
    for name in ("warm", "cold"):  # the second time the server has forgotten its scripts
        ledger.reserve(name, ANN, [("m", 1)])
        ledger.settle(name, 1)
        client.script_flush()
    ledger.reserve("a", ANN, [("m", 1)])
    ledger.settle("a", 1)
    before = {k: v["calls"] for k, v in client.info("commandstats").items() if "eval" in k}
    ledger.reserve("b", ANN, [("m", 1)])
    ledger.settle("b", 1)
    ledger.usage(ANN)
    after = {k: v["calls"] for k, v in client.info("commandstats").items() if "eval" in k}
    assert after["cmdstat_evalsha"] - before["cmdstat_evalsha"] == 3
    assert after["cmdstat_eval"] - before["cmdstat_eval"] == 1  # usage, for the first time


def test_all_keys_of_a_tenant_lie_in_one_slot_of_a_cluster():
    """A server in cluster mode refuses a script whose keys lie in several slots."""
    with serving(bundled(), "--cluster-enabled", "yes") as server, server.client() as client:
        client.execute_command("CLUSTER ADDSLOTS", *range(16384))
        until = time.monotonic() + 10
        while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            assert time.monotonic() < until
            time.sleep(0.05)
        slots = set()
        for tenant in ("one", "two {three}", "Zo\u00eb"):
            ledger = RedisLedger(EVERYTHING, server.client(), tenant=tenant)
            ledger.rebuild(None)
            with ledger.call("a:{b}", Scopes("x{y}:z", "free", "chat"), [("m", USD // 9)]) as call:
                call.spent(USD // 10)
            keys = [key for key in client.keys("*") if f"{{{encoded(tenant)}}}".encode() in key]
            found = {client.execute_command("CLUSTER KEYSLOT", key) for key in keys}
            assert len(found) == 1
            assert len(keys) >= 8
            slots |= found
        assert len(slots) == 3


def test_names_cannot_run_into_each_other(server, client):
    """Text that looks like a key, long names, and names in two Unicode forms."""
    ledger = RedisLedger(parse_limits({"name": "n", "user": {"day_calls": 1}}), server.client())
    ledger.rebuild(None)
    names = ["a", "a:day_calls", "a b", "{a}", "%", "a" * 64, "a" * 65, "a" * 66, "A", "YQ", "~"]
    for number, name in enumerate(names):
        assert ledger.reserve(f"{number}", Scopes(name), [("m", 1)])
        assert not ledger.reserve(f"again {number}", Scopes(name), [("m", 1)])
    assert max(len(key) for key in client.keys("*")) < 160


def test_what_is_no_single_server_or_not_allowed_is_refused(server):
    policy = load_limits("flat-caps")
    asynchronous = redis.asyncio.Redis(port=server.port)
    with pytest.raises(SettingError, match=r"redis_client must be a redis\.Redis of one server"):
        RedisLedger(policy, asynchronous)
    with pytest.raises(SettingError, match=r"redis\.asyncio\.Redis"):
        AsyncRedisLedger(policy, server.client())
    with pytest.raises(SettingError, match="got str"):
        RedisLedger(policy, "redis://localhost")
    for wrong, words in [
        ({"deadline_seconds": 0}, "deadline_seconds must be from"),
        ({"cooldown_seconds": 0}, "cooldown_seconds must be above 0"),
        ({"mode": "maybe"}, "mode must be one of"),
        ({"prefix": "a{b}"}, "prefix must be ASCII without braces"),
        ({"tenant": ""}, "tenant must have"),
        ({"retention_seconds": 5}, "retention_seconds must be at least the lease"),
    ]:
        with pytest.raises(SettingError, match=words):
            RedisLedger(policy, server.client(), **wrong)
    with pytest.raises(SettingError, match=r"outage\.user"):
        parse_limits({"name": "o", "outage": {"user": 2}})


def test_a_server_that_is_away_at_the_start_is_an_outage_and_usage_says_so(server):
    ledger = RedisLedger(load_limits("flat-caps"), redis.Redis(port=1), cooldown_seconds=60)
    denied = ledger.reserve("a", ANN, [("m", 1)])
    assert (denied.window, denied.retry_after_seconds) == ("outage", 60)
    assert ledger.away
    with pytest.raises(StoreError, match="did not answer"):
        ledger.usage(ANN)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (b"redis_version:6.0.16\r\nmaxmemory_policy:noeviction", "6.2 or newer; got 6.0.16"),
        (b"redis_version:5.0.7\r\nmaxmemory_policy:noeviction", "6.2 or newer; got 5.0.7"),
        (b"redis_version:7.2.4\r\nmaxmemory_policy:volatile-ttl", "'noeviction'.*'volatile-ttl'"),
        (b"redis_version:10.0.0\r\nmaxmemory_policy:noeviction", ""),
    ],
)
def test_old_and_evicting_servers_are_unfit(info, words):
    ledger = RedisLedger(EVERYTHING, fakeredis.FakeRedis(), startup_check=False)
    ledger._core._checked = False
    steps = ledger._core.ready()
    assert next(steps).command == b"*1\r\n$4\r\nINFO\r\n"
    if words:
        with pytest.raises(StoreError, match=words):
            steps.send(info)
    else:
        with pytest.raises(StopIteration):
            steps.send(info)


def test_a_reserve_that_arrives_after_it_was_given_up_holds_nothing(server, client):
    """Its tombstone is there first; the same id asked for anew is another attempt."""
    ledger = RedisLedger(EVERYTHING, server.client())
    ledger.rebuild(None)
    core = ledger._core
    request = Requests(EVERYTHING).checked("a", ANN, [("m", USD // 2)], 0, None)
    late = core._reserve_ask(request, b"given-up", core.now(), core.view)
    core.outbox["a"] = Entry("cancel", "a", attempt=b"given-up")
    assert ledger.flush() == 0
    assert ledger._wire.send(late).startswith(b"K ")
    assert ledger.usage(ANN)["user", "hour_usd"][:2] == (0, 0)
    assert ledger.reserve("a", ANN, [("m", USD // 2)])
    assert ledger.usage(ANN)["user", "hour_usd"][:2] == (0, USD // 2)


def test_a_slice_counts_the_tokens_of_all_answers():
    policy = {"name": "t", "user": {"day_tokens": 3000}, "outage": {"user": 0.5}}
    ledger = RedisLedger(parse_limits(policy), redis.Redis(port=1), cooldown_seconds=60)
    asked = {"input_tokens": 100, "max_output_tokens": 500}
    assert not ledger.reserve("a", ANN, [("m", 1)], choices=3, **asked)
    assert ledger.reserve("b", ANN, [("m", 1)], choices=2, **asked)
    assert not ledger.reserve("c", ANN, [("m", 1)], **asked)  # 1,100 of 1,500 are held


def test_soft_budgets_refuse_nothing_while_redis_is_away():
    soft = {"name": "s", "enforce_organisation": False, "organisation": {"month_usd": 1}}
    ledger = RedisLedger(parse_limits(soft), redis.Redis(port=1), cooldown_seconds=60)
    assert ledger.reserve("a", ANN, [("m", 5 * USD)])
    assert ledger.settle("a", 5 * USD)
    assert not ledger.settle("a", 5 * USD)
    assert ledger.waiting == 1


def records(**columns):
    now = pd.Timestamp.now(tz="UTC")
    frame = {
        "call_id": ["a", "b", "c", "d"], "timestamp": now, "status": "ok", "source": "test",
        "user_id": ["ann", "ann", None, "ann"], "user_tier": ["free", "free", None, "pro"],
        "feature_name": ["chat", "other", "chat", "chat"],
        "total_cost_nano": [USD // 10, USD // 5, USD // 2, 0], "input_tokens": [10, 20, 30, 40],
        "output_tokens": 5,
    }  # fmt: skip
    return pd.DataFrame(frame | columns)


def test_rebuilt_windows_are_the_sums_of_their_calls(server, client):
    ledger = RedisLedger(EVERYTHING, server.client())
    status = ["ok", "ok", "ok", "denied"]
    assert ledger.rebuild(records(status=status)) == 3
    usage = {cap: taken[0] for cap, taken in ledger.usage(ANN).items()}
    assert usage == {
        ("user", "hour_usd"): 3 * USD // 10,
        ("user", "day_calls"): 2,
        ("user", "month_tokens"): 40,
        ("user", "open_calls"): 0,
        ("tier", "day_usd"): 3 * USD // 10,
        ("feature", "hour_calls"): 2,
        ("organisation", "month_usd"): 8 * USD // 10,
    }
    assert ledger.usage(Scopes(None))["user", "hour_usd"][0] == USD // 2
    assert (ledger.month().reached, ledger.alerts) == (1, [])  # on, and told before
    assert not ledger.settle("a", USD)  # its record is in the sums
    with pytest.raises(LedgerError, match="holds a ledger of tenant 'default'"):
        ledger.rebuild(None)
    other = RedisLedger(EVERYTHING, server.client(), tenant="other")
    with pytest.raises(DataError, match="1 calls have no total_cost_nano"):
        other.rebuild(records(total_cost_nano=pd.array([1, 2, None, 4], dtype="Int64")))
    errors = ["ok", "ok", "ok", "error"]
    for lost in (
        {"status": errors, "total_cost_nano": pd.array([None, 2, 3, 0], dtype="Int64")},
        {"status": errors, "total_cost_nano": pd.array([1, 2, 3, None], dtype="Int64")},
        {"status": "aborted", "total_cost_nano": pd.array([1, 2, 3, None], dtype="Int64")},
    ):  # what others cost makes up for no unknown one; tokens of a failed call were used
        with pytest.raises(DataError, match="1 calls have no total_cost_nano"):
            other.rebuild(records(**lost))
    with pytest.raises(StoreError, match="holds no ledger of tenant 'other'"):
        other.usage(ANN)  # nothing half-filled is served
    refused = {
        "status": errors,
        "input_tokens": [10, 20, 30, None],
        "output_tokens": [5, 5, 5, None],
    }
    refused["total_cost_nano"] = pd.array([USD // 10, 2, 3, None], dtype="Int64")
    assert other.rebuild(records(**refused)) == 4  # a call that the provider refused has no bill
    assert other.usage(Scopes("ann", "pro"))["user", "hour_usd"][0] == USD // 10 + 2


def test_one_level_is_alerted_once_to_one_process(server, client):
    ledgers = [RedisLedger(EVERYTHING, server.client()) for _ in range(3)]
    ledgers[0].rebuild(None)
    for n in range(9):
        who = Scopes(f"user {n}")
        ledgers[n % 3].reserve(f"{n}", who, [("m", USD // 8)])
        ledgers[n % 3].settle(f"{n}", USD // 8)
    told = [alert for ledger in ledgers for alert in ledger.alerts]
    assert [(alert.share, alert.level_nano) for alert in told] == [(0.01, USD // 2)]


def test_tasks_of_one_loop_wait_their_turn(server, client):
    async def run():
        # a busy machine stalls the loop; that is no outage here
        ledger = AsyncRedisLedger(
            EVERYTHING, redis.asyncio.Redis(port=server.port), deadline_seconds=5
        )
        await ledger.rebuild(None)
        asked = (ledger.reserve(f"{n}", Scopes(f"{n}"), [("m", 1)]) for n in range(300))
        answers = await asyncio.gather(*asked)
        await ledger.close()
        return answers

    assert all(asyncio.run(run()))
    assert len(client.client_list()) < 40
