"""Intrinsics from functions that write vector IR: one decorator names an intrinsic's arguments and their types."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numba.core import types
from numba.extending import intrinsic

from methods.kernels.machine.path import PathType
from methods.kernels.simd import ir as simd

__all__ = ["Arguments", "emitted"]


class Arguments(dict[str, Any]):
    """An intrinsic's arguments by name.

    An array is the address of its data (i8*), a literal its Python value, a path its name, all else an IR value.
    """

    def __init__(self, context: Any, builder: Any, names: list[str], kinds: Any, values: Any) -> None:
        self._context, self._builder = context, builder
        self._given = {name: (kind, value) for name, kind, value in zip(names, kinds, values)}
        super().__init__({name: self._as_passed(kind, value) for name, (kind, value) in self._given.items()})

    def _as_passed(self, kind: Any, value: Any) -> Any:
        if isinstance(kind, types.Array):
            return simd.data_pointer(self._context, self._builder, kind, value)
        if isinstance(kind, PathType):
            return kind.path
        return kind.literal_value if isinstance(kind, types.Literal) else value

    def dtype(self, array: str) -> Any:
        """The numba type of an array's elements."""
        return self._given[array][0].dtype

    def value(self, name: str) -> Any:
        """An argument's IR value as numba passes it."""
        return self._given[name][1]

    def length(self, array: str, axis: int) -> Any:
        """How many elements an array has along ``axis``: an IR value, i64."""
        kind, value = self._given[array]
        proxy = self._context.make_array(kind)(self._context, self._builder, value)
        return self._builder.extract_value(proxy.shape, axis)


def emitted(declaration: str) -> Callable[[Callable[[Any, Arguments], Any]], Any]:
    """Makes an intrinsic of ``function(builder, arguments)``, which writes its code.

    Parameters
    ----------
    declaration : str
        The arguments in order, ``"path, docs, int64 rows, docs.dtype limit -> boolean"``: a numba type before a name,
        or the type of an array's elements, is what the argument is converted to; without one it is taken as it comes.
        What the function returns is of the type after the arrow; without an arrow there is nothing.
    """
    arguments, _, returned = (part.strip() for part in declaration.partition("->"))
    fields = [field.split() for field in arguments.split(",")]
    names = [field[-1] for field in fields]

    def signature(given: dict[str, Any]) -> Any:
        def wanted(type_name: str) -> Any:
            array, _, of_elements = type_name.partition(".")
            return given[array].dtype if of_elements else getattr(types, type_name)

        kinds = [wanted(field[0]) if len(field) == 2 else given[field[0]] for field in fields]
        return getattr(types, returned or "void")(*kinds)

    def decorate(function: Callable[[Any, Arguments], Any]) -> Any:
        def typed(_typing_context: Any, *given: Any) -> Any:
            def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
                result = function(builder, Arguments(context, builder, names, sig.args, values))
                return result if returned else context.get_dummy_value()

            return signature(dict(zip(names, given))), codegen

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(name, kind) for name in ("typing_context", *names)]
        typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        typed.__name__, typed.__doc__ = function.__name__, function.__doc__
        typed.__module__ = function.__module__
        return intrinsic(prefer_literal=True)(typed)

    return decorate
