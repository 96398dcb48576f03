"""Typed reads and writes of memory by address, for compiled code.

Numba counts the references of every array that compiled functions pass on, which took a third of the
kernel's time; an address costs nothing.  Who passes an address keeps the memory alive.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, register_jitable

_F = TypeVar("_F", bound=Callable[..., Any])

_FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}  # not "nnan", "ninf": bad data are looked for


def compiled(function: _F) -> _F:
    """Mark `function` as one that compiled code may call; in Python it stays what it is."""
    return register_jitable(fastmath=_FAST, error_model="numpy")(function)


def _reader(kind: ir.Type, returned: types.Type) -> Callable[[int], Any]:
    @intrinsic
    def read(typing: Any, address: types.Type) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            value = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
            return value if context.get_value_type(returned) == kind else builder.sext(value, ir.IntType(64))

        return returned(types.int64), generate

    return cast(Callable[[int], Any], read)


def _writer(kind: ir.Type, written: types.Type) -> Callable[[int, Any], None]:
    @intrinsic
    def write(typing: Any, address: types.Type, value: types.Type) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            builder.store(arguments[1], builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
            return context.get_dummy_value()

        return types.void(types.int64, written), generate

    return cast(Callable[[int, Any], None], write)


def _flag_reader() -> Callable[[int], int]:
    @intrinsic
    def read(typing: Any, address: types.Type) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            byte = ir.IntType(8)
            where = builder.inttoptr(arguments[0], byte.as_pointer())
            # Acquired: what was written before the flag was set is seen after it.
            return builder.zext(builder.load_atomic(where, "acquire", 1), ir.IntType(64))

        return types.int64(types.int64), generate

    return cast(Callable[[int], int], read)


def _setter(value: int) -> Callable[[int], None]:
    @intrinsic
    def write(typing: Any, address: types.Type) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            byte = ir.IntType(8)
            where = builder.inttoptr(arguments[0], byte.as_pointer())
            builder.store(ir.Constant(byte, value), where, align=1)
            return context.get_dummy_value()

        return types.void(types.int64), generate

    return cast(Callable[[int], None], write)


read_flag = _flag_reader()
lower_flag, raise_flag = _setter(0), _setter(1)
read_int16 = _reader(ir.IntType(16), types.int64)
read_uint32 = _reader(ir.IntType(32), types.uint32)
read_float64 = _reader(ir.DoubleType(), types.float64)
write_float64 = _writer(ir.DoubleType(), types.float64)
