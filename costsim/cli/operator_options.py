"""What the commands of the operator's hand have in common: options, and the ledger they mean."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costsim.errors import DataError, SettingError, StoreError

if TYPE_CHECKING:
    from costsim.limits import Policy

LimitsFile = Annotated[
    str, typer.Option("--limits", help="The limits that the ledger holds, by name or TOML file.")
]
RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis",
        envvar="COSTSIM_REDIS",
        help="Redis of the ledger, redis://host:6379/0. Also read from COSTSIM_REDIS, which keeps "
        "passwords off the command line.",
        show_default=False,
    ),
]
Tenant = Annotated[str, typer.Option(help="Tenant of the ledger in Redis.")]
Prefix = Annotated[str, typer.Option(help="Prefix of the ledger's keys in Redis.")]
ControlsFile = Annotated[
    Path | None,
    typer.Option("--controls", help="File of orders of a ledger in process.", show_default=False),
]
User = Annotated[str | None, typer.Option(help="One user.", show_default=False)]
Tier = Annotated[str | None, typer.Option(help="A tier.", show_default=False)]
Feature = Annotated[str | None, typer.Option(help="A feature.", show_default=False)]
Organisation = Annotated[bool, typer.Option("--organisation", help="Everything together.")]
Why = Annotated[str, typer.Option(help="The reason, for those who read it later.")]
Who = Annotated[
    str | None, typer.Option(help="Who orders it; your login by default.", show_default=False)
]
For = Annotated[
    str | None,
    typer.Option("--for", help="Ends by itself after 90s, 30m, 12h, 2d, 1w.", show_default=False),
]
Until = Annotated[
    str | None,
    typer.Option(
        help="Ends at this time, 2026-03-01T18:00, in the zone of the limits file.",
        show_default=False,
    ),
]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Also for a name that the limits file does not have.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; order nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]

_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def lasting_us(lasts: str | None, until: str | None, policy: Policy) -> int | None:
    """Microseconds from now to the end that `--for` or `--until` names."""
    if lasts is not None and until is not None:
        raise SettingError("give --for or --until; got both")
    if lasts is not None:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", lasts.strip())
        if found is None or float(found[1]) == 0:
            raise SettingError(f"--for must be a time such as 90s, 30m, 12h or 2d; got {lasts!r}")
        return round(float(found[1]) * _SPANS[found[2]] * 1e6)
    if until is None:
        return None
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        raise SettingError(f"--until must be a time, 2026-03-01T18:00; got {until!r}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=policy.zone)
    left = (moment - datetime.now(UTC)).total_seconds()
    if left <= 0:
        raise SettingError(f"--until must not lie in the past; got {until}")
    return round(left * 1e6)


def login() -> str:
    """The name of whoever is at the keyboard, as the system has it."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise SettingError("the system has no name for you: give --who") from None


@contextmanager
def operated(
    policy: Policy,
    redis_url: str | None,
    tenant: str,
    prefix: str,
    controls: Path | None,
    journal: Path | None = None,
) -> Iterator[Any]:
    """The ledger that the options mean; errors of its store are one line."""
    from costsim.limits import MemoryLedger

    named = journal
    if (redis_url is None) == (controls is None):
        raise SettingError(
            "give --redis URL (and --tenant) of a shared ledger, or --controls FILE of a ledger "
            f"in process; got {'both (COSTSIM_REDIS counts)' if redis_url else 'neither'}"
        )
    if redis_url is None:
        with ExitStack() as stack:
            if journal is not None:
                journal = _copied(journal, Path(stack.enter_context(tempfile.TemporaryDirectory())))
            try:
                here = MemoryLedger(policy, controls=controls, journal=journal)
                stack.callback(here.close)
                yield here
            except OSError as error:
                raise SettingError(f"{controls}: {error.strerror or error}") from None
            except DataError as error:  # of the copy, whose path means nothing to anybody
                raise DataError(str(error).replace(str(journal), str(named))) from None
        return
    if journal is not None:
        raise SettingError("--journal is of a ledger in process; Redis has its own")
    try:
        import redis
    except ImportError:
        raise SettingError("--redis needs redis-py: pip install 'costsim[redis]'") from None
    from costsim.limits import RedisLedger

    try:
        client = redis.Redis.from_url(redis_url)
    except ValueError as error:
        raise SettingError(f"--redis must be an address, redis://host:6379/0; {error}") from None
    try:
        ledger = RedisLedger(policy, client, tenant=tenant, prefix=prefix, deadline_seconds=2.0)
        try:
            yield ledger
        finally:
            ledger.close()
    except redis.RedisError as error:
        raise StoreError(f"Redis refuses: {error}") from None
    except StoreError as error:
        if "holds no ledger" in str(error):
            hint = f". Or the ledger has another --tenant or --prefix than {prefix!r}"
            raise StoreError(f"{error}{hint}") from None
        raise


def _copied(journal: Path, folder: Path) -> Path:
    """A copy to read: the journal itself is its process's alone."""
    if not journal.is_file():
        raise SettingError(f"journal does not exist: {journal}")
    return Path(shutil.copy(journal, folder / "journal"))


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000
