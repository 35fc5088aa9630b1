"""The driver modes of 2016: ``init(driver_mode=ray.PYTHON_MODE)``, and what they ask for today.

====================  ====================================================================
``SCRIPT_MODE``       a script as the driver: what ``init`` does anyway
``SHELL_MODE``        a shell or notebook as the driver: the same
``SILENT_MODE``       nothing that workers print is shown here: ``log_to_driver=False``
``PYTHON_MODE``       everything runs here, serially: ``mode="inline"``
``WORKER_MODE``       this process is a worker; the session starts its workers itself
====================  ====================================================================
"""

from __future__ import annotations

from typing import Any

SCRIPT_MODE = "SCRIPT_MODE"
WORKER_MODE = "WORKER_MODE"
SHELL_MODE = "SHELL_MODE"
PYTHON_MODE = "PYTHON_MODE"
SILENT_MODE = "SILENT_MODE"

_SETTINGS: dict[str, dict[str, Any]] = {
    SCRIPT_MODE: {},
    SHELL_MODE: {},
    SILENT_MODE: {"log_to_driver": False},
    PYTHON_MODE: {"mode": "inline"},
}


def settle(driver_mode: object, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``init`` with what a driver mode stands for.

    Raises:
        NotImplementedError: ``WORKER_MODE``.
        ValueError: not a driver mode, or an argument that contradicts it.
    """
    if driver_mode is None:
        return arguments
    if driver_mode == WORKER_MODE:
        raise NotImplementedError(
            "driver_mode=WORKER_MODE: workers are started by the session and connect by "
            "themselves; call init(num_cpus=...) in the driver"
        )
    if not isinstance(driver_mode, str) or driver_mode not in _SETTINGS:
        raise ValueError(f"driver_mode must be one of {', '.join(_SETTINGS)}, got {driver_mode!r}")
    settings = _SETTINGS[driver_mode]
    for name, value in settings.items():
        if arguments.get(name) not in (None, value):
            raise ValueError(
                f"init() got driver_mode={driver_mode}, which means {name}={value!r}, and "
                f"{name}={arguments[name]!r}; leave one of them out"
            )
    return arguments | settings
