"""Eight frames added up side by side, in LLVM's own words for numba's kernels.

Pixel after pixel added to its ring, each addition waits for the one before it if both are of the
same ring, as neighbours are. Eight frames have the same rings: eight pixels of eight frames are
transposed in registers, and each pixel's eight values are added to eight sums at once.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from beambook.detector._vector import LANES, Moves, load, swap

__all__ = ["LANES", "TERMS", "add_checked", "add_plain", "add_squared"]

TERMS = 5  # at most: values, squares over weight, weights, squared weights, number

INT32, INT64 = ir.IntType(32), ir.IntType(64)
FLOATS = ir.VectorType(ir.FloatType(), LANES)
DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
BYTES = LANES * 8  # of eight sums


def _lines(builder: Any, addresses: Any, offset: Any) -> list[Any]:
    """Eight pixels of each frame, turned: eight frames of each pixel."""
    table = builder.inttoptr(addresses, INT64.as_pointer())
    frames = [builder.load(builder.gep(table, [ir.Constant(INT64, k)])) for k in range(LANES)]
    lines = [
        load(builder, builder.add(frame, offset), ir.VectorType(INT32, LANES), 32)
        for frame in frames
    ]
    for half in (4, 2, 1):
        lines = swap(builder, lines, half)
    return [builder.fpext(builder.bitcast(line, FLOATS), DOUBLES) for line in lines]


def _number(builder: Any, address: Any, place: int, kind: Any) -> Any:
    where = builder.add(address, ir.Constant(INT64, 4 * place))
    return builder.load(builder.inttoptr(where, kind.as_pointer()))


def _everywhere(builder: Any, value: Any) -> Any:
    one = builder.insert_element(ir.Constant(DOUBLES, ir.Undefined), value, ir.Constant(INT32, 0))
    order = ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES)
    return builder.shuffle_vector(one, one, order)


def _weight(builder: Any, weights: Any, place: int) -> Any:
    value = _number(builder, weights, place, ir.FloatType())
    return _everywhere(builder, builder.fpext(value, ir.DoubleType()))


def _add(builder: Any, sums: Any, term: int, values: Any) -> None:
    where = builder.add(sums, ir.Constant(INT64, term * BYTES))
    pointer = builder.inttoptr(where, DOUBLES.as_pointer())
    total = builder.fadd(builder.load(pointer, align=8), values)
    builder.store(total, pointer, align=8)


def _adding(terms: int, *, checked: bool) -> Moves:
    """An intrinsic that adds eight pixels of eight frames to `terms` sums of each ring."""

    def terms_of(builder: Any, values: Any, weight: Any) -> list[Any]:
        one, zero = ir.Constant(DOUBLES, [1.0] * LANES), ir.Constant(DOUBLES, [0.0] * LANES)
        if not checked:
            square = builder.fdiv(builder.fmul(values, values), weight) if terms > 1 else None
            return [values, square]
        nothing = builder.fmul(values, zero)  # NaN of what is NaN or infinite
        good = builder.fcmp_ordered("==", nothing, zero)
        values = builder.select(good, values, zero)
        square = builder.fdiv(builder.fmul(values, values), weight)
        counted = builder.select(good, weight, zero)
        twice = builder.fmul(counted, counted)
        return [values, square, counted, twice, builder.select(good, one, zero)]

    def declare(
        _typing: Any, addresses: Any, offset: Any, rings: Any, weights: Any, sums: Any
    ) -> Any:
        def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            frames, begin, ring_numbers, weight_numbers, first = args
            size = ir.Constant(INT64, terms * BYTES)
            for place, values in enumerate(_lines(builder, frames, begin)):
                ring = builder.sext(_number(builder, ring_numbers, place, INT32), INT64)
                where = builder.add(first, builder.mul(ring, size))
                weight = _weight(builder, weight_numbers, place) if terms > 1 else None
                found = terms_of(builder, values, weight)
                for term in range(terms):
                    _add(builder, where, term, found[term])
            return context.get_dummy_value()

        return types.void(*[types.intp] * 5), code

    made: Moves = intrinsic(declare)
    return made


add_plain = _adding(1, checked=False)
add_squared = _adding(2, checked=False)
add_checked = _adding(TERMS, checked=True)
