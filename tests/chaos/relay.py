"""A network between a fleet and its Redis, which can be frozen and cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 65536


class Relay:
    """Passes what comes to a port of this machine on to a unix socket, and back."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._ends: list[socket.socket] = []
        self._changing = threading.Lock()
        self._keeper = _bound(0)  # keeps the port while it is cut
        self._port = int(self._keeper.getsockname()[1])
        self._listener = _listen(self._port)
        self._accept_in_background()

    @property
    def url(self) -> str:
        """Where Redis seems to be."""
        return f"redis://127.0.0.1:{self._port}"

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing that is sent arrives; it does later."""
        self._flows.clear()
        yield
        self._flows.set()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Every connection is broken, and none is taken."""
        self._break()
        yield
        self._listener = _listen(self._port)
        self._accept_in_background()

    def close(self) -> None:
        """End it all."""
        self._break()
        self._keeper.close()

    def _break(self) -> None:
        with self._changing:
            for each in (self._listener, *self._ends):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
            self._ends.clear()

    def _accept_in_background(self) -> None:
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it was closed
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                with self._changing:
                    if listener.fileno() < 0:
                        near.close()
                        far.close()
                        return
                    self._ends += [near, far]
                far.connect(self._target)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # one of the two is gone
            while data := source.recv(_PIECE):
                self._flows.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _listen(port: int) -> socket.socket:
    listener = _bound(port)
    listener.listen(64)
    return listener
