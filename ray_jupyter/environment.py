"""Runtime environments: variables, a working directory and modules for some tasks only.

Lives here: what ``runtime_env=`` may say, its form as text (canonical, so that equal ones are
equal), and entering one. Does not: which worker runs in which (``runtime.core.leases``).

Rules
    * One machine: directories are used where they are, nothing is copied or installed.
    * A worker enters one environment and never leaves it. Only the inline backend, which has
      no other process, enters and leaves (``entered``).
"""

from __future__ import annotations

import importlib
import importlib.machinery
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray_jupyter.errors import RuntimeEnvSetupError

if TYPE_CHECKING:
    from types import ModuleType

NONE = ""
"""The text of the environment that changes nothing."""

_INSTALL = "install it into the environment this session runs in (%pip install in a notebook)"
_UNSUPPORTED = {
    "conda": f"nothing is installed for single tasks; {_INSTALL}",
    "config": "there is no setup that could be configured; leave it out",
    "container": "tasks run on this machine as it is; start the session in the container",
    "excludes": "working_dir is used where it is, so nothing needs to be left out of a copy",
    "image_uri": "tasks run on this machine as it is; start the session in the container",
    "java_jars": "there is no Java here",
    "nsight": "profile the session: start Python under the profiler",
    "pip": f"nothing is installed for single tasks; {_INSTALL}",
    "py_executable": "workers are forked from the session's Python; start the session with that one",
    "rocprof_sys": "profile the session: start Python under the profiler",
    "uv": f"nothing is installed for single tasks; {_INSTALL}",
    "worker_process_setup_hook": "call the function at the beginning of the task",
}
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def check_environment(name: str, value: Any) -> str:
    """Return ``value`` (a ``runtime_env``) as text; paths are absolute in it.

    Args:
        name: what it was given as, for errors.
        value: a dict with ``env_vars``, ``working_dir`` and ``py_modules``, or ``None``; or the
            text of one.

    Raises:
        TypeError: a value is of the wrong type.
        ValueError: an unknown key, or a path that does not exist.
        NotImplementedError: a key or a path that only Ray honours.
    """
    if value is None or (isinstance(value, str) and _is_settled(value)):
        return value or NONE
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict such as {{'env_vars': {{...}}}}, got {value!r}")
    checked: dict[str, Any] = {}
    for key, given in value.items():
        if key in _UNSUPPORTED:
            if given:
                raise NotImplementedError(
                    f"{name}[{key!r}] is Ray's and not supported by ray_jupyter: {_UNSUPPORTED[key]}"
                )
        elif key not in _CHECKS:
            raise ValueError(f"{name} has no key {key!r}; there are: {', '.join(sorted(_CHECKS))}")
        elif given is not None and (settled := _CHECKS[key](f"{name}[{key!r}]", given)):
            checked[key] = settled
    return json.dumps(checked, sort_keys=True) if checked else NONE


def _is_settled(text: str) -> bool:
    """Return whether this is what ``check_environment`` returned before."""
    try:
        return text == NONE or json.dumps(json.loads(text), sort_keys=True) == text != "null"
    except ValueError:
        return False


def merged(parent: str, child: str) -> str:
    """Return the environment of what runs in ``parent`` and asks for ``child``.

    As in Ray: variables are merged one by one, everything else is replaced.
    """
    if not parent or not child or parent == child:
        return child or parent
    below, above = json.loads(parent), json.loads(child)
    variables = below.get("env_vars", {}) | above.get("env_vars", {})
    both = below | above | ({"env_vars": variables} if variables else {})
    return json.dumps(both, sort_keys=True)


def described(text: str) -> dict[str, Any]:
    """Return an environment as users write it."""
    return dict(json.loads(text)) if text else {}


def enter(text: str) -> None:
    """Change this process to the environment, for good.

    Raises:
        RuntimeEnvSetupError: a path has gone since it was checked.
    """
    wanted = described(text)
    folder = wanted.get("working_dir")
    modules = wanted.get("py_modules", ())
    try:
        if folder is not None:
            os.chdir(folder)
    except OSError as error:
        raise RuntimeEnvSetupError(f"runtime_env['working_dir']: {error}") from error
    for path in modules:
        if not Path(path).exists():
            raise RuntimeEnvSetupError(f"runtime_env['py_modules']: {path!r} is not there any more")
    if folder is not None:
        sys.path.insert(0, folder)
    if modules:
        sys.meta_path.insert(0, _Finder(modules))
    for variable, value in wanted.get("env_vars", {}).items():
        os.environ[variable] = _VARIABLE.sub(lambda m: os.environ.get(m[1], ""), value)
    importlib.invalidate_caches()


@contextmanager
def entered(text: str) -> Iterator[None]:
    """Run the block in the environment, then undo it: also the modules it imported from there."""
    if not text:
        yield
        return
    folder, path, finders = Path.cwd(), list(sys.path), list(sys.meta_path)
    variables, modules = dict(os.environ), set(sys.modules)
    try:
        enter(text)
        yield
    finally:
        os.chdir(folder)
        sys.path[:], sys.meta_path[:] = path, finders
        for name in os.environ.keys() - variables.keys():
            del os.environ[name]
        os.environ.update(variables)
        wanted = described(text)
        places = [wanted.get("working_dir"), *wanted.get("py_modules", ())]
        for name in sys.modules.keys() - modules:
            if _is_below(sys.modules[name], places):
                del sys.modules[name]


def _is_below(module: ModuleType, places: list[str | None]) -> bool:
    file = getattr(module, "__file__", None) or ""
    return any(place and (file == place or file.startswith(place + os.sep)) for place in places)


class _Finder(importlib.machinery.PathFinder):
    """Finds the modules of ``py_modules``, and not what lies beside them."""

    def __init__(self, paths: list[str]) -> None:
        self._folders = {_module_name(Path(path)): str(Path(path).parent) for path in paths}

    def find_spec(  # type: ignore[override]  # of the instance here
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        folder = self._folders.get(fullname)
        if folder is None:
            return None
        return importlib.machinery.PathFinder.find_spec(fullname, [folder], target)


def _module_name(path: Path) -> str:
    return path.name.removesuffix(".py")


def _env_vars(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict of text by name, got {value!r}")
    for variable, text in value.items():
        if not isinstance(variable, str) or not isinstance(text, str):
            raise TypeError(f"{name} must hold text only, got {variable!r}: {text!r}")
        if not variable or "=" in variable or "\0" in variable + text:
            raise ValueError(
                f"{name}: {variable!r} cannot be the name of a variable, or {text!r} its value"
            )
    return dict(value)


def _working_dir(name: str, value: Any) -> str:
    path = _local(name, value)
    if not path.is_dir():
        kind = "is not a directory" if path.exists() else "does not exist"
        hint = "; unpack it, and name the directory" if path.suffix == ".zip" else ""
        raise ValueError(f"{name}: '{path}' {kind}{hint}")
    return str(path)


def _py_modules(name: str, value: Any) -> list[str]:
    if isinstance(value, (str, os.PathLike)) or not isinstance(value, (list, tuple)):
        raise TypeError(f"{name} must be a list of packages' paths or modules, got {value!r}")
    paths = []
    for index, item in enumerate(value):
        where = f"{name}[{index}]"
        path = _local(where, _place_of(item) or item)
        if not path.exists():
            raise ValueError(f"{where}: '{path}' does not exist")
        if not (path.is_dir() or path.suffix == ".py"):
            raise ValueError(f"{where}: '{path}' is neither a directory nor a .py file; unpack it")
        if not _module_name(path).isidentifier():
            raise ValueError(f"{where}: '{path}' cannot be imported: not a name of Python's")
        paths.append(str(path))
    return paths


def _place_of(module: Any) -> str | None:
    """Return where a module is, or ``None`` if it is none."""
    if not isinstance(module, type(sys)):
        return None
    folders = list(getattr(module, "__path__", ()))
    return folders[0] if folders else module.__file__


def _local(name: str, value: Any) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path, got {value!r}")
    path = os.fspath(value)
    if "://" in path:
        raise NotImplementedError(
            f"{name}: {path!r} is remote, and nothing is fetched; download it, and give the path"
        )
    return Path(path).expanduser().absolute()


_CHECKS = {"env_vars": _env_vars, "py_modules": _py_modules, "working_dir": _working_dir}
