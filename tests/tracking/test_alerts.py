"""Alerts are delivered to a real local HTTP server; secrets stay out of messages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from costsim.errors import AlertError, SettingError
from costsim.limits import GlobalBudgetGuard, MemoryLedger, Scopes, parse_limits
from costsim.tracking import Alert, budget_news, courier, deliver

AT = datetime(2024, 8, 12, 11, tzinfo=UTC)


def alert(kind: str = "new", title: str = "chat: $20 above usual") -> Alert:
    return Alert(kind, title, ("cause: more requests", "look: costsim"), AT, AT, AT, "chat",
                 "volume", "", 20.0, 20.0, ("z",), "costsim")  # fmt: skip


class Server(ThreadingHTTPServer):
    status = 200
    got: list[dict]


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append(json.loads(body))  # type: ignore[attr-defined]
            self.send_response(self.server.status)  # type: ignore[attr-defined]
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    found = Server(("127.0.0.1", 0), Handler)
    found.got = []
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


def address(server: Server, path: str = "") -> str:
    return f"json://127.0.0.1:{server.server_port}/{path}"


def test_each_alert_is_one_message_at_each_address(server: Server) -> None:
    to = courier([address(server, "one"), address(server, "two")])
    assert deliver([alert(), alert("ended", "over")], to) == 2
    assert [m["title"] for m in server.got] == ["chat: $20 above usual"] * 2 + ["over"] * 2
    assert [m["type"] for m in server.got] == ["failure"] * 2 + ["success"] * 2
    assert server.got[0]["message"] == "cause: more requests\nlook: costsim"


def test_a_refused_alert_is_an_error_without_secrets(server: Server) -> None:
    server.status = 500
    to = courier([address(server, "token-7c1f")])
    with pytest.raises(AlertError, match=r"not taken by every address \(json\)") as caught:
        deliver([alert()], to)
    assert "token" not in str(caught.value)
    assert len(server.got) == 1


def test_an_unknown_address_is_named_by_its_kind_alone() -> None:
    with pytest.raises(SettingError, match=r"notify must be an address .*; got nonsense://\.\.\."):
        courier(["nonsense://user:secret@host"])
    with pytest.raises(SettingError, match=r"got \(no scheme\)"):
        courier(["secret"])


def test_levels_of_the_budget_are_delivered_as_they_fire(server):
    ladder = [{"at": 0.7, "do": "notify"}, {"at": 0.95, "do": "shut"}]
    limits = {"name": "l", "feature": {"deep": {"critical": False}},
              "organisation": {"month_usd": 10, "ladder": ladder}}  # fmt: skip
    ledger = MemoryLedger(parse_limits(limits), clock=lambda: 0)
    guard = GlobalBudgetGuard(ledger)
    to = courier([address(server, "budget")])
    for number, usd in enumerate((5, 2.5, 2.1)):
        nano = int(usd * 1e9)
        assert ledger.reserve(str(number), Scopes("ann"), [("m", nano)])
        ledger.settle(str(number), nano)
        deliver(budget_news(guard.look()), to)
    assert [(said["title"], said["type"]) for said in server.got] == [
        ("LLM budget: 70% of $10.00 is spent", "warning"),
        ("LLM budget: 95% of $10.00 is spent", "failure"),
    ]
    assert "or all that can wait, are refused until 1970-02-01" in server.got[1]["message"]
