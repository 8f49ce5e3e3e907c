"""A TCP proxy before Redis that loses or delays replies when told to."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Proxy:
    """Forwards all bytes; the next `lose` replies vanish, with or without their connection.

    All others come `delay` seconds late.
    """

    def __init__(self, port: int) -> None:
        self._target, self.lose, self.cut, self.lost = port, 0, True, 0
        self.delay = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                for ends in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, replies: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if replies and self.lose > 0:
                    self.lose -= 1
                    self.lost += 1
                    if self.cut:
                        break
                    continue
                if replies and self.delay:
                    time.sleep(self.delay)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for end in (self._listener, *self._sockets):
            end.close()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
