"""A Milvus server in a network of its own, reached through one port of the loopback outside.

It binds nine ports on all addresses and asks nobody for a password, so it must not see a network.
Run by `unshare --net`: arguments are the folder of its data and the number of a listening socket
that was made outside, and so leads there. It ends when its standard input does.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

_BLOCK = 1 << 16
_SET_FLAGS, _UP_AND_RUNNING = 0x8914, 0x41
_END_WITH = 1


def raise_loopback() -> None:
    """Make 127.0.0.1 work in this network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", _UP_AND_RUNNING)
        fcntl.ioctl(any_socket, _SET_FLAGS, request)


class _EndsWithParent(subprocess.Popen[bytes]):
    """A process that is killed with the one that started it."""

    def __init__(self, *given: Any, **how: Any) -> None:
        control = ctypes.CDLL(None).prctl
        how["preexec_fn"] = lambda: control(_END_WITH, signal.SIGKILL)
        super().__init__(*given, **how)


def start_server(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The server's process, which ends with this one, and the port that it answers at."""
    import milvus

    config = milvus.MilvusServerConfig(data_dir=str(folder))
    server = milvus.MilvusServer(config, wait_for_started=False)
    milvus.subprocess.Popen = _EndsWithParent
    server.start()
    # Kept from its `__del__`, which would wait for an orderly end.
    process, server.server_proc = server.server_proc, None
    return process, server.listen_port


def relay(outside: socket.socket, port: int) -> None:
    """Hand every connection on to the server until the process ends."""
    while True:
        client, _ = outside.accept()
        try:
            server = socket.create_connection(("127.0.0.1", port))
        except OSError:
            client.close()
            continue
        for ends in ((client, server), (server, client)):
            threading.Thread(target=_carry, args=ends, daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    """What one end says to the other, until either is gone; then neither hears more."""
    target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while received := source.recv(_BLOCK):
            target.sendall(received)
    except OSError:
        pass
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Start, tell the server's process id, and carry until nobody is there to be carried for."""
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    raise_loopback()
    process, port = start_server(folder)
    print(process.pid, flush=True)
    outside = socket.socket(fileno=number)
    threading.Thread(target=relay, args=(outside, port), daemon=True).start()
    sys.stdin.read()
    process.kill()
    os._exit(0)


if __name__ == "__main__":
    main()
