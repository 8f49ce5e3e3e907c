"""What every ledger keeps: holds, settles, leases, windows, identities, many at once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from costsim.errors import LedgerError, SettingError
from costsim.limits import Scopes, parse_limits

USD = 10**9
HOUR = 3_600_000_000
ANN = Scopes("ann", "free", "chat")


@pytest.fixture
def ledger_of(maker, clock):
    def make(mode="enforce", **keys):
        policy = parse_limits({"name": "t", "user": {"hour_usd": 1}} | keys)
        return maker(policy, clock, mode=mode)

    return make


def ask(ledger, call, usd=0.25, who=ANN, **keys):
    return ledger.reserve(call, who, [("m", round(usd * USD))], **keys)


def used(ledger, who=ANN, cap=("user", "hour_usd")):
    return ledger.usage(who)[cap][:2]


def test_a_hold_is_replaced_by_what_the_call_cost(ledger_of):
    ledger = ledger_of()
    assert ask(ledger, "a", 0.6)
    assert used(ledger) == (0, 600_000_000)
    assert ledger.settle("a", 200_000_000)
    assert used(ledger) == (200_000_000, 0)
    assert not ledger.settle("a", 200_000_000)  # once, however often
    assert not ledger.release("a")
    assert used(ledger) == (200_000_000, 0)


def test_a_denial_changes_nothing_and_says_whose_limit_and_when(ledger_of, clock):
    ledger = ledger_of(lease_seconds=3600)
    ask(ledger, "a", 0.9)
    clock.now += HOUR // 4
    before = used(ledger)
    denied = ask(ledger, "b", 0.2)
    assert not denied
    assert (denied.scope, denied.window, denied.cap) == ("user", "hour", "hour_usd")
    assert denied.by_holds
    assert denied.retry_after_seconds == 2700
    assert used(ledger) == before
    clock.now = denied.retry_at_us
    assert ask(ledger, "b", 0.2)  # the moment that it names admits
    too_large = ask(ledger, "c", 1.5)
    assert too_large.retry_at_us is None


def test_a_released_hold_is_gone(ledger_of):
    ledger = ledger_of()
    ask(ledger, "a", 1.0)
    assert not ask(ledger, "b", 0.1)
    assert ledger.release("a")
    assert ask(ledger, "b", 1.0)


def test_the_same_call_again_gets_the_same_answer_and_another_under_its_id_an_error(ledger_of):
    ledger = ledger_of()
    one = ask(ledger, "a", 0.5)
    assert ask(ledger, "a", 0.5) == one
    assert used(ledger) == (0, 500_000_000)
    with pytest.raises(LedgerError, match="was used for another call"):
        ask(ledger, "a", 0.6)
    with pytest.raises(LedgerError, match="is not known"):
        ledger.settle("never", 1)


def test_a_settle_after_the_hour_charges_the_hour_of_the_reservation(ledger_of, clock):
    ledger = ledger_of(user={"hour_usd": 1, "day_usd": 5})
    ask(ledger, "a", 0.5)
    clock.now += HOUR
    ledger.settle("a", USD // 2)
    assert used(ledger) == (0, 0)  # the new hour owes nothing
    assert used(ledger, cap=("user", "day_usd")) == (USD // 2, 0)


def test_a_lease_that_runs_out_charges_the_hold_and_a_late_settle_corrects_it(ledger_of, clock):
    ledger = ledger_of(lease_seconds=60)
    ask(ledger, "a", 0.8)
    clock.now += 59_999_999
    assert used(ledger) == (0, 800_000_000)
    clock.now += 1
    assert used(ledger) == (800_000_000, 0)
    assert not ask(ledger, "b", 0.3)
    assert ledger.settle("a", 100_000_000)
    assert used(ledger) == (100_000_000, 0)
    assert ask(ledger, "b", 0.3)


def test_all_windows_of_all_scopes_or_none(ledger_of):
    ledger = ledger_of(
        user={"hour_usd": 1, "day_calls": 5},
        tier={"free": {"hour_usd": 10}},
        feature={"chat": {"day_tokens": 1000}},
        organisation={"month_usd": 0.1},
    )
    denied = ask(ledger, "a", 0.2, input_tokens=10, max_output_tokens=10)
    assert (denied.scope, denied.window) == ("organisation", "month")
    assert all(entry[:2] == (0, 0) for entry in ledger.usage(ANN).values())
    assert ask(ledger, "b", 0.05, input_tokens=10, max_output_tokens=10)
    assert {cap: held for cap, (_, held, _) in ledger.usage(ANN).items()} == {
        ("user", "hour_usd"): 50_000_000,
        ("user", "day_calls"): 1,
        ("tier", "hour_usd"): 50_000_000,
        ("feature", "day_tokens"): 20,
        ("organisation", "month_usd"): 50_000_000,
    }


def test_candidates_in_order_the_first_that_fits_is_held(ledger_of):
    ledger = ledger_of()
    models = [("dear", 2 * USD), ("middle", USD // 2), ("cheap", USD // 10)]
    granted = ledger.reserve("a", ANN, models)
    assert (granted.candidate, granted.model, granted.held_nano) == (1, "middle", USD // 2)
    assert ledger.reserve("b", ANN, models).model == "middle"
    ledger.settle("a", USD // 2)
    assert not ledger.reserve("c", ANN, models)


def test_calls_in_flight_and_request_caps(ledger_of):
    ledger = ledger_of(
        user={"open_calls": 2}, request={"max_input_tokens": 100, "max_output_tokens": 50}
    )
    assert ask(ledger, "a")
    assert ask(ledger, "b")
    denied = ask(ledger, "c")
    assert (denied.cap, denied.by_holds, denied.retry_after_seconds) == ("open_calls", False, 1.0)
    ledger.settle("a", 1)
    assert ask(ledger, "c")
    large = ask(ledger, "d", input_tokens=101)
    assert (large.scope, large.window, large.retry_at_us) == ("request", "input_tokens", None)
    # a request too long by itself is refused before any ledger looks at its id
    assert ask(ledger, "b", input_tokens=101) == large


def test_nobody_is_a_user_of_its_own(ledger_of):
    ledger = ledger_of()
    nobody = Scopes(None)
    assert ask(ledger, "a", 1.0, nobody)
    assert not ask(ledger, "b", 0.1, nobody)
    assert ask(ledger, "c", 1.0, ANN)
    assert ask(ledger, "d", 1.0, Scopes("None"))


def test_the_same_name_in_two_unicode_forms_is_one_user(ledger_of):
    ledger = ledger_of()
    assert ask(ledger, "a", 1.0, Scopes("Zo\u00eb"))
    assert not ask(ledger, "b", 0.1, Scopes("Zoe\u0308"))


@pytest.mark.parametrize(
    ("call", "who", "bound", "words"),
    [
        ("a", Scopes(""), 1, "user must have 1 to 512 characters"),
        ("a", Scopes("ann\n"), 1, "user must not hold control characters"),
        ("a", Scopes(7), 1, "user must be text; got 7"),
        ("a", Scopes("x" * 513), 1, "user must have 1 to 512 characters; got 513"),
        ("", ANN, 1, "call_id must have"),
        (None, ANN, 1, "call_id must be text; got None"),
        ("a", ANN, -1, "upper bound of m"),
        ("a", ANN, True, "upper bound of m"),
        ("a", ANN, 0.5, "upper bound of m"),
        ("a", ANN, float("nan"), "upper bound of m"),
        ("a", ANN, 2**60, "upper bound of m"),
        ("a", "ann", 1, "scopes must be Scopes"),
    ],
)
def test_bad_input_is_refused_before_anything_is_held(ledger_of, call, who, bound, words):
    ledger = ledger_of()
    with pytest.raises(SettingError, match=words):
        ledger.reserve(call, who, [("m", bound)])
    assert used(ledger) == (0, 0)
    ask(ledger, "good")
    for cost in (-1, None, 0.1, True):
        with pytest.raises(SettingError, match="cost_nano"):
            ledger.settle("good", cost)
    assert used(ledger) == (0, 250_000_000)


def test_alerts_once_a_month_in_rising_order(ledger_of, clock):
    ledger = ledger_of(
        user={}, enforce_organisation=False,
        organisation={"month_usd": 1, "alert_at": [0.5, 0.8, 1.0]},
    )  # fmt: skip
    for n in range(20):
        ask(ledger, f"{n}", 0.3)
        ledger.settle(f"{n}", 3 * USD // 10)
    assert [alert.share for alert in ledger.alerts] == [0.5, 0.8, 1.0]
    clock.now += 40 * 24 * HOUR
    ask(ledger, "next", 0.6)
    ledger.settle("next", 6 * USD // 10)
    assert [alert.share for alert in ledger.alerts] == [0.5, 0.8, 1.0, 0.5]


@pytest.mark.parametrize("calls", [50, 200])
def test_many_at_once_never_pass_the_limit(maker, ledger_of, calls):
    ledger = ledger_of()
    if maker.asynchronous:
        every = every_task(ledger.asynchronous, calls)
        granted = sum(map(bool, ledger._runner.run(every)))
    else:
        with ThreadPoolExecutor(50) as pool:
            granted = sum(map(bool, pool.map(lambda n: ask(ledger, f"{n}"), range(calls))))
    assert granted == 4
    assert used(ledger) == (0, USD)


async def every_task(ledger, calls):
    return await asyncio.gather(*(ask(ledger, f"{n}") for n in range(calls)))


def test_a_resolved_call_is_forgotten_after_its_retention(ledger_of, clock):
    ledger = ledger_of()
    ask(ledger, "a")
    ledger.settle("a", 1)
    clock.now += 47 * HOUR
    assert not ledger.settle("a", 1)
    clock.now += HOUR
    with pytest.raises(LedgerError, match="is not known"):
        ledger.settle("a", 1)


def test_observing_refuses_nothing_and_tells_what_it_would(ledger_of):
    ledger = ledger_of(mode="observe", request={"max_input_tokens": 100})
    assert ask(ledger, "a", 0.8)
    assert ask(ledger, "b", 0.5).held_nano == USD // 2
    assert ask(ledger, "b", 0.5)  # asked again: observed once
    assert ask(ledger, "c", 0.1, input_tokens=101)
    found = [(seen.call_id, seen.scopes, seen.denied.cap) for seen in ledger.observed]
    assert found == [("b", ANN, "hour_usd"), ("c", ANN, "max_input_tokens")]
    assert ledger.observed[0].denied.by_holds
    assert used(ledger) == (0, 1_400_000_000)
    ledger.settle("b", 3 * USD)
    assert used(ledger) == (3 * USD, 900_000_000)


def test_a_clock_that_steps_back_stands_still(ledger_of, clock):
    ledger = ledger_of(lease_seconds=60)
    ask(ledger, "a", 0.5)
    clock.now -= 2 * HOUR
    assert used(ledger) == (0, USD // 2)  # not a fresh hour
    assert not ask(ledger, "b", 0.6)
    assert ask(ledger, "c", 0.5)
    clock.now += 2 * HOUR + 60_000_000
    assert used(ledger) == (USD, 0)  # both leases ran out, no earlier and no later


def test_hours_and_days_of_clock_changes(ledger_of, clock):
    """2024-10-27 in Berlin has 25 hours, and its second 2 o'clock is an hour of its own."""
    ledger = ledger_of(user={"hour_usd": 1, "day_usd": 2.5}, time_zone="Europe/Berlin")
    start = 1_729_980_000_000_000  # 2024-10-26T22:00Z, midnight there
    clock.now = start + 2 * HOUR + HOUR // 2
    for n in range(2):
        assert ask(ledger, f"first {n}", 0.5)
    assert ask(ledger, "early", 0.1).retry_at_us == start + 3 * HOUR
    clock.now = start + 3 * HOUR
    for n in range(2):
        assert ask(ledger, f"second {n}", 0.5)
    clock.now = start + 24 * HOUR + HOUR // 2  # 23:30 of the same day
    denied = ask(ledger, "late", 0.6)
    assert (denied.cap, denied.retry_at_us) == ("day_usd", start + 25 * HOUR)
    clock.now = start + 25 * HOUR
    assert ask(ledger, "late", 0.6)


def test_a_block_resolves_its_hold_however_it_ends(maker, ledger_of):
    ledger = ledger_of()
    if maker.asynchronous:
        pytest.skip("the asyncio blocks have a test of their own")
    with ledger.call("a", ANN, [("m", USD // 4)]) as call:
        assert call.granted.model == "m"
        call.spent(USD // 10)
    assert used(ledger) == (USD // 10, 0)
    with pytest.raises(KeyboardInterrupt), ledger.call("b", ANN, [("m", USD // 4)]):
        raise KeyboardInterrupt
    assert used(ledger) == (USD // 10 + USD // 4, 0)  # nobody knows: the hold is charged

    def refused():
        with ledger.call("c", ANN, [("m", USD // 4)]) as call:
            call.not_made()
            raise OSError("refused")

    with pytest.raises(OSError, match="refused"):
        refused()
    assert used(ledger) == (USD // 10 + USD // 4, 0)

    def stream():
        with ledger.call("d", ANN, [("m", USD // 4)]) as call:
            for chunk in range(1, 9):
                call.spent(chunk * USD // 100)
                yield chunk

    chunks = stream()
    assert [next(chunks), next(chunks)] == [1, 2]
    chunks.close()  # abandoned
    assert used(ledger) == (USD // 10 + USD // 4 + 2 * USD // 100, 0)
    with ledger.call("e", ANN, [("m", USD)]) as call:
        assert not call
        assert call.denied.cap == "hour_usd"
        with pytest.raises(LedgerError, match="was denied"):
            _ = call.granted


def test_a_cancelled_task_and_an_abandoned_async_stream_resolve_their_holds(maker, ledger_of):
    if not maker.asynchronous:
        pytest.skip("for asyncio")
    awaited = ledger_of()
    ledger = awaited.asynchronous

    async def never_ends():
        async with ledger.call("a", ANN, [("m", USD // 4)]) as call:
            call.spent(USD // 10)
            await asyncio.sleep(3600)

    async def stream():
        async with ledger.call("b", ANN, [("m", USD // 4)]) as call:
            for chunk in range(1, 9):
                call.spent(chunk * USD // 100)
                yield chunk

    async def both():
        task = asyncio.create_task(never_ends())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        chunks = stream()
        assert await anext(chunks) == 1
        await chunks.aclose()
        async with ledger.call("c", ANN, [("m", 2 * USD)]) as call:
            assert not call

    awaited._runner.run(both())
    assert used(awaited) == (USD // 10 + USD // 100, 0)
