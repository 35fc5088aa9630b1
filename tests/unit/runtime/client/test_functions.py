"""Registrations: one per pickle and options, ended with the last template."""

from __future__ import annotations

import functools
import gc
import threading
from typing import Any

import pytest

from ray_jupyter.errors import SerializationError
from ray_jupyter.runtime.client.functions import Functions, pickle_function
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.runtime.protocol.ids import Reference
from ray_jupyter.runtime.protocol.specs import TaskTemplate
from ray_jupyter.runtime.store.serialization import deserialize, note_reference

LOCK = threading.Lock()


class Ref(Reference):
    def __init__(self, id: int) -> None:
        self.id = id

    def __reduce__(self) -> tuple[Any, ...]:
        assert note_reference(self)
        return Ref, (self.id,)


def template_of(function: Any, **options: Any) -> TaskTemplate:
    return TaskTemplate(function, **{"name": "work", **options})


def test_the_definition_says_all(client: Any, scheduler: Any) -> None:
    template = template_of(
        lambda x: x + 1, name="add", num_returns=2, resources={"CPU": 0.5, "GPU": 0},
        max_retries=5, retry_exceptions=(ValueError,),
    )  # fmt: skip
    registration = client._functions.register(template)
    client.channel.flush()
    ((_, template_id, definition),) = scheduler.wait_for(m.DEFINE)
    assert template_id == registration.id
    kind, name, function, held, resources, num_returns, max_retries, method, extras = definition
    assert (kind, name, held, num_returns, max_retries, method) == ("task", "add", (), 2, 5, "")
    [(extra, version)] = extras
    assert extra == m.VERSION
    assert "test_the_definition_says_all.<locals>.<lambda>@" in version
    assert resources == (("CPU", 5000),)
    loaded, retry_exceptions = deserialize(function)
    assert (loaded(1), retry_exceptions) == (2, (ValueError,))


def test_the_same_pickle_and_options_share(client: Any) -> None:
    function: Any = lambda: 1  # noqa: E731 - its pickle is what counts
    register = client._functions.register
    first = register(template_of(function))
    assert register(template_of(function)) is first
    assert register(template_of(function, name="other")) is not first
    assert register(template_of(function, num_returns=2)) is not first
    assert register(template_of(function, resources={"CPU": 2})) is not first
    assert register(template_of(function, max_retries=0)) is not first
    assert register(template_of(lambda: 2)) is not first


def test_a_method_has_no_function(client: Any, scheduler: Any) -> None:
    client._functions.register(template_of(None, method="run"), kind=m.METHOD)
    client.channel.flush()
    ((_, _, definition),) = scheduler.wait_for(m.DEFINE)
    assert (definition[0], definition[2], definition[7]) == (m.METHOD, b"", "run")


def test_a_registration_ends_with_its_last_template(client: Any) -> None:
    functions: Functions = client._functions
    ref = Ref(7)
    first, second = template_of(lambda: ref), template_of(lambda: ref)
    registered = {functions.register(one).id for one in (first, second)}
    del first
    gc.collect()
    survivors = len(registered) - 1
    assert len(functions.ended) == survivors
    del second
    gc.collect()
    assert sorted(functions.ended) == sorted(registered)
    functions.ended.clear()


def test_recent_ones_outlive_their_templates_and_old_ones_do_not(client: Any) -> None:
    def numbered(number: int) -> Any:
        return lambda: number

    functions: Functions = client._functions
    first = functions.register(template_of(numbered(0))).id
    assert not functions.ended
    for number in range(1, 200):
        functions.register(template_of(numbered(number)))
    assert first in functions.ended
    assert len(functions.ended) < 200


def test_the_end_is_posted(client: Any, scheduler: Any) -> None:
    ref = Ref(7)
    registered = client._functions.register(template_of(lambda: ref)).id
    gc.collect()
    client.channel.flush()
    scheduler.wait_for(m.UNDEFINE)
    assert scheduler.of_kind(m.UNDEFINE) == [(m.UNDEFINE, [registered])]


def test_references_of_the_function_are_held(client: Any, scheduler: Any) -> None:
    closed_over, default = Ref(7), Ref(8)

    def work(argument: Any = default) -> Any:
        return closed_over

    client._functions.register(template_of(work))
    client.channel.flush()
    ((_, _, definition),) = scheduler.wait_for(m.DEFINE)
    assert sorted(definition[3]) == [7, 8]


def test_a_large_function_goes_to_the_store_and_is_the_templates_alone(
    client: Any, scheduler: Any
) -> None:
    data = b"x" * 5000
    template = template_of(lambda: data)
    client._functions.register(template)
    client.channel.flush()
    ((_, _, definition),) = scheduler.wait_for(m.DEFINE)
    ((_, [(object_id, descriptor, _)]),) = scheduler.wait_for(m.PUT)
    assert definition[2] == object_id
    assert definition[3] == (object_id,)
    assert descriptor[0] == m.STORED
    client.channel.flush()
    client.query("ping")
    assert scheduler.of_kind(m.RELEASE) == [(m.RELEASE, [object_id])]


def test_a_demand_beyond_the_machine_is_refused(client: Any) -> None:
    with pytest.raises(ValueError, match=r"work asks for 3 CPU, and this session has 2: "):
        client._functions.register(template_of(lambda: 1, resources={"CPU": 3}))
    with pytest.raises(ValueError, match=r"asks for 1 disk, and this session has 0"):
        client._functions.register(template_of(lambda: 1, resources={"disk": 1}))


def test_the_variable_that_cannot_be_pickled_is_named() -> None:
    lock = LOCK

    def closure() -> Any:
        return lock

    names: dict[str, Any] = {"LOCK": LOCK, "__name__": "__main__"}
    exec("def uses_global(): return LOCK", names)

    def default(argument: Any = lock) -> None: ...

    def keyword(*, argument: Any = lock) -> None: ...

    for function, text in (
        (closure, r"the closure variable 'lock' \(lock\)"),
        (names["uses_global"], r"the global variable 'LOCK' \(lock\)"),
        (default, r"the default of argument 'argument' \(lock\)"),
        (keyword, r"the default of argument '\w+' \(lock\)"),
    ):
        with pytest.raises(SerializationError, match=f"work cannot be sent .*uses {text}"):
            pickle_function(template_of(function))


def test_what_is_no_function_fails_with_its_type() -> None:
    with pytest.raises(SerializationError, match="cannot pickle"):
        pickle_function(template_of(functools.partial(print, LOCK)))


def test_a_companion_goes_with_what_is_registered_afterwards(client: Any) -> None:
    defined: list[m.Definition] = []
    functions = Functions(
        client, lambda d: defined.append(d) or len(defined), lambda _: 0, lambda _: None,
        {"CPU": 10_000}, 1000, "session",
    )  # fmt: skip
    before = functions.register(template_of(abs))
    functions.companion = 77
    after = functions.register(template_of(abs))
    assert functions.register(template_of(abs)) is after is not before
    assert (defined[0][3], defined[0][8]) == ((), ())
    assert (defined[1][3], defined[1][8]) == ((77,), ((m.COMPANION, 77),))
