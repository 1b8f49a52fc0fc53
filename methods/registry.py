"""Names of methods: modules in families' folders register classes, others come by entry point ``bench.methods``."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import numbers
import pkgutil
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from methods import storage
from methods.base import Codec, Metric, Parametrized
from methods.budget import Budget
from methods.compose.centered import centered
from methods.errors import MethodError, UnknownMethod, WrongTrack

ENTRY_POINTS = "bench.methods"
DENSE = "dense"
SHARED = frozenset(
    {"checks", "compose", "encoding", "fitting", "index", "kernels", "search", "sparse"}
)  # folders that hold no method
_METHODS: dict[str, Any] = {}  # name -> class of any track
_LEFT_OUT: dict[str, str] = {}  # entry point -> why it is none of them
_BROKEN: dict[str, str] = {}  # module of this package that cannot be imported -> file, line and error
_Class = TypeVar("_Class", bound=type[Parametrized])


def register(name: str) -> Callable[[_Class], _Class]:
    """Class decorator: makes a method of any track known as ``name`` (lower case, underscores)."""

    def decorate(cls: _Class) -> _Class:
        known = _METHODS.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise MethodError(f"the name {name!r} is taken by {known.__module__}.{known.__qualname__}; choose another")
        cls.name = name  # type: ignore[attr-defined]
        _METHODS[name] = cls
        return cls

    return decorate


def _import_all(package: str) -> None:
    """Import a module and what is in it, but for files and folders that begin with ``_``: these hold no method.

    One that cannot be imported goes to ``_BROKEN``, with what it had registered; all others work without it.
    """
    try:
        path = getattr(importlib.import_module(package), "__path__", [])
    except (Exception, SystemExit) as error:
        _BROKEN[package] = _place_of(error)
        for name in [name for name, cls in _METHODS.items() if f"{cls.__module__}.".startswith(f"{package}.")]:
            del _METHODS[name]
        return
    for module in pkgutil.iter_modules(path):
        if not module.name.startswith("_"):
            _import_all(f"{package}.{module.name}")


def _place_of(error: BaseException) -> str:
    """Where an import failed, within this package as far as it is, and how: ``methods/a.py:3: SyntaxError: ...``."""
    root = Path(__file__).parents[1]
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
    ours = [(file, line) for file, line in places if Path(file).is_relative_to(root / "methods") and file != __file__]
    file, line = (ours or places)[-1]
    file = Path(file).relative_to(root).as_posix() if ours else file
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(f"{file}:{line}: {type(error).__name__}: {text}".split())


@functools.cache
def _own_modules() -> dict[str, Path]:
    """Modules of the families, with their files."""
    modules: dict[str, Path] = {}
    folders = [("methods", Path(__file__).parent)]
    while folders:
        package, path = folders.pop()
        for module in pkgutil.iter_modules([str(path)]):
            if not module.name.startswith("_") and (package != "methods" or module.name not in SHARED):
                name, file = f"{package}.{module.name}", path / module.name
                modules[name] = file / "__init__.py" if module.ispkg else file.with_suffix(".py")
                if module.ispkg:
                    folders.append((name, file))
    return modules


@functools.cache
def _own_module(name: str) -> str | None:
    """The module of this package that has the method ``name``: it is called so, or its source registers the name."""
    named = [module for module in _own_modules() if module.rpartition(".")[2] == name]
    registering = f'register("{name}")'
    return next(
        iter(named or (module for module, file in _own_modules().items() if registering in file.read_text("utf-8"))),
        None,
    )


def is_own(name: str) -> bool:
    """Whether ``name`` is a method of this package; its module alone is imported to find out."""
    if _own_module(name) is None:
        return False
    _find(name)
    return name in _METHODS


def _find(name: str) -> None:
    """Import the method ``name``: a run of one method imports no other. All, if no module of ours has it.

    Raises :class:`UnknownMethod` with file and line if the module that has it cannot be imported.
    """
    if name not in _METHODS and (module := _own_module(name)) is not None:
        _import_all(module)
        if reason := why_left_out(name):
            raise UnknownMethod(reason)
    if name not in _METHODS:
        _discover()


@functools.cache
def _discover() -> None:
    """Import every family and every entry point, so that their classes register."""
    for folder in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if folder.ispkg and folder.name not in SHARED:
            _import_all(f"methods.{folder.name}")
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            loaded = entry.load()
            if inspect.isclass(loaded) and issubclass(loaded, Parametrized) and loaded not in _METHODS.values():
                register(entry.name)(loaded)
        except MethodError as error:
            _leave_out(entry, str(error))
        except (Exception, SystemExit) as error:
            _leave_out(entry, f"cannot import {entry.value} ({type(error).__name__}: {error})")


def _leave_out(entry: importlib.metadata.EntryPoint, reason: str) -> None:
    text = f"the entry point {entry.name} of {ENTRY_POINTS} is left out: {reason}; mend or uninstall its package"
    _LEFT_OUT[entry.name] = " ".join(text.split())


def left_out() -> list[str]:
    """A line for what could not be imported, a file of ours or an installed package's method: others work without."""
    _discover()
    without: dict[str, list[str]] = {}
    for module, reason in _BROKEN.items():
        without.setdefault(reason, []).append(module)
    ours = [f"left out: {', '.join(modules)}: {reason}" for reason, modules in without.items()]
    return ours + list(_LEFT_OUT.values())


def why_left_out(name: str) -> str:
    """Why the method ``name`` is there and cannot be used, with what to mend; empty if that is not so."""
    if name in _METHODS:
        return ""
    module = f"{_own_module(name)}."
    broken = (reason for other, reason in _BROKEN.items() if f"{other}.".startswith(module))
    reason = next(broken, None)
    return f"the method {name!r} cannot be imported: {reason}" if reason else _LEFT_OUT.get(name, "")


def names(track: str | None = DENSE) -> list[str]:
    """Registered names of one track (of all with None), sorted."""
    _discover()
    return sorted(name for name, cls in _METHODS.items() if track in (None, cls.track))


def get(name: str, track: str | None = DENSE) -> type[Any]:
    """The class registered as ``name``.

    Raises
    ------
    UnknownMethod
        With the nearest names; or with file and line if the module that has the method cannot be imported.
    WrongTrack
        If it is a method of another track than ``track`` (None allows any), with the names that are not.
    """
    _find(name)
    if reason := why_left_out(name):
        raise UnknownMethod(reason)
    if name not in _METHODS:
        close = difflib.get_close_matches(str(name).lower(), _METHODS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "`python -m methods` lists all"
        for entry in importlib.metadata.entry_points(group=ENTRY_POINTS, name=str(name)):
            hint = f"its entry point {entry.value} registers no class of that name; decorate it with register({name!r})"
        raise UnknownMethod(f"no method is called {name!r}; {hint}")
    cls = _METHODS[name]
    if track not in (None, cls.track):
        raise WrongTrack(
            f"{name} is of the {cls.track} track; methods of the {track} track are {', '.join(names(track))}"
        )
    return cls


def parameters(name: str) -> dict[str, Any]:
    """What a user of the method may set, with defaults (``method.<key>`` on the command line)."""
    cls = get(name, None)
    return dict(cls.parameters()) | ({"center": None} if offers_center(cls) else {})


def offers_center(cls: type[Any]) -> bool:
    """Whether a class is of a method with the option ``center=offset`` (:mod:`methods.compose.centered`)."""
    return bool(getattr(cls, "offers_center", False))


def class_of(name: str, params: Mapping[str, Any], track: str | None = DENSE) -> type[Any]:
    """The class called ``name`` that takes ``params``: with ``center=offset``, of :mod:`methods.compose.centered`."""
    cls: type[Codec] = get(name, track)
    return centered(cls) if offers_center(cls) and params.get("center") is not None else cls


def present_params(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a method's constructor, of a record of whatever version, under the names that they have now."""
    present = get(name, None).present_params(params)
    if inner := present.get("codec_params"):
        present["codec_params"] = present_params(present["codec"], inner)
    return dict(present)


def for_budget(name: str, dim: int, code_bytes: int, metric: Metric, **params: Any) -> Codec:
    """The dense method ``name`` configured for ``code_bytes``; unknown parameters are refused with a suggestion."""
    return configured(get(name), dim, code_bytes, Metric.parse(metric), **params)


def create(name: str, dim: int, budget: str | int, metric: str = "ip", **params: Any) -> Codec:
    """The dense method ``name``, not fitted, with the best configuration whose codes fit a budget.

    Parameters
    ----------
    name : str
        As ``python -m methods`` lists them.
    dim : int
        Dimension of the vectors.
    budget : str or int
        ``"8x"`` (bytes of the float32 vector / 8), ``"48B"`` (bytes a vector), ``"2bit"`` (bits a dimension), or bytes.
    metric : str
        ``ip``, ``cosine`` or ``l2``.
    **params
        Of the method: :func:`parameters` gives them with their defaults.

    Raises
    ------
    UnknownMethod, WrongTrack
        No dense method is called so.
    BudgetError
        The smallest code of the method is larger.
    MethodError
        Something else that cannot work; the message says what would be right.

    Examples
    --------
    >>> methods.create("pq", dim=384, budget="16x").code_size
    96
    """
    if isinstance(dim, bool) or not isinstance(dim, numbers.Integral) or dim < 1:
        raise MethodError(f"dim={dim!r} is not a dimension; use an integer of at least 1")
    is_integer = isinstance(budget, numbers.Integral) and not isinstance(budget, bool)
    size = Budget(f"{budget}B" if is_integer else str(budget)).code_bytes(int(dim))
    return for_budget(name, int(dim), size, Metric.parse(metric), **params)


def load(path: str | Path) -> Any:
    """The codec that ``codec.save(path)`` wrote, fitted: a :class:`~methods.Codec` or a codec of sets of vectors.

    Raises
    ------
    SavedCodecError
        In one line: no such file, another format or a newer one, a file that is truncated or was altered, parts that
        the method does not take, or a version of the method whose codes are others.
    UnknownMethod
        No method of that name is installed.
    """
    return storage.load(path, lambda name, params: class_of(name, params, None))


def configured(cls: type[Any], *workload: Any, **params: Any) -> Any:
    """``cls.for_budget(*workload, **params)`` for a registered class of any track, with errors in one line."""
    name, known = cls.name, parameters(cls.name)
    for key, value in params.items():
        if key not in known:
            raise MethodError(no_parameter(name, key))
        if isinstance(known[key], bool) and not isinstance(value, bool):
            raise MethodError(f"{key}={value!r} is neither true nor false; use one of them")
    if offers_center(cls):
        cls = class_of(cls.name, params)
        params = {key: value for key, value in params.items() if (key, value) != ("center", None)}
    try:
        return cls.for_budget(*workload, **params)
    except MethodError:
        raise
    except (
        TypeError,
        ValueError,
        ArithmeticError,
    ) as error:  # a parameter of another kind than the method computes with
        given = ", ".join(f"{key}={value!r}" for key, value in params.items() if value != known[key])
        raise MethodError(f"{name} cannot work with {given or 'its parameters'}: {error}") from error


def no_parameter(name: str, key: str) -> str:
    """Why the method does not take the parameter ``key``, and what it does take, in one line."""
    known = parameters(name)
    takes = f"it takes {', '.join(known) or 'none'}"
    if key in getattr(get(name, None), "sized_by_budget", list)():
        return f"{key} of {name} follows from the data and the budget and cannot be set; {takes}"
    close = difflib.get_close_matches(key, known, n=1)
    return f"{name} has no parameter {key!r}; {f'did you mean {close[0]}?' if close else takes}"


def missing_dependencies(name: str) -> list[str]:
    """Modules that the method requires and that cannot be imported here."""
    return [module for module in get(name, None).requires if importlib.util.find_spec(module) is None]
