"""Programs that pass on what is sent between the machines of the bench.

    python -m bench.hosts.relays postgres SOCKET
    python -m bench.hosts.relays link ONE OTHER

The first listens for PostgreSQL, whose wheel listens on a unix socket alone. The second is a cable
between two network devices, which it makes: a slow one that loses frames, as `tc netem` makes one
of a cable; not every kernel has that.
"""

import asyncio
import fcntl
import os
import random
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

SERVER = "10.77.0.1"
"""Where all servers listen."""
_KEEPALIVE = {
    socket.TCP_KEEPIDLE: 15,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 30_000,
}


async def _postgres(path: str) -> None:
    """Pass on what comes for PostgreSQL."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cable = writer.get_extra_info("socket")
        cable.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():  # as the fleet has PostgreSQL do
            cable.setsockopt(socket.IPPROTO_TCP, name, value)
        try:
            its_reader, its_writer = await asyncio.open_unix_connection(path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, its_writer), copy(its_reader, writer))

    server = await asyncio.start_server(serve, SERVER, 5432)
    await server.serve_forever()


DELAY_SECONDS, LOST, BYTES_A_SECOND = 0.05, 0.01, 10_000_000 / 8
"""Of a slow link, each way: 100 ms there and back, one frame in a hundred, 10 Mbit/s."""
_MOST_QUEUED_SECONDS = 0.2
"""What would wait longer for its turn is lost, as in a router."""
_FRAME = 65_536
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


async def _link(one: str, other: str) -> None:
    """Be a slow cable between two devices."""
    loop = asyncio.get_running_loop()
    ends = [_device(one), _device(other)]
    for end, beyond in (ends, reversed(ends)):
        loop.add_reader(end, _way(loop, end, beyond))
    print("up", flush=True)
    await asyncio.Event().wait()


def _device(name: str) -> int:
    """A new network device, whose frames this process reads and writes."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return device


def _way(loop: asyncio.AbstractEventLoop, end: int, beyond: int) -> Callable[[], None]:
    """What passes on, later, the frames of one end that are not lost."""
    free_at = 0.0

    def write(frame: bytes) -> None:
        with suppress(OSError):  # the cable was pulled
            os.write(beyond, frame)

    def read() -> None:
        nonlocal free_at
        with suppress(OSError):
            while frame := os.read(end, _FRAME):
                now = loop.time()
                if random.random() < LOST or free_at - now > _MOST_QUEUED_SECONDS:  # noqa: S311  # no secret
                    continue
                free_at = max(free_at, now) + len(frame) / BYTES_A_SECOND
                loop.call_at(free_at + DELAY_SECONDS, write, frame)

    return read


if __name__ == "__main__":
    asyncio.run(_postgres(*sys.argv[2:]) if sys.argv[1] == "postgres" else _link(*sys.argv[2:]))
