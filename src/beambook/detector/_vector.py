"""Moves of eight pixels at a time, written in LLVM's own words for numba's kernels.

Most modules lie rotated in the picture: what is a line of a module is a column of the picture.
LLVM does not make vector code of a loop that reads along lines and writes along columns, however
it is blocked; numpy does not either. A transposition of 8 × 8 pixels in registers is three rounds
of shuffles, the same for pixels of 1, 2, 4 or 8 bytes, which LLVM turns into what the processor
at hand has.

All take addresses as whole numbers of bytes: the caller has seen to it that what is there belongs
to the arrays. `pixel` is any value of the type that is moved; only its width counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

__all__ = ["copy_line", "move", "put", "reverse8", "transpose8"]

LANES = 8
INT32 = ir.IntType(32)


def _vector(pixel: Any) -> Any:
    return ir.VectorType(ir.IntType(pixel.bitwidth), LANES)


def _load(builder: Any, address: Any, kind: Any, width: int) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=width // 8)


def _store(builder: Any, value: Any, address: Any, width: int) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=width // 8)


def _shuffle(builder: Any, one: Any, two: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(one, two, ir.Constant(ir.VectorType(INT32, LANES), order))


def _swap(builder: Any, lines: list[Any], half: int) -> list[Any]:
    """One round: exchange blocks of `half` × `half` across the diagonal."""
    first = [k - half + LANES if k & half else k for k in range(LANES)]
    second = [k + LANES if k & half else k + half for k in range(LANES)]
    swapped = list(lines)
    for i in (i for i in range(LANES) if not i & half):
        swapped[i] = _shuffle(builder, lines[i], lines[i + half], first)
        swapped[i + half] = _shuffle(builder, lines[i], lines[i + half], second)
    return swapped


def _transpose8(
    _typing: Any, source: Any, source_step: Any, out: Any, out_step: Any, pixel: Any
) -> Any:
    """Read eight lines of eight pixels, write them as columns; steps are between lines."""

    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        read, read_step, write, write_step, _ = args
        lines = []
        for _ in range(LANES):
            lines.append(_load(builder, read, _vector(pixel), pixel.bitwidth))
            read = builder.add(read, read_step)
        for half in (4, 2, 1):
            lines = _swap(builder, lines, half)
        for line in lines:
            _store(builder, line, write, pixel.bitwidth)
            write = builder.add(write, write_step)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4, pixel), code


def _reverse8(_typing: Any, source: Any, out: Any, pixel: Any) -> Any:
    """Write eight pixels in reversed order."""

    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        line = _load(builder, args[0], _vector(pixel), pixel.bitwidth)
        line = _shuffle(builder, line, line, list(range(LANES))[::-1])
        _store(builder, line, args[1], pixel.bitwidth)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, pixel), code


def _move(_typing: Any, source: Any, out: Any, pixel: Any) -> Any:
    """Copy one pixel."""

    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        value = _load(builder, args[0], ir.IntType(pixel.bitwidth), pixel.bitwidth)
        _store(builder, value, args[1], pixel.bitwidth)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, pixel), code


def _put(_typing: Any, out: Any, pixel: Any) -> Any:
    """Write one pixel's value."""

    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        _store(builder, args[1], args[0], pixel.bitwidth)
        return context.get_dummy_value()

    return types.void(types.intp, pixel), code


def _copy_line(_typing: Any, source: Any, out: Any, size: Any) -> Any:
    """Copy `size` bytes as they are."""

    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        size_type = ir.IntType(64)
        copy = builder.module.declare_intrinsic("llvm.memcpy", [byte, byte, size_type])
        read, write = (builder.inttoptr(address, byte) for address in args[:2])
        no = ir.Constant(ir.IntType(1), 0)
        builder.call(copy, [write, read, args[2], no])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), code


Moves = Callable[..., None]  # as mypy sees what numba makes

copy_line: Moves = intrinsic(_copy_line)
move: Moves = intrinsic(_move)
put: Moves = intrinsic(_put)
reverse8: Moves = intrinsic(_reverse8)
transpose8: Moves = intrinsic(_transpose8)
