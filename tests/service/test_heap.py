"""The allocator of a worker: few arenas, however many threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

THREADS = 12
COUNTS_ARENAS = f"""
import ctypes, threading
{{first}}
barrier = threading.Barrier({THREADS})
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]

def take():
    taken = libc.malloc(50_000)  # below what is mapped for itself
    barrier.wait()
    libc.free(taken)

threads = [threading.Thread(target=take) for _ in range({THREADS})]
[one.start() for one in threads]
[one.join() for one in threads]
libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
stream = libc.fopen(b"{{path}}", b"w")
libc.malloc_info(0, stream)
libc.fclose(stream)
"""


def arenas(path: Path, first: str) -> int:
    code = COUNTS_ARENAS.format(first=first, path=path)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    return path.read_text().count("<heap nr=")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_threads_share_two_arenas(tmp_path: Path) -> None:
    shared = "from service.heap import share_arenas; assert share_arenas()"
    assert arenas(tmp_path / "own.xml", "") > 2
    assert arenas(tmp_path / "shared.xml", shared) <= 2
