"""What the machine offers: how many cores, and in which number format to compute."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

MAX_WAITING = 24
"""Queries that may wait for one encoder unless said otherwise."""

_BF16_CPU_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})


class Precision(StrEnum):
    """`auto` asks for bf16 where the processor multiplies in it, else f32.

    `int8` is for queries alone and never chosen by itself: it is quicker for one short text, and
    its vectors are further from those of f32 than bf16's are.
    """

    AUTO = "auto"
    F32 = "f32"
    BF16 = "bf16"
    INT8 = "int8"


OF_DOCUMENTS = (Precision.AUTO, Precision.F32, Precision.BF16)
"""What a build may encode documents in."""


def resolve_precision(wanted: Precision, *, cpuinfo: Path = Path("/proc/cpuinfo")) -> Precision:
    """`f32`, `bf16` or `int8`: what `wanted` means on this machine.

    bf16 is chosen where the processor has bf16 multiply instructions of its own (AMX tiles or
    AVX-512 BF16 dot products); emulated bf16 is slower than f32 and never chosen.
    """
    if wanted is not Precision.AUTO:
        return wanted
    return Precision.BF16 if _cpu_flags(cpuinfo) & _BF16_CPU_FLAGS else Precision.F32


def _cpu_flags(cpuinfo: Path) -> frozenset[str]:
    """The first processor's feature flags; empty where the system does not list them."""
    try:
        with cpuinfo.open(encoding="ascii", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return frozenset()
    return frozenset(flags.partition(":")[2].split())


def available_cores() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
