"""How actors live and end: restarts, names, exits, what a call knows of itself."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

import ray_jupyter as ray
from ray_jupyter import actors, session
from ray_jupyter.backends.base import Capability
from ray_jupyter.testing.suite.base import BackendSuite, eventually, statistics

DEADLINE_S = 30.0


class _Account:
    """Counts; may end itself, and leaves a note when it ends in peace."""

    def __init__(self, start: int = 0, note: Path | None = None) -> None:
        if start < 0:
            raise ValueError("starts below zero")
        self.count, self.note = start, note

    def add(self, amount: int = 1) -> int:
        self.count += amount
        return self.count

    def leave(self) -> None:
        actors.exit_actor()

    def was_made_again(self) -> bool:
        return ray.get_runtime_context().was_current_actor_reconstructed

    def facts(self) -> tuple[Any, ...]:
        context = ray.get_runtime_context()
        return (
            context.get_actor_id(), context.get_actor_name(), context.namespace,
            context.get_task_name(), context.get_task_function_name(),
            context.get_assigned_resources(), context.get_accelerator_ids(),
        )  # fmt: skip

    def myself(self) -> Any:
        return ray.get_runtime_context().current_actor

    def in_a_child(self) -> Any:
        @ray.remote(num_cpus=0)
        def child() -> Any:
            context = ray.get_runtime_context()
            return context.get_actor_id(), context.get_task_name()

        return ray.get(child.remote())

    def __ray_shutdown__(self) -> None:
        if self.note is not None:
            self.note.touch()


Account = ray.remote(_Account)


def assert_dead(account: Any, text: str) -> None:
    """Every call fails with a death that says why."""
    for _ in range(2):
        with pytest.raises(ray.ActorDiedError, match=text):
            ray.get(account.add.remote(), timeout=DEADLINE_S)


class ActorLifeTests(BackendSuite):
    """What any backend must do with the lives of actors."""

    def test_a_kill_that_allows_a_restart(self) -> None:
        account = Account.options(max_restarts=1).remote(ray.put(10))
        assert ray.get(account.add.remote()) == 11
        assert ray.get(account.was_made_again.remote()) is False
        ray.kill(account, no_restart=False)
        assert ray.get(account.add.remote(), timeout=DEADLINE_S) == 11
        assert ray.get(account.was_made_again.remote()) is True
        ray.kill(account, no_restart=False)
        assert_dead(account, "kill")

    def test_a_kill_that_allows_none(self) -> None:
        account = Account.options(max_restarts=-1).remote()
        assert ray.get(account.add.remote()) == 1
        ray.kill(account)
        assert_dead(account, "kill")

    def test_what_a_restart_needs_goes_with_the_actor(self) -> None:
        gc.collect()
        eventually(lambda: _objects() == 0)
        account = Account.options(max_restarts=3).remote(ray.put(10))
        assert ray.get(account.add.remote()) == 11
        assert _objects() == 2
        ray.kill(account, no_restart=False)
        assert ray.get(account.add.remote(), timeout=DEADLINE_S) == 11
        del account
        eventually(lambda: _objects() == 0)

    def test_exit_from_inside(self, tmp_path: Path) -> None:
        account = Account.options(max_restarts=-1).remote(5, tmp_path / "note")
        with pytest.raises(ray.ActorDiedError, match="exit_actor"):
            ray.get(account.leave.remote(), timeout=DEADLINE_S)
        assert_dead(account, "exit_actor")
        eventually((tmp_path / "note").exists)

    def test_exit_is_for_actors(self) -> None:
        with pytest.raises(TypeError, match="outside of an actor"):
            actors.exit_actor()

        @ray.remote
        def leave() -> None:
            actors.exit_actor()

        with pytest.raises(TypeError, match="outside of an actor"):
            ray.get(leave.remote())

    def test_terminate_comes_after_the_calls_before_it(self, tmp_path: Path) -> None:
        lacks = session.connected().lacks
        words = "exit" if Capability.DEATH_WORDS in lacks else "__ray_terminate__"
        for limit in (1,) if Capability.ORDERED_EXIT in lacks else (1, 4):
            note = tmp_path / str(limit)
            account = Account.options(max_concurrency=limit).remote(0, note)
            calls = [account.add.remote() for _ in range(20)]
            ended = account.__ray_terminate__.remote()
            assert sorted(ray.get(calls, timeout=DEADLINE_S)) == list(range(1, 21))
            with pytest.raises(ray.ActorDiedError, match=words):
                ray.get(ended, timeout=DEADLINE_S)
            assert_dead(account, words)
            eventually(note.exists)

    def test_the_last_handle_goes(self, tmp_path: Path) -> None:
        account = Account.remote(3, tmp_path / "note")
        assert ray.get(account.add.remote()) == 4
        del account
        eventually(lambda: statistics() and (tmp_path / "note").exists())

    # Names

    def test_named_actors(self) -> None:
        account = Account.options(name="account").remote(1)
        assert ray.get_actor("account") == account
        assert ray.get(ray.get_actor("account").add.remote()) == 2
        assert actors.list_named_actors() == ["account"]
        with pytest.raises(ValueError, match="'account' is taken"):
            Account.options(name="account").remote()
        same = Account.options(name="account", get_if_exists=True).remote(50)
        assert ray.get(same.add.remote()) == 3
        ray.kill(account)
        with pytest.raises(ValueError, match="no actor named 'account'"):
            ray.get_actor("account")
        for name in ("", 5):
            with pytest.raises(ValueError, match="needs the name of an actor"):
                ray.get_actor(name)  # type: ignore[arg-type]
        assert ray.get(Account.options(name="account").remote(7).add.remote()) == 8
        del account, same
        eventually(lambda: actors.list_named_actors() == [])

    def test_names_live_in_namespaces(self) -> None:
        here = Account.options(name="one").remote(1)
        there = Account.options(name="one", namespace="there").remote(100)
        assert ray.get_actor("one") == here
        assert ray.get_actor("one", "there") == there
        listed = actors.list_named_actors(all_namespaces=True)
        space = ray.get_runtime_context().namespace
        assert {"name": "one", "namespace": "there"} in listed
        assert {"name": "one", "namespace": space} in listed
        with pytest.raises(ValueError, match="no actor named 'one' in namespace 'nowhere'"):
            ray.get_actor("one", "nowhere")

    def test_a_handle_by_name_counts(self) -> None:
        self.needs(Capability.HOLDING_BY_NAME)
        account = Account.options(name="counted").remote(1)
        found = ray.get_actor("counted")
        del account
        assert ray.get(found.add.remote()) == 2
        del found
        eventually(lambda: actors.list_named_actors() == [])

    def test_a_detached_actor_lives_until_it_is_killed(self) -> None:
        @ray.remote
        def make() -> Any:
            account = Account.options(name="lasting", lifetime="detached").remote(1)
            return ray.get(account.add.remote())

        assert ray.get(make.remote()) == 2
        gc.collect()
        assert ray.get(ray.get_actor("lasting").add.remote()) == 3
        ray.kill(ray.get_actor("lasting"))
        eventually(lambda: actors.list_named_actors() == [])

    def test_names_are_found_in_tasks(self) -> None:
        @ray.remote
        def use() -> Any:
            return ray.get(ray.get_actor("shared").add.remote(5))

        account = Account.options(name="shared").remote()
        assert ray.get([use.remote() for _ in range(4)]) != []
        assert ray.get(account.add.remote(0)) == 20

    def test_a_failed_constructor_frees_the_name(self) -> None:
        broken = Account.options(name="broken").remote(-1)
        with pytest.raises(ray.ActorDiedError, match="starts below zero"):
            ray.get(broken.add.remote())
        assert ray.get(Account.options(name="broken").remote().add.remote()) == 1

    # What a call knows of itself

    def test_the_context_of_a_driver(self) -> None:
        context = ray.get_runtime_context()
        assert context.get_job_id()
        assert context.get_node_id() == ray.nodes()[0]["NodeID"]
        assert context.get_worker_id()
        for answer in (
            context.get_task_id(), context.get_task_name(), context.get_task_function_name(),
            context.get_actor_id(), context.get_actor_name(),
        ):  # fmt: skip
            assert answer is None
        assert context.get_assigned_resources() == {}
        with pytest.raises(RuntimeError, match="current_actor is for methods"):
            _ = context.current_actor
        with pytest.raises(NotImplementedError, match="gcs_address is Ray's"):
            _ = context.gcs_address
        assert not hasattr(context, "get_anything")

    def test_the_context_of_a_task(self) -> None:
        @ray.remote(num_cpus=1, resources={"disk": 1})
        def facts() -> tuple[Any, ...]:
            context = ray.get_runtime_context()
            return (
                context.get_task_id(), context.get_task_name(), context.get_assigned_resources(),
                context.get_actor_id(), context.get_task_function_name(), context.get_job_id(),
            )  # fmt: skip

        ref = facts.options(name="renamed").remote()
        task_id, name, resources, actor, function, job = ray.get(ref)
        assert (task_id, name, actor) == (ref.task_id(), "renamed", None)
        assert resources == {"CPU": 1.0, "disk": 1.0}
        assert function.endswith("facts")
        assert job == ray.get_runtime_context().get_job_id()

    def test_the_context_of_an_actor(self) -> None:
        account = Account.options(name="known", num_cpus=1).remote()
        space = ray.get_runtime_context().namespace
        function = f"{__name__}._Account.facts"
        assert ray.get(account.facts.remote()) == (
            account._ref.hex(), "known", space, "_Account.facts", function, {"CPU": 1.0},
            {"GPU": []},
        )  # fmt: skip
        assert ray.get(account.myself.remote()) == account
        assert ray.get(ray.get(account.myself.remote()).add.remote()) == 1
        assert ray.get(account.in_a_child.remote()) == (None, "child")


def _objects() -> int:
    return int(statistics()["objects"])
