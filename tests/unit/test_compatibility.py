"""The compatibility table is complete, and true as far as names go."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

import ray_jupyter as ray
from ray_jupyter import options

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "compatibility.md"
ROW = re.compile(r"^\| `([^`]+)` \| (supported|different|not supported) \|(.*)\|$", re.MULTILINE)
ROWS = {name: (status, note.strip()) for name, status, note in ROW.findall(PAGE.read_text("utf-8"))}

RAY = [
    "ObjectRef",
    "ObjectRefGenerator",
    "DynamicObjectRefGenerator",
    "LoggingConfig",
    "Language",
    "client",
    "ClientBuilder",
    "available_resources",
    "cancel",
    "cluster_resources",
    "get",
    "get_actor",
    "get_gpu_ids",
    "get_runtime_context",
    "init",
    "is_initialized",
    "kill",
    "method",
    "nodes",
    "put",
    "remote",
    "shutdown",
    "timeline",
    "wait",
    "cpp_function",
    "java_function",
    "java_actor_class",
    "SCRIPT_MODE",
    "WORKER_MODE",
    "ActorID",
    "JobID",
    "NodeID",
    "TaskID",
    "WorkerID",
]
EXCEPTIONS = [
    "ActorAlreadyExistsError",
    "ActorDiedError",
    "ActorHandleNotFoundError",
    "ActorUnavailableError",
    "ActorUnschedulableError",
    "AsyncioActorExit",
    "GetTimeoutError",
    "LocalRayletDiedError",
    "NodeDiedError",
    "ObjectFetchTimedOutError",
    "ObjectFreedError",
    "ObjectLostError",
    "ObjectReconstructionFailedError",
    "ObjectStoreFullError",
    "OutOfDiskError",
    "OutOfMemoryError",
    "OwnerDiedError",
    "PendingCallsLimitExceeded",
    "RayActorError",
    "RayError",
    "RaySystemError",
    "RayTaskError",
    "RuntimeEnvSetupError",
    "TaskCancelledError",
    "TaskUnschedulableError",
    "WorkerCrashedError",
]
UTIL = [
    "ActorPool",
    "as_completed",
    "map_unordered",
    "inspect_serializability",
    "list_named_actors",
    "get_node_ip_address",
    "placement_group",
    "remove_placement_group",
    "get_current_placement_group",
    "placement_group_table",
    "register_serializer",
    "deregister_serializer",
    "queue.Queue",
    "multiprocessing.Pool",
    "joblib.register_ray",
    "collective",
    "pdb",
    "connect",
    "disconnect",
    "log_once",
]
STATE = [
    "list_tasks",
    "list_actors",
    "list_objects",
    "list_workers",
    "list_nodes",
    "list_jobs",
    "list_placement_groups",
    "list_runtime_envs",
    "list_logs",
    "list_cluster_events",
    "get_task",
    "get_actor",
    "get_objects",
    "get_worker",
    "get_node",
    "get_log",
    "summarize_tasks",
    "summarize_actors",
    "summarize_objects",
]
TASK_OPTIONS = [
    "num_cpus",
    "num_gpus",
    "memory",
    "resources",
    "accelerator_type",
    "num_returns",
    "max_calls",
    "max_retries",
    "retry_exceptions",
    "runtime_env",
    "scheduling_strategy",
    "name",
    "label_selector",
    "fallback_strategy",
    "enable_task_events",
    "_metadata",
    "_labels",
    "_generator_backpressure_num_objects",
    "object_store_memory",
]
ACTOR_OPTIONS = [
    "max_restarts",
    "max_task_retries",
    "max_concurrency",
    "max_pending_calls",
    "namespace",
    "lifetime",
    "get_if_exists",
    "concurrency_groups",
    "allow_out_of_order_execution",
]
EXPECTED = {
    *(f"ray.{name}" for name in RAY),
    *(f"ray.exceptions.{name}" for name in EXCEPTIONS),
    *(f"ray.util.{name}" for name in UTIL),
    *(f"ray.util.state.{name}" for name in STATE),
    *(f"{name}=" for name in TASK_OPTIONS + ACTOR_OPTIONS),
}


def test_every_name_has_one_row() -> None:
    names = [name for name, _, _ in ROW.findall(PAGE.read_text("utf-8"))]
    assert sorted(names) == sorted(set(names)), "a name stands twice"
    assert sorted(EXPECTED - set(names)) == []


@pytest.mark.parametrize("name", [n for n, (status, _) in ROWS.items() if status != "supported"])
def test_a_difference_is_explained(name: str) -> None:
    assert len(ROWS[name][1]) > 10


@pytest.mark.parametrize(
    "name", [n for n, (status, _) in ROWS.items() if status != "not supported" and "." in n]
)
def test_what_is_there_is_there(name: str) -> None:
    assert resolve(name) is not None


@pytest.mark.parametrize(
    "name", [n for n, (status, _) in ROWS.items() if status == "not supported" and "." in n]
)
def test_what_is_not_there_says_so(name: str) -> None:
    with pytest.raises((AttributeError, ImportError)):
        resolve(name)


@pytest.mark.parametrize("name", [n for n in ROWS if n.endswith("=")])
def test_options_are_known(name: str) -> None:
    source = inspect.getsource(options)
    assert f'"{name[:-1]}"' in source


def resolve(name: str) -> object:
    """Return what a dotted name below ``ray`` stands for."""
    found: object = ray
    path = "ray_jupyter"
    for part in name.split(".")[1:]:
        path = f"{path}.{part}"
        if inspect.ismodule(found) and not hasattr(found, part):
            found = importlib.import_module(path)
        else:
            found = getattr(found, part)
    return found
