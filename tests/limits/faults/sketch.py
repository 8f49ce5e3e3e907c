"""The story's limiter, as short as it shows what it does: check, call, then record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any


class Sketch:
    """Float dollars a user and window, by the caller's local clock; $1 an hour, $5 a day."""

    def __init__(self, client: Any, now: Callable[[], datetime] = datetime.now) -> None:
        self.redis, self._now = client, now

    def allowed(self, user: Any) -> bool:
        now = self._now()
        hour = float(self.redis.get(f"user_cost_hour:{user}:{now:%Y%m%d%H}") or 0)
        day = float(self.redis.get(f"user_cost_day:{user}:{now:%Y%m%d}") or 0)
        return hour < 1.00 and day < 5.00

    def record(self, user: Any, usd: float) -> None:
        now, pipe = self._now(), self.redis.pipeline()
        for window, keep in (
            (f"hour:{user}:{now:%Y%m%d%H}", 7_200),
            (f"day:{user}:{now:%Y%m%d}", 172_800),
            (f"month:{user}:{now:%Y%m}", 3_024_000),
        ):
            pipe.incrbyfloat(f"user_cost_{window}", usd)
            pipe.expire(f"user_cost_{window}", keep)
        pipe.execute()

    def spent(self, user: Any, now: datetime | None = None) -> float:
        """Dollars of this hour."""
        when = now or self._now()
        return float(self.redis.get(f"user_cost_hour:{user}:{when:%Y%m%d%H}") or 0)
