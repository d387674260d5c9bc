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

__all__ = [
    "LANES",
    "Moves",
    "copy_line",
    "fetch",
    "load",
    "move",
    "put",
    "reverse8",
    "settle",
    "stream64",
    "swap",
    "transpose8",
]

LANES = 8
INT32 = ir.IntType(32)

Moves = Callable[..., None]  # as mypy sees what numba makes


def _vector(pixel: Any) -> Any:
    return ir.VectorType(ir.IntType(pixel.bitwidth), LANES)


def load(builder: Any, address: Any, kind: Any, width: int) -> Any:
    """Code that reads a value of some kind, aligned to `width` bits."""
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=width // 8)


def _store(builder: Any, value: Any, address: Any, width: int) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=width // 8)


def _shuffle(builder: Any, one: Any, two: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(one, two, ir.Constant(ir.VectorType(INT32, LANES), order))


def swap(builder: Any, lines: list[Any], half: int) -> list[Any]:
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
            lines.append(load(builder, read, _vector(pixel), pixel.bitwidth))
            read = builder.add(read, read_step)
        for half in (4, 2, 1):
            lines = swap(builder, lines, half)
        for line in lines:
            _store(builder, line, write, pixel.bitwidth)
            write = builder.add(write, write_step)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4, pixel), code


def _reverse8(_typing: Any, source: Any, out: Any, pixel: Any) -> Any:
    """Write eight pixels in reversed order."""

    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        line = load(builder, args[0], _vector(pixel), pixel.bitwidth)
        line = _shuffle(builder, line, line, list(range(LANES))[::-1])
        _store(builder, line, args[1], pixel.bitwidth)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, pixel), code


def _move(_typing: Any, source: Any, out: Any, pixel: Any) -> Any:
    """Copy one pixel."""

    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        value = load(builder, args[0], ir.IntType(pixel.bitwidth), pixel.bitwidth)
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


def _stream64(_typing: Any, source: Any, out: Any) -> Any:
    """Copy 64 bytes, a line of the cache, past the cache; `out` is a multiple of 64.

    A line that is written as a whole need not be read from memory before.
    """

    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        line = ir.VectorType(INT32, 16).as_pointer()
        value = builder.load(builder.inttoptr(args[0], line), align=1)
        stored = builder.store(value, builder.inttoptr(args[1], line), align=64)
        yes = builder.module.add_metadata([ir.Constant(INT32, 1)])
        stored.set_metadata("nontemporal", yes)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), code


def _fetch(_typing: Any, address: Any) -> Any:
    """Ask for a line of the cache that will be read soon."""

    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, INT32, INT32, INT32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], fnty=kind)
        to_read, keep, data = (ir.Constant(INT32, n) for n in (0, 3, 1))
        builder.call(function, [builder.inttoptr(args[0], byte), to_read, keep, data])
        return context.get_dummy_value()

    return types.void(types.intp), code


def _settle(_typing: Any) -> Any:
    """What went past the cache is in memory before other threads go on."""

    def code(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), code


copy_line: Moves = intrinsic(_copy_line)
move: Moves = intrinsic(_move)
put: Moves = intrinsic(_put)
fetch: Moves = intrinsic(_fetch)
reverse8: Moves = intrinsic(_reverse8)
settle: Moves = intrinsic(_settle)
stream64: Moves = intrinsic(_stream64)
transpose8: Moves = intrinsic(_transpose8)
