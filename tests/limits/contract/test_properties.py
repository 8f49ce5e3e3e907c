"""Any order of reserve, settle, release and time: a dictionary of exact integers agrees.

On every ledger: in process, on Redis scripts in fakeredis, and on real servers.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from costsim.errors import LedgerError
from costsim.limits import Control, MemoryLedger, Scopes, Target, parse_limits
from costsim.limits.policy import CAP_NAMES, nano
from costsim.limits.windows import instant_us

HOUR = 3_600_000_000
LEASE = 120_000_000
USERS = ["ann", "bob", None]
CAPS = {("user", HOUR): nano(1), ("user", 24 * HOUR): nano(2), ("all", 24 * HOUR): nano(3)}
POLICY = parse_limits(
    {
        "name": "p",
        "user": {"hour_usd": 1, "day_usd": 2},
        "organisation": {"day_usd": 3},
        "lease_seconds": LEASE / 1e6,
    }
)


class Ledger(RuleBasedStateMachine):
    """The model adds up what each call holds or has settled, window by window, from scratch."""

    def __init__(self, maker):
        super().__init__()
        self.now = 470_000 * HOUR
        year = 366 * 24 * 3600  # nothing is forgotten meanwhile
        self.ledger = maker(POLICY, lambda: self.now, retention_seconds=year)
        self.calls = {}  # id -> [user, reserved at, held, settled or None, state]

    def taken(self, user, kind, width, at):
        """Settled and held of a window in the model."""
        settled = held = 0
        for who, when, bound, cost, state in self.calls.values():
            if (kind == "user" and who != user) or when // width != at // width:
                continue
            if state == "held" and when + LEASE > self.now:
                held += bound
            elif state == "held":
                settled += bound  # its lease ran out
            elif state == "settled":
                settled += cost
        return settled, held

    @rule(user=st.sampled_from(USERS), bound=st.integers(0, nano(1.2)))
    def reserve(self, user, bound):
        room = all(
            sum(self.taken(user, kind, width, self.now)) + bound <= limit
            for (kind, width), limit in CAPS.items()
        )
        name = f"call-{len(self.calls)}"
        before = self.ledger.usage(Scopes(user))
        answer = self.ledger.reserve(name, Scopes(user), [("m", bound)])
        assert bool(answer) == room
        if room:
            self.calls[name] = [user, self.now, bound, 0, "held"]
            assert self.ledger.reserve(name, Scopes(user), [("m", bound)]) == answer
        else:
            assert self.ledger.usage(Scopes(user)) == before

    @rule(which=st.integers(0, 200), share=st.floats(0, 1), resolve=st.sampled_from("sr"))
    def resolve(self, which, share, resolve):
        if not self.calls:
            return
        name = list(self.calls)[which % len(self.calls)]
        call = self.calls[name]
        lapsed = call[1] + LEASE <= self.now
        if resolve == "s":
            done = self.ledger.settle(name, int(call[2] * share))
            assert done == (call[4] == "held")
            if done:
                call[3], call[4] = int(call[2] * share), "settled"
        else:
            done = self.ledger.release(name)
            assert done == (call[4] == "held" and not lapsed)
            if done:
                call[4] = "released"

    @rule(step=st.sampled_from([1, LEASE // 2, LEASE, HOUR // 3, HOUR, 9 * HOUR]))
    def wait(self, step):
        self.now += step

    @invariant()
    def agrees(self):
        for user in USERS:
            usage = self.ledger.usage(Scopes(user))
            for (kind, width), cap in zip(
                CAPS, [("user", "hour_usd"), ("user", "day_usd"), ("organisation", "day_usd")],
                strict=True,
            ):  # fmt: skip
                settled, held, limit = usage[cap]
                assert (settled, held) == self.taken(user, kind, width, self.now)
                assert 0 <= settled + held <= limit
                assert min(settled, held) >= 0


def test_every_order_of_events_adds_up(maker):
    examples = {"memory": 60, "fake": 8}.get(maker.kind, 8 if maker.asynchronous else 20)
    run_state_machine_as_test(
        lambda: Ledger(maker),
        settings=settings(max_examples=examples, stateful_step_count=40, deadline=None),
    )


POLICIES = [
    {"user": {"hour_usd": 1, "day_usd": 2.5, "month_usd": 6}, "time_zone": "America/New_York"},
    {
        "user": {
            "hour_usd": 1, "hour_calls": 6, "open_calls": 3,
            "by_tier": {"pro": {"hour_usd": 2}}, "by_user": {"bob": {"day_tokens": 9000}},
        },
        "tier": {"free": {"day_usd": 3}},
        "feature": {"chat": {"day_tokens": 20_000, "open_calls": 4}},
        "organisation": {"month_usd": 5, "alert_at": [0.3, 0.6, 0.9]},
        "request": {"max_input_tokens": 2000, "max_output_tokens": 500},
        "time_zone": "Europe/Berlin",
    },
    {
        "user": {"hour_usd": 2}, "enforce_organisation": False,
        "organisation": {"month_usd": 2, "day_calls": 5, "alert_at": [0.5, 1.0]},
        "time_zone": "Australia/Lord_Howe",  # its clocks change by half an hour
    },
    {
        "user": {"day_usd": 2, "open_calls": 4},
        "feature": {
            "chat": {"downgrade_to": ["m1", "m2"], "critical": False},
            "other": {"critical": False},
        },
        "organisation": {
            "month_usd": 4, "day_calls": 9, "alert_at": [0.2],
            "ladder": [
                {"at": 0.3, "do": "downgrade"}, {"at": 0.3, "do": "warn"},
                {"at": 0.5, "do": "shut", "features": ["other"]}, {"at": 0.7, "do": "shut"},
            ],
        },
        "burst": {"minute_calls": 2, "at_once": 3, "by_tier": {"pro": {"minute_calls": 1}}},
        "time_zone": "America/New_York",
    },
    {
        "enforce_organisation": False,
        "feature": {"chat": {"downgrade_to": ["m1"]}},
        "organisation": {
            "month_usd": 2,
            "ladder": [
                {"at": 0.5, "do": "downgrade", "features": ["chat"]}, {"at": 1.2, "do": "deny"},
            ],
        },
        "burst": {"minute_calls": 1, "at_once": 1, "by_user": {"ann": {"minute_calls": 90}}},
    },
]  # fmt: skip
# An hour before the clocks of each change, there and back, and before a month's end.
STARTS = ["2024-03-10T06:30", "2024-11-03T04:30", "2024-03-30T23:30", "2024-10-26T23:30",
          "2024-04-06T14:10", "2024-10-05T14:50", "2024-02-29T22:50"]  # fmt: skip
WHO = st.builds(
    Scopes,
    st.sampled_from(["ann", "bob", None, "Zo\u00eb", "x" * 70]),
    st.sampled_from(["free", "pro", None]),
    st.sampled_from(["chat", "other", None]),
)
CALL = st.integers(0, 12).map("call {}".format)
TARGETS = st.one_of(
    st.builds(Target, st.just("user"), st.sampled_from([None, "ann", "bob", "Zo\u00eb"])),
    st.builds(Target, st.just("user"), st.none(), st.sampled_from(["free", "pro"])),
    st.builds(Target, st.just("tier"), st.sampled_from(["free", "pro"])),
    st.builds(Target, st.just("feature"), st.sampled_from(["chat", "other"])),
    st.just(Target("organisation")),
)
LASTS = [None, 1, LEASE, HOUR // 4, 3 * HOUR, 20 * HOUR]


@st.composite
def orders(draw):
    """What is allowed: of a drawn one, or its nearest."""
    what, target = draw(st.sampled_from(["set", "set", "stop", "start", "grant"])), draw(TARGETS)
    keys = {"lasts_us": draw(st.sampled_from(LASTS))}
    if what == "set":
        keys["cap"] = draw(st.sampled_from(CAP_NAMES))
        usd = st.sampled_from([0.3, 1.1, 4.0])
        most = usd if keys["cap"].endswith("usd") else st.sampled_from([2, 5, 9000])
        keys["value"] = draw(st.one_of(most, most, st.sampled_from(["none", "file"])))
    elif target == Target("user"):
        target = Target("user", "ann")
    elif what != "grant" and target.tier is not None:
        target = Target("tier", target.tier)
    if what == "grant":
        keys["lasts_us"] = keys["lasts_us"] or HOUR
        keys |= draw(st.sampled_from([{"add_usd": 0.7}, {"factor": 1.3}, {"factor": 3.0}]))
    return Control(what, target, "max", "a trial", **keys)


EVENTS = st.one_of(
    st.tuples(
        st.just("reserve"), CALL, WHO,
        st.lists(st.integers(0, nano(1.2)), min_size=1, max_size=3),
        st.integers(0, 2500), st.one_of(st.none(), st.integers(0, 800)),
    ),
    st.tuples(
        st.just("settle"), CALL, st.integers(0, nano(1.5)), st.one_of(st.none(), st.just(700))
    ),
    st.tuples(st.just("release"), CALL),
    st.tuples(st.just("usage"), WHO),
    st.tuples(st.just("operate"), orders()),
    # levels to alert are those of a process's last decision: no budgets from elsewhere
    st.tuples(
        st.just("elsewhere"), orders().filter(lambda order: order.target.scope != "organisation")
    ),
    st.tuples(
        st.just("wait"), st.sampled_from([0, 1, LEASE // 2, LEASE, HOUR // 4, HOUR, 9 * HOUR])
    ),
)  # fmt: skip


def answer(ledger, event, beside=None):
    verb, *rest = event
    try:
        if verb == "reserve":
            call, who, bounds, tokens, most = rest
            models = [(f"m{n}", bound) for n, bound in enumerate(bounds)]
            return ledger.reserve(call, who, models, input_tokens=tokens, max_output_tokens=most)
        if verb == "operate":
            return replace(ledger.operate(*rest), key="")
        if verb == "elsewhere":
            return replace((beside or ledger).operate(*rest), key="")
        return getattr(ledger, verb)(*rest)
    except LedgerError as error:
        return str(error)


def test_all_ledgers_answer_a_trace_alike(maker):
    """Also over hours, days, months, clock changes, leases, orders, and what is forgotten."""
    if maker.kind == "memory":
        pytest.skip("the others are held to it")

    @settings(max_examples=40 if maker.kind == "fake" else 80, deadline=None)
    @given(
        keys=st.sampled_from(POLICIES),
        start=st.sampled_from(STARTS),
        mode=st.sampled_from(["enforce", "enforce", "observe"]),
        events=st.lists(EVENTS, max_size=40),
    )
    def alike(keys, start, mode, events):
        policy = parse_limits({"name": "p", "lease_seconds": LEASE / 1e6} | keys)
        now = instant_us(datetime.fromisoformat(start).replace(tzinfo=UTC))
        settings = {"mode": mode, "retention_seconds": 7200}
        ours = MemoryLedger(policy, clock=lambda: now, **settings)
        theirs, beside = maker.pair(policy, lambda: now, **settings)
        for event in events:
            if event[0] == "wait":
                now += event[1]
                continue
            assert answer(theirs, event, beside) == answer(ours, event), event
        assert list(theirs.observed) == list(ours.observed)
        # a level is told to the process that was at work when it was reached
        together = theirs.alerts if beside is None else [*theirs.alerts, *beside.alerts]
        reached = [
            sorted((alert.at_us, alert.share, alert.level_nano, alert.action) for alert in alerts)
            for alerts in (together, ours.alerts)
        ]
        assert reached[0] == reached[1]
        assert theirs.standing().rules == ours.standing().rules

    alike()
