"""Which definitions of a cell become remote."""

from __future__ import annotations

import ast
import enum
import textwrap
from typing import Any

import pytest
from IPython.core.error import UsageError

import ray_jupyter as ray
from ray_jupyter.notebook.definitions import Definition, read_definitions, summary


def read(code: str, *names: str, **variables: Any) -> list[Definition]:
    return read_definitions(ast.parse(textwrap.dedent(code)), names, variables)


def remote_names(code: str, *names: str, **variables: Any) -> list[str]:
    return [d.name for d in read(code, *names, **variables) if d.is_remote]


def test_functions_and_classes_become_remote() -> None:
    code = "def f(): ...\nclass C: ...\nasync def g(): ..."
    assert remote_names(code) == ["f", "C", "g"]


def test_only_the_top_level_counts() -> None:
    code = """
    def outer():
        def inner(): ...
    if True:
        def conditional(): ...
    """
    assert [d.name for d in read(code)] == ["outer"]


def test_private_names_stay_plain() -> None:
    assert remote_names("def f(): ...\ndef _helper(): ...\nclass _C: ...") == ["f"]


@pytest.mark.parametrize(
    "plain",
    [
        "@dataclass\nclass P: ...",
        "@dataclasses.dataclass(frozen=True)\nclass P: ...",
        "class P(Exception): ...",
        "class P(OSError): ...",
        "class P(KeyboardInterrupt): ...",
        "import enum\nclass P(enum.IntEnum): ...",
        "from enum import Enum as E\nclass P(E): ...",
        "from not_imported_yet import SomeError\nclass P(SomeError): ...",
        "from typing import NamedTuple\nclass P(NamedTuple): ...",
        "import typing as t\nclass P(t.TypedDict): ...",
        "class _Base(ValueError): ...\nclass P(_Base): ...",
        "class P(MyColour): ...",
        "class P(errors.MyError): ...",
    ],
)
def test_data_classes_enums_and_exceptions_stay_plain(plain: str) -> None:
    class MyColour(enum.Enum):
        pass

    variables = {"MyColour": MyColour, "errors": ray.exceptions}
    assert remote_names(f"{plain}\ndef f(): ...", **variables) == ["f"]


def test_a_plain_base_among_the_variables_does_not_make_a_class_plain() -> None:
    class TerminalError:  # the name alone would be taken for an exception
        pass

    assert remote_names("class A(TerminalError): ...", TerminalError=TerminalError) == ["A"]


def test_a_class_that_is_its_own_base_in_name_is_no_endless_loop() -> None:
    assert remote_names("class A(A): ...\nclass B(C): ...\nclass C(B): ...") == ["A", "B", "C"]


def test_names_limit_and_override() -> None:
    code = "def f(): ...\ndef _helper(): ...\n@dataclass\nclass P: ..."
    assert remote_names(code, "_helper", "P") == ["_helper", "P"]


def test_an_unknown_name_is_a_usage_error_that_suggests_one() -> None:
    with pytest.raises(UsageError, match=r"got simulat.*did you mean 'simulate'"):
        read("def simulate(): ...", "simulat")


@pytest.mark.parametrize(
    "decorator", ["@ray.remote", "@ray.remote(num_cpus=2)", "@remote", "@r", "@r(num_cpus=1)"]
)
def test_what_is_remote_already_is_left_alone(decorator: str) -> None:
    (definition,) = read(f"{decorator}\ndef f(): ...", ray=ray, r=ray.remote)
    assert definition.is_remote
    assert not definition.decorate


def test_other_decorators_do_not_matter() -> None:
    (definition,) = read("@functools.cache\ndef f(): ...")
    assert definition.decorate
    assert definition.first_line == 1


def test_reading_runs_no_code_of_the_user() -> None:
    class Trap:
        @property
        def Base(self) -> None:
            raise AssertionError("the property was read")

    assert remote_names("class A(trap.Base): ...", trap=Trap()) == ["A"]


def test_nothing_to_make_remote_names_both_ways_out() -> None:
    with pytest.raises(UsageError, match=r"no top-level def or class") as caught:
        read("model = load()")
    assert "%%remote -o model" in str(caught.value)
    assert "%%remote --run" in str(caught.value)


def test_only_plain_definitions_say_how_to_insist() -> None:
    with pytest.raises(UsageError, match="name it:  %%remote _helper"):
        read("def _helper(): ...")


def test_summary() -> None:
    code = "def f(): ...\nclass C: ...\ndef g(): ...\ndef f(): ...\nclass _D: ..."
    assert summary(read(code)) == "remote: f, g · actor: C · plain: _D"
    assert summary(read("def f(): ...")) == "remote: f"
