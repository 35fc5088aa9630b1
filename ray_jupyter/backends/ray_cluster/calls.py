"""Templates as Ray's remote functions and actor classes, made once and kept with the template."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ray_jupyter.backends.base import Capability
from ray_jupyter.backends.ray_cluster.packing import seal
from ray_jupyter.backends.ray_cluster.shell import Job, RetryableFailure, make_runner, make_shell
from ray_jupyter.environment import described
from ray_jupyter.runtime.protocol.messages import MAX_CALLS, RUNTIME_ENV, STREAMING, TASK_EVENTS
from ray_jupyter.runtime.protocol.specs import NODE_ID, SPREAD, STRATEGY, STREAMS, TaskTemplate

_OF_THEIR_OWN = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}
_BACKPRESSURE = "_generator_backpressure_num_objects"


class Registered(NamedTuple):
    """What a template is to Ray.

    Attributes:
        owner: the backend that registered it.
        target: what is called: a ``RemoteFunction``, an actor class of Ray, or the options of a method.
    """

    owner: object
    target: Any


def bare(template: TaskTemplate) -> TaskTemplate:
    """Return the template as it travels: without the function, and what is known of it here."""
    return TaskTemplate(
        None, name=template.name, num_returns=template.num_returns, resources=template.resources,
        max_retries=template.max_retries, retry_exceptions=template.retry_exceptions,
        method=template.method, extras=template.extras,
    )  # fmt: skip


class RemoteFunction:
    """Ray's remote functions for a template of a task.

    Two, because Ray compares what a call gives with the signature of its function, except where both
    are empty: that is 2 % of the time of a no-op.

    Raises:
        SerializationError: the function cannot be pickled.
    """

    def __init__(self, template: TaskTemplate, companion: bytes) -> None:
        job = Job(bare(template), seal(template), companion, os.urandom(8))
        made = ray.remote(
            name=template.name, max_retries=template.max_retries,
            retry_exceptions=[RetryableFailure] if template.retry_exceptions else False,
            **_placing(template), **returns(template),
        )  # fmt: skip
        self._with = made(make_runner(job, takes_nothing=False))
        # Ray counts the calls of each function by itself.
        is_counted = MAX_CALLS in template.extras
        self._without = self._with if is_counted else made(make_runner(job, takes_nothing=True))

    def remote(self, *given: Any) -> Any:
        """Call it with what ``pack`` made; return what Ray returns."""
        return self._with.remote(*given) if given else self._without.remote()


def actor_class(template: TaskTemplate, companion: bytes) -> Any:
    """Return Ray's actor class for a template of an actor.

    Raises:
        SerializationError: the class cannot be pickled.
    """
    extras = template.extras
    job = Job(bare(template), seal(template), companion, os.urandom(8))
    options: dict[str, Any] = _placing(template)
    for name in ("max_restarts", "max_task_retries", "max_concurrency", "max_pending_calls"):
        if name in extras:
            options[name] = extras[name]
    if extras.get("groups"):
        options["concurrency_groups"] = dict(extras["groups"])
    if extras.get("unordered") and not extras.get("max_concurrency"):
        options["allow_out_of_order_execution"] = True
    if extras.get("detached"):
        options["lifetime"] = "detached"
    if "name" in extras:
        options["name"], options["namespace"] = extras["name"], extras["namespace"]
    return ray.remote(**options)(make_shell(job, is_async=bool(extras.get("is_async"))))


def method_options(template: TaskTemplate) -> dict[str, Any]:
    """Return Ray's options for calls of a method."""
    options = {"name": template.name, "max_task_retries": template.max_retries, **returns(template)}
    if template.retry_exceptions:
        options["retry_exceptions"] = [RetryableFailure]
    if "concurrency_group" in template.extras:
        options["concurrency_group"] = template.extras["concurrency_group"]
    return options


def returns(template: TaskTemplate) -> dict[str, Any]:
    """Return the options that say what a call makes."""
    if template.num_returns != STREAMS:
        # One for none: the reference tells Ray's name of the task.
        return {"num_returns": max(1, template.num_returns)}
    limit = template.extras[STREAMING]
    return {"num_returns": "streaming", **({_BACKPRESSURE: limit} if limit else {})}


def _placing(template: TaskTemplate) -> dict[str, Any]:
    """Return the options that say where a call runs, and in what environment.

    Raises:
        NotImplementedError: its environment has files: Ray sends those of a job only.
    """
    extras, options = template.extras, _resources(template.resources)
    if RUNTIME_ENV in extras:
        options["runtime_env"] = wanted = described(extras[RUNTIME_ENV])
        if not wanted.keys().isdisjoint(("working_dir", "py_modules")):
            Capability.TASK_FILES.refuse("ray_cluster")
    if NODE_ID in extras:
        options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(extras[NODE_ID], False)
    elif STRATEGY in extras:
        wish = extras[STRATEGY]
        options["scheduling_strategy"] = (
            wish if wish == SPREAD else NodeAffinitySchedulingStrategy(wish, True)
        )
    for name in (MAX_CALLS, TASK_EVENTS):
        if name in extras:
            options[name] = extras[name]
    return options


def _resources(amounts: Mapping[str, float]) -> dict[str, Any]:
    options: dict[str, Any] = {"num_cpus": 0}
    further = {}
    for name, amount in amounts.items():
        if name in _OF_THEIR_OWN:
            options[_OF_THEIR_OWN[name]] = amount
        else:
            further[name] = amount
    return options | ({"resources": further} if further else {})
