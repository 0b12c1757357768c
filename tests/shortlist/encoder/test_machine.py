"""What `auto` means on which processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from shortlist.encoder.machine import Precision, resolve_precision


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512f avx512_bf16", Precision.BF16),
        ("fpu amx_bf16 amx_tile", Precision.BF16),
        ("fpu avx2 avx512f", Precision.F32),
        ("fpu avx512_bf16_not", Precision.F32),
        ("amx_int8 avx512_vnni", Precision.F32),
        ("", Precision.F32),
    ],
)
def test_auto_is_bf16_where_the_processor_multiplies_in_it(
    tmp_path: Path, flags: str, expected: Precision
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: X bf16\nflags\t\t: {flags}\n")
    assert resolve_precision(Precision.AUTO, cpuinfo=cpuinfo) is expected


def test_auto_is_f32_where_the_system_lists_no_flags(tmp_path: Path) -> None:
    assert resolve_precision(Precision.AUTO, cpuinfo=tmp_path / "none") is Precision.F32
    (tmp_path / "arm").write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert resolve_precision(Precision.AUTO, cpuinfo=tmp_path / "arm") is Precision.F32


@pytest.mark.parametrize("wanted", [Precision.F32, Precision.BF16, Precision.INT8])
def test_what_is_asked_for_is_what_is_taken(tmp_path: Path, wanted: Precision) -> None:
    assert resolve_precision(wanted, cpuinfo=tmp_path / "none") is wanted
