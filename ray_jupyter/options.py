"""The options of ``@remote``: Ray's names, one check each.

Lives here: tables of option names, ``check_options`` and the templates made from them.
Does not: what a backend does with them. Nothing is ignored in silence: an option of Ray
that this version does not honour raises ``NotImplementedError``, unless its value asks
for what happens anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray_jupyter.runtime.protocol.messages import (
    AFTER,
    MAX_CALLS,
    RUNTIME_ENV,
    SHOWS_ERRORS,
    STREAMING,
    TASK_EVENTS,
)
from ray_jupyter.runtime.protocol.specs import (
    NODE_ID,
    RESOURCE_UNITS,
    SPREAD,
    STRATEGY,
    STREAMS,
    TaskTemplate,
)
from ray_jupyter.scheduling_strategies import (
    NodeAffinitySchedulingStrategy,
    check_label_selector,
    check_strategy,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def check_options(options: Mapping[str, Any], *, actor: bool = False) -> dict[str, Any]:
    """Return ``options`` with today's names, each value checked.

    Raises:
        ValueError: an unknown option, or a value out of range.
        TypeError: a value of the wrong type.
        NotImplementedError: an option that only Ray honours.
    """
    if actor:
        return _check(options, "actors", _ACTOR, _ACTOR_NEUTRAL)
    return _check(options, "tasks", _TASK, _TASK_NEUTRAL)


def _check(
    options: Mapping[str, Any], kind: str, known: Mapping[str, Callable[[str, Any], None]],
    neutral: Mapping[str, tuple[Any, ...]],
) -> dict[str, Any]:  # fmt: skip
    checked: dict[str, Any] = {}
    for name, value in options.items():
        name = "num_returns" if name == "num_return_vals" and kind == "tasks" else name
        if name in known:
            known[name](name, value)
            if name == RUNTIME_ENV:
                from ray_jupyter.environment import check_environment  # importing us stays light

                # A relative path is relative to where it is written, not to where the task runs.
                value = check_environment(name, value)
            checked[name] = value
        elif name in neutral:
            if not any(value is plain or value == plain for plain in neutral[name]):
                raise NotImplementedError(
                    f"option {name}={value!r} is Ray's and not supported by ray_jupyter yet; "
                    "leave it out"
                )
        else:
            raise ValueError(
                f"unknown option {name!r} for {kind}{did_you_mean(name, known)}; "
                f"there are: {', '.join(sorted(known))}"
            )
    return checked


def check_method_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an actor's method, each value checked.

    Raises:
        ValueError, TypeError, NotImplementedError: see ``check_options``.
    """
    return _check(options, "methods", METHOD, _METHOD_NEUTRAL)


def make_template(
    function: Callable[..., Any], name: str, options: Mapping[str, Any], *,
    actor: bool = False, is_generator: bool = False,
) -> TaskTemplate:  # fmt: skip
    """Return the template of a task, or of an actor, which needs no CPU unless options say so.

    Raises:
        ValueError: ``num_returns`` does not fit the function.
    """
    retries, retry = options.get("max_retries"), options.get("retry_exceptions", False)
    num_returns, extras = returns(name, options, is_generator=is_generator)
    return TaskTemplate(
        function,
        name=options.get("name") or name,
        num_returns=num_returns,
        resources=_resources(options, num_cpus=0 if actor else 1),
        max_retries=3 if retries is None else retries,
        retry_exceptions=tuple(retry) if isinstance(retry, (list, tuple)) else bool(retry),
        extras=extras | _extras(options, actor=actor),
    )


def returns(
    name: str, options: Mapping[str, Any], *, is_generator: bool
) -> tuple[int, dict[str, Any]]:
    """Return ``num_returns`` of a template, and the extras that say how results come about.

    Raises:
        ValueError: ``num_returns`` does not fit the function.
    """
    asked: Any = options.get("num_returns")
    if asked is None:
        asked = "streaming" if is_generator else 1
    limit = options.get(_BACKPRESSURE)
    if asked in ("streaming", "dynamic") and not is_generator:
        raise ValueError(
            f"num_returns={asked!r} is for generator functions, and {name} has no yield; "
            "leave num_returns out, or say how many values it returns"
        )
    if asked == "streaming":
        return STREAMS, {STREAMING: max(0, limit or 0)}
    if limit is not None:
        raise ValueError(
            f"{_BACKPRESSURE}={limit!r} is for streams, and {name} has num_returns={asked!r}; "
            "leave one of both out"
        )
    if asked == "dynamic":
        return 1, {AFTER: "ray_jupyter.generators:gather"}
    if is_generator and asked < 2:
        raise ValueError(
            f"num_returns={asked!r} does not fit {name}, which is a generator: leave it out to "
            'get values as they are yielded, or say "dynamic", or a fixed number from 2 on'
        )
    return asked, {}


def _extras(options: Mapping[str, Any], *, actor: bool) -> dict[str, Any]:
    """Return what the runtime has to know of the less common options."""
    extras: dict[str, Any] = {}
    calls = options.get("max_calls")
    if calls is None and options.get("num_gpus") and not actor:
        calls = 1  # as in Ray: the process ends, so that nothing of it stays on the GPU
    if calls:
        extras[MAX_CALLS] = calls
    if options.get("enable_task_events") is False:
        extras[TASK_EVENTS] = False
    if options.get(SHOWS_ERRORS):  # not for users: see ``notebook.shipping``
        extras[SHOWS_ERRORS] = True
    if options.get("runtime_env"):
        extras[RUNTIME_ENV] = options["runtime_env"]
    strategy = options.get("scheduling_strategy")
    if isinstance(strategy, NodeAffinitySchedulingStrategy):
        extras[STRATEGY if strategy.soft else NODE_ID] = strategy.node_id
    elif strategy == SPREAD:
        extras[STRATEGY] = SPREAD
    return extras


def _resources(options: Mapping[str, Any], num_cpus: float) -> dict[str, float]:
    given = options.get("num_cpus")
    amounts = {
        "CPU": num_cpus if given is None else given,
        "GPU": options.get("num_gpus") or 0,
        "memory": options.get("memory") or 0,
        **(options.get("resources") or {}),
    }
    if options.get("accelerator_type"):
        # Ray's way: machines with such a GPU have one of this resource.
        amounts[f"accelerator_type:{options['accelerator_type']}"] = 0.001
    return {name: float(amount) for name, amount in amounts.items() if amount}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"``, or nothing when no known name is near."""
    import difflib

    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def _amount(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be at least 0, got {value!r}")
    if value and not round(value * RESOURCE_UNITS):
        raise ValueError(f"{name} counts in steps of {1 / RESOURCE_UNITS}, got {value!r}")


def _gpus(name: str, value: Any) -> None:
    _amount(name, value)
    if value is not None and value > 1 and value != int(value):
        raise ValueError(
            f"{name} must be a whole number, or less than 1 to share a GPU; got {value!r}"
        )


def _amounts(name: str, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict such as {{'disk': 1}}, got {value!r}")
    for key, amount in value.items():
        if key in ("CPU", "GPU", "memory"):
            raise ValueError(f"{name} must not hold {key!r}: use num_cpus=, num_gpus= or memory=")
        _amount(f"{name}[{key!r}]", amount)


def _whole(minimum: int) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be a whole number, got {value!r}")
        if value < minimum:
            raise ValueError(f"{name} must be at least {minimum}, got {value!r}")

    return check


def _whole_or_none(minimum: int) -> Callable[[str, Any], None]:
    whole = _whole(minimum)
    return lambda name, value: None if value is None else whole(name, value)


def _num_returns(name: str, value: Any) -> None:
    if value is None or value in ("streaming", "dynamic"):
        return
    if isinstance(value, str):
        raise ValueError(f'{name} must be a number, "streaming" or "dynamic", got {value!r}')
    _whole(0)(name, value)


def _backpressure(name: str, value: Any) -> None:
    if value is None or value == -1:  # no limit
        return
    _whole(1)(name, value)


def _exceptions(name: str, value: Any) -> None:
    kinds = [value] if isinstance(value, bool) else value
    if not isinstance(kinds, (list, tuple)) or not all(
        isinstance(kind, bool) or (isinstance(kind, type) and issubclass(kind, BaseException))
        for kind in kinds
    ):
        raise TypeError(f"{name} must be True, False or a list of exception types, got {value!r}")


def _name(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} must be text, got {value!r}")


def _label(name: str, value: Any) -> None:
    _name(name, value)
    if value == "":
        raise ValueError(f"{name} must not be empty")


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def _or_none(check: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
    return lambda name, value: None if value is None else check(name, value)


def _events_of_an_actor(name: str, value: Any) -> None:
    _flag(name, value)
    if value is False:
        raise NotImplementedError(
            f"{name}=False is for tasks here: an actor's calls are always recorded; leave it out"
        )


def _dict(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict, got {value!r}")


def _lifetime(name: str, value: Any) -> None:
    if value not in (None, "detached", "non_detached"):
        raise ValueError(f"{name} must be 'detached', 'non_detached' or None, got {value!r}")


def _groups(name: str, value: Any) -> None:
    group: Any
    for group, limit in concurrency_groups({name: value}).items():
        if not isinstance(group, str) or not group:
            raise TypeError(f"{name} must have names as keys, got {group!r}")
        _whole(1)(f"{name}[{group!r}]", limit)


def concurrency_groups(options: Mapping[str, Any]) -> dict[str, int]:
    """Return the limits of an actor's concurrency groups by name.

    Raises:
        TypeError: neither a dict nor a list of dicts, as Ray takes them.
    """
    value = options.get("concurrency_groups") or {}
    if isinstance(value, dict):
        return value
    keys = {"name", "max_concurrency"}
    listed = list(value) if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(item, dict) and item.keys() == keys for item in listed):
        raise TypeError(
            "concurrency_groups must be a dict such as {'io': 2}, or a list such as "
            f"[{{'name': 'io', 'max_concurrency': 2}}], got {value!r}"
        )
    return {item["name"]: item["max_concurrency"] for item in value}


_COMMON: dict[str, Callable[[str, Any], None]] = {
    "_labels": _or_none(_dict),  # of the task itself: shown by Ray's dashboard, without effect
    "_metadata": _or_none(_dict),
    "accelerator_type": _name,
    "enable_task_events": _or_none(_flag),
    "label_selector": check_label_selector,
    "memory": _amount,
    "num_cpus": _amount,
    "num_gpus": _gpus,
    "resources": _amounts,
    "runtime_env": lambda name, value: None,  # see ``check_options``
    "scheduling_strategy": check_strategy,
}
_BACKPRESSURE = "_generator_backpressure_num_objects"
_TASK = _COMMON | {
    _BACKPRESSURE: _backpressure,
    "max_calls": _whole_or_none(0),
    "max_retries": _whole_or_none(-1),
    "name": _name,
    "num_returns": _num_returns,
    "retry_exceptions": _exceptions,
}
_ACTOR = _COMMON | {
    "allow_out_of_order_execution": _or_none(_flag),
    "concurrency_groups": _groups,
    "enable_task_events": _or_none(_events_of_an_actor),
    "get_if_exists": _flag,
    "lifetime": _lifetime,
    "max_concurrency": _or_none(_whole(1)),
    "max_pending_calls": _whole(-1),
    "max_restarts": _whole(-1),
    "max_task_retries": _whole(-1),
    "name": _label,
    "namespace": _label,
}
METHOD: dict[str, Callable[[str, Any], None]] = {
    _BACKPRESSURE: _backpressure,
    "concurrency_group": _name,
    "max_task_retries": _or_none(_whole(-1)),
    "name": _name,
    "num_returns": _num_returns,
    "retry_exceptions": _exceptions,
}
_METHOD_NEUTRAL = {"enable_task_events": (None, True, False), "tensor_transport": (None,)}

# Options that only Ray honours, with the values that ask for what happens anyway.
_COMMON_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "fallback_strategy": (None, []),
    "object_store_memory": (None,),
    "placement_group": (None, "default"),
    "placement_group_bundle_index": (-1,),
    "placement_group_capture_child_tasks": (None,),
}
_TASK_NEUTRAL = _COMMON_NEUTRAL
_ACTOR_NEUTRAL = _COMMON_NEUTRAL | {"enable_tensor_transport": (None, False)}
