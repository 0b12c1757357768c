"""Which workers and threads suit this machine: python -m benchmarks.workers ARTIFACTS.

Distinct uncached queries from 16 connections, for each setting in turn. Prints a Markdown table.
"""

import os
import sys
from pathlib import Path

from benchmarks import server

SETTINGS = ((1, 16, 2), (1, 32, 2), (1, 32, 1), (2, 16, 1), (2, 32, 1))


def main(artifacts: Path) -> None:
    """Print a line for each of the settings."""
    print("| workers | threads each | encoder threads each | requests/s | p50, ms | p99, ms |")
    print("|---:|---:|---:|---:|---:|---:|")
    for workers, threads, encoder_threads in SETTINGS:
        os.environ["SHORTLIST_THREADS"] = str(threads)
        os.environ["SHORTLIST_ENCODER_THREADS"] = str(encoder_threads)
        with server.running(artifacts, "--workers", str(workers)) as running:
            found = server.many_clients(running)
        print(
            f"| {workers} | {threads} | {encoder_threads} | {found['requests_per_s']:.0f}"
            f" | {found['p50_ms']:.0f} | {found['p99_ms']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
