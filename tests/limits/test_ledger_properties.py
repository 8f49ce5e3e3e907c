"""Any order of reserve, settle, release and time: a dictionary of exact integers agrees."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from costsim.limits import MemoryLedger, Scopes, parse_limits
from costsim.limits.policy import nano

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

    @initialize()
    def begin(self):
        self.now = 470_000 * HOUR
        year = 366 * 24 * 3600  # nothing is forgotten meanwhile
        self.ledger = MemoryLedger(POLICY, clock=lambda: self.now, retention_seconds=year)
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
        if not hasattr(self, "ledger"):
            return
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


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
