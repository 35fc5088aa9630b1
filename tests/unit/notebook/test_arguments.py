"""Option lines: what they mean, and that every mistake is a UsageError that helps."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from ray_jupyter.notebook.arguments import amounts, number, size_bytes, whole_number
from ray_jupyter.notebook.definitions import read_definitions
from ray_jupyter.notebook.remote_options import (
    RemoteOptions,
    check_definitions_only,
    read_options,
    remote_parser,
)

Reader = Callable[[str, str, Mapping[str, Any]], Any]


def options(line: str, **variables: Any) -> RemoteOptions:
    return read_options(remote_parser().parse_line(line), variables)


def test_options_are_the_keywords_of_the_decorator() -> None:
    found = options(
        "--num-cpus 0.5 --num-gpus=1 --memory 2GB --resources disk=2,net=.5 "
        "--num-returns 3 --max-retries -1"
    )
    assert found.keywords == {
        "num_cpus": 0.5,
        "num_gpus": 1,
        "memory": 2_000_000_000,
        "resources": {"disk": 2, "net": 0.5},
        "num_returns": 3,
        "max_retries": -1,
    }


def test_the_source_is_the_same_as_code_and_keeps_variables() -> None:
    found = options("--num-cpus k --memory 1KiB", k=2)
    assert found.source == "num_cpus=k, memory=1024"
    assert eval(f"dict({found.source})", {"k": 2}) == found.keywords


def test_names_and_options_may_be_mixed_and_commented() -> None:
    arguments = remote_parser().parse_line("f --num-cpus 1 g --show h  # why")
    assert arguments.names == ["f", "g", "h"]
    assert arguments.show


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--num-cpu 1", "unknown option --num-cpu; did you mean '--num-cpus'"),
        ("--sho", "unknown option --sho; did you mean '--show'"),
        ("--num-cpus", "expected one argument"),
        ("--num-cpus 'a", "cannot split"),
        ("--num-cpus scal", "name of a variable that holds one, got scal; did you mean 'scale'"),
        ("--num-cpus text", r"expected a number, got 'x' \(the value of text\)"),
        ("--num-cpus True", "expected a number, got True"),
        ("--num-cpus -2", "num_cpus must be at least 0"),
        ("--num-returns 1.5", "expected a whole number, got 1.5"),
        ("--max-retries -2", "must be at least -1"),
        ("--memory lots", "expected a size such as 2GB"),
        ("--memory text", "expected a size such as 2GB"),
        ("--resources disk", "expected NAME=AMOUNT"),
        ("--resources CPU=1", "use num_cpus="),
        ("--resources disk=much", "--resources disk: expected a number"),
    ],
)
def test_mistakes_say_what_to_type(line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        options(line, text="x", scale=1)


@pytest.mark.parametrize("line", ["-w", "-i a,b", "--label hello", "--timeout 3"])
def test_options_of_cells_in_workers_need_one(line: str) -> None:
    with pytest.raises(
        UsageError, match=r"is for cells that run in a worker: add -o NAME or --run"
    ):
        check_definitions_only(remote_parser().parse_line(line))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("f --run", "f names a definition to make remote"),
        ("--run --num-returns 2", "-o A,B says what returns"),
        ("-o x --timeout 3", "--timeout limits -w"),
    ],
)
def test_options_of_definitions_are_refused_for_cells_in_workers(line: str, message: str) -> None:
    arguments = remote_parser().parse_line(line)
    with pytest.raises(UsageError, match=message):
        read_options(arguments, {}).check_shipping(arguments)


def test_no_abbreviation_of_any_option_is_accepted() -> None:
    parser = remote_parser()
    names = parser.option_names()
    for name in names:
        for end in range(3, len(name)):
            if name[:end] not in names and name.startswith("--"):
                with pytest.raises(UsageError, match="unknown option"):
                    parser.parse_line(f"{name[:end]} 1")


@pytest.mark.parametrize(
    ("read", "text", "variables", "value"),
    [
        (number, "2", {}, 2),
        (number, "k", {"k": np.float64(0.5)}, 0.5),
        (whole_number, "k", {"k": np.int64(3)}, 3),
        (size_bytes, "2 GiB", {}, 2 * 1024**3),
        (size_bytes, "k", {"k": "1MB"}, 1_000_000),
        (size_bytes, "k", {"k": 5}, 5),
        (amounts, "d", {"d": {"disk": 1}}, {"disk": 1}),
        (amounts, "disk=k", {"k": 4}, {"disk": 4}),
    ],
)
def test_a_value_may_be_a_variable(
    read: Reader, text: str, variables: dict[str, Any], value: Any
) -> None:
    found = read("--x", text, variables)
    assert found == value
    assert type(found) is type(value)


@given(st.text(max_size=30))
def test_any_line_is_understood_or_a_usage_error(line: str) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(options(line), RemoteOptions)


def test_options_of_functions_are_refused_for_classes() -> None:
    definitions = read_definitions(ast.parse("class C: ...\ndef f(): ..."), (), {})
    with pytest.raises(
        UsageError, match=r"--num-returns is for functions, and C is a class.*%%remote f"
    ):
        options("--num-returns 2").check(definitions)
    only_f = read_definitions(ast.parse("class C: ...\ndef f(): ..."), ("f",), {})
    options("--num-returns 2").check(only_f)
