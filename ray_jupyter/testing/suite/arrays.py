"""The arrays of 2016, checked against numpy on random shapes, types and odd edges of blocks."""

# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ray_jupyter as ray
import ray_jupyter.array.distributed as da
import ray_jupyter.array.remote as ra
from ray_jupyter.testing.suite.base import BackendSuite

FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)


def stable_id(value: object) -> str:
    """Return a test's id that is the same in every process: functions by name."""
    return (getattr(value, "__name__", "") or repr(value).partition(" at 0x")[0])[:40]


DTYPES = st.sampled_from(["float64", "float32", "complex128", "int64"])
LENGTHS = st.integers(0, 9)


def matrix(rows: int, columns: int, dtype: str, seed: int) -> Any:
    """Return a random matrix whose elements matter to every type."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((rows, columns)) * 10
    if dtype.startswith("complex"):
        values = values + 1j * random.standard_normal((rows, columns))
    return values.astype(dtype)


def same(found: Any, expected: Any, tolerance: float = 1e-10) -> None:
    """Assert that arrays agree in type and shape, and nearly in their elements.

    Raises:
        AssertionError: they do not.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if expected.dtype in (np.float32, np.complex64):
        tolerance = 1e-3
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


_SQUARE = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]])
_TALL = np.arange(12.0).reshape(4, 3) + np.eye(4, 3)

REMOTE: list[tuple[Any, Callable[..., Any], tuple[Any, ...]]] = [
    (ra.zeros, np.zeros, ([2, 3], "int32")),
    (ra.zeros_like, np.zeros_like, (_TALL,)),
    (ra.ones, np.ones, ((4,), "float32")),
    (ra.eye, np.eye, (3, 4, 1, "int64")),
    (ra.dot, np.dot, (_SQUARE, _TALL.T)),
    (ra.vstack, np.vstack, ([_SQUARE, _TALL],)),
    (ra.hstack, np.hstack, ([_TALL, _TALL],)),
    (ra.copy, np.copy, (_TALL,)),
    (ra.tril, np.tril, (_TALL, -1)),
    (ra.triu, np.triu, (_TALL, 1)),
    (ra.diag, np.diag, (_SQUARE, 1)),
    (ra.transpose, np.transpose, (np.ones((2, 3, 4)), (1, 0, 2))),
    (ra.add, np.add, (_TALL, 1)),
    (ra.subtract, np.subtract, (_TALL, _TALL)),
    (ra.sum, np.sum, (_TALL, 0)),
    (ra.linalg.matrix_power, np.linalg.matrix_power, (_SQUARE, 3)),
    (ra.linalg.solve, np.linalg.solve, (_SQUARE, np.ones(3))),
    (
        ra.linalg.tensorsolve,
        np.linalg.tensorsolve,
        (np.eye(6).reshape(2, 3, 2, 3), np.arange(6.0).reshape(2, 3)),
    ),
    (ra.linalg.tensorinv, np.linalg.tensorinv, (np.eye(6).reshape(6, 2, 3), 1)),
    (ra.linalg.inv, np.linalg.inv, (_SQUARE,)),
    (ra.linalg.cholesky, np.linalg.cholesky, (_SQUARE,)),
    (ra.linalg.eigvals, np.linalg.eigvals, (_SQUARE,)),
    (ra.linalg.eigvalsh, np.linalg.eigvalsh, (_SQUARE, "U")),
    (ra.linalg.pinv, np.linalg.pinv, (_TALL,)),
    (ra.linalg.slogdet, np.linalg.slogdet, (_SQUARE,)),
    (ra.linalg.det, np.linalg.det, (_SQUARE,)),
    (ra.linalg.svd, np.linalg.svd, (_TALL, False)),
    (ra.linalg.svd, np.linalg.svd, (_TALL, True, False)),
    (ra.linalg.eig, np.linalg.eig, (_SQUARE,)),
    (ra.linalg.eigh, np.linalg.eigh, (_SQUARE,)),
    (ra.linalg.lstsq, lambda a, b: np.linalg.lstsq(a, b, rcond=None), (_TALL, np.ones(4))),
    (ra.linalg.norm, np.linalg.norm, (_TALL, "fro")),
    (ra.linalg.qr, np.linalg.qr, (_TALL,)),
    (ra.linalg.qr, np.linalg.qr, (_TALL, "r")),
    (ra.linalg.cond, np.linalg.cond, (_SQUARE,)),
    (ra.linalg.matrix_rank, np.linalg.matrix_rank, (_TALL,)),
    (ra.linalg.multi_dot, np.linalg.multi_dot, ([_SQUARE, _TALL.T, _TALL],)),
]


class RemoteArrayTests(BackendSuite):
    """``ray_jupyter.array.remote``."""

    @pytest.mark.parametrize(("remote", "local", "args"), REMOTE, ids=stable_id)
    def test_is_numpys(self, remote: Any, local: Any, args: tuple[Any, ...]) -> None:
        refs = remote(*args)
        expected = local(*args)
        found = ray.get(refs)
        if isinstance(refs, list):
            assert len(found) == len(expected)
            for one, other in zip(found, expected, strict=True):
                same(one, other)
        else:
            same(found, expected)

    def test_references_and_the_other_way_to_call(self) -> None:
        ref = ray.put(_TALL)
        same(ray.get(ra.dot.remote(ra.transpose(ref), ref)), _TALL.T @ _TALL)
        same(ray.get(ra.vstack([ref, ref])), np.vstack([_TALL, _TALL]))
        same(ray.get(ra.vstack(ref, ref)), np.vstack([_TALL, _TALL]))
        same(ray.get(ra.linalg.multi_dot(ref, _SQUARE)), _TALL @ _SQUARE)

    def test_those_that_numpy_does_not_have(self) -> None:
        same(ray.get(ra.subarray(_TALL, [1, 0], [3, 2])), _TALL[1:3, :2])
        assert ray.get(ra.shape(_TALL)) == (4, 3)
        same(ray.get(ra.sum_list(_TALL, _TALL, _TALL)), 3 * _TALL)
        with pytest.raises(ValueError, match="needs 2 indices"):
            ray.get(ra.subarray(_TALL, [1], [3]))

    def test_random(self) -> None:
        one, other = ray.get([ra.random.normal([50, 2]), ra.random.normal(size=[50, 2])])
        assert one.shape == other.shape == (50, 2)
        assert not np.array_equal(one, other)
        assert ray.get(ra.random.normal(100.0, 0.1, 5)).mean() == pytest.approx(100, abs=2)

    def test_a_wrong_call_fails_here(self) -> None:
        with pytest.raises(TypeError, match=r"dot\(\)"):
            ra.dot(1)
        with pytest.raises(TypeError, match=r"svd\(\)"):
            ra.linalg.svd()
        with pytest.raises(np.linalg.LinAlgError):
            ray.get(ra.linalg.inv(np.zeros((2, 2))))


class DistributedArrayTests(BackendSuite):
    """``ray_jupyter.array.distributed``."""

    @FEW
    @given(LENGTHS, LENGTHS, st.integers(1, 5), DTYPES, st.integers(-3, 3), st.integers(0, 99))
    def test_shapes_types_and_edges(
        self, rows: int, columns: int, size: int, dtype: str, k: int, seed: int
    ) -> None:
        a, b = matrix(rows, columns, dtype, seed), matrix(columns, rows, dtype, seed + 1)
        x, y = (ray.get(da.numpy_to_dist(m, block_size=size)) for m in (a, b))
        assert x.num_blocks == (-(-rows // size), -(-columns // size))
        same(x.assemble(), a)
        checks = {
            "assemble": (da.assemble(x), a),
            "copy": (da.copy(x), a),
            "dot": (da.dot(x, y), np.dot(a, b)),
            "transpose": (da.transpose(x), a.T),
            "triu": (da.triu(x, k), np.triu(a, k)),
            "tril": (da.tril(x, k), np.tril(a, k)),
            "add": (da.add(x, x), a + a),
            "subtract": (da.subtract(x, da.copy(x)), a - a),
            "eye": (da.eye(rows, columns, k, dtype, block_size=size), np.eye(rows, columns, k, dtype)),
            "zeros": (da.zeros([rows, columns], dtype, block_size=size), np.zeros_like(a)),
            "ones": (da.ones([rows, columns], dtype, block_size=size), np.ones_like(a)),
        }  # fmt: skip
        for name, value in zip(checks, ray.get([r for r, _ in checks.values()]), strict=True):
            whole = value.assemble() if isinstance(value, da.DistArray) else value
            same(whole, checks[name][1])

    @FEW
    @given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), DTYPES, st.integers(0, 99))
    def test_qr(self, rows: int, columns: int, size: int, dtype: str, seed: int) -> None:
        a = matrix(rows, columns, dtype, seed)
        q, r = ray.get(da.linalg.qr(da.numpy_to_dist(a, block_size=size)))
        self._check_qr(a, q.assemble(), r.assemble())

    @FEW
    @given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 3), DTYPES, st.integers(0, 99))
    def test_tall_skinny_qr(
        self, rows: int, columns: int, more: int, dtype: str, seed: int
    ) -> None:
        a = matrix(rows, columns, dtype, seed)
        x = da.numpy_to_dist(a, block_size=columns + more)
        q, r = ray.get(da.linalg.tsqr(x))
        self._check_qr(a, q.assemble(), r)
        if rows < columns:
            with pytest.raises(ValueError, match="not wider than high"):
                ray.get(da.linalg.tsqr_hr(x)[0])
            return
        y, t, y_top, r = ray.get(da.linalg.tsqr_hr(x))
        y_whole = y.assemble()
        same(y_whole[:columns], y_top)
        reflections = np.eye(rows) - y_whole @ t @ y_whole.conj().T
        self._check_qr(a, reflections[:, :columns].astype(q.dtype), r)
        lower, upper, s = ray.get(da.linalg.modified_lu(q))
        signs = np.zeros((rows, columns), q.dtype)
        signs[range(columns), range(columns)] = s
        same(lower.assemble() @ upper, q.assemble() - signs)
        np.testing.assert_allclose(np.abs(s), 1, rtol=1e-5)

    def _check_qr(self, a: Any, q: Any, r: Any) -> None:
        tolerance = 1e-3 if a.dtype == np.float32 else 1e-9
        expected_q, expected_r = np.linalg.qr(a)
        assert (q.dtype, q.shape) == (expected_q.dtype, expected_q.shape)
        assert (r.dtype, r.shape) == (expected_r.dtype, expected_r.shape)
        np.testing.assert_allclose(q @ r, a, atol=tolerance)
        np.testing.assert_allclose(q.conj().T @ q, np.eye(q.shape[1]), atol=tolerance)
        np.testing.assert_allclose(r, np.triu(r), atol=tolerance)

    def test_other_numbers_of_axes(self) -> None:
        for shape in ((), (5,), (3, 4, 5)):
            a = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
            x = da.numpy_to_dist(a, block_size=2)
            same(ray.get(da.transpose(x)).assemble(), a.T)
            same(ray.get(da.add(x, x)).assemble(), a + a)

    def test_blocks_of_an_array(self) -> None:
        a = np.arange(35.0).reshape(5, 7)
        x = da.numpy_to_dist(a, block_size=2)
        same(ray.get(da.subblocks(x, [0, 2], [3])).assemble(), a[[0, 1, 4]][:, [6]])
        same(ray.get(da.subblocks(x, [], [1])).assemble(), a[:, 2:4])
        for ranges, text in (([[0]], "needs 2 lists"), ([[1, 0], []], "axis 0 must rise")):
            with pytest.raises(ValueError, match=text):
                ray.get(da.subblocks(x, *ranges))

    def test_blockwise_dot(self) -> None:
        a, b = np.ones((2, 3)), np.full((3, 2), 2.0)
        same(ray.get(da.blockwise_dot(a, a, b, b)), 2 * a @ b)
        with pytest.raises(ValueError, match="even number"):
            ray.get(da.blockwise_dot(a))

    def test_random(self) -> None:
        x = ray.get(da.random.normal([30, 5], block_size=20))
        assert x.num_blocks == (2, 1)
        whole = x.assemble()
        assert len(np.unique(whole)) == 150
        with pytest.raises(ValueError, match="needs a size"):
            ray.get(da.random.normal(0.0, block_size=2))

    def test_the_size_of_blocks_is_the_drivers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(da, "BLOCK_SIZE", 4)
        x = ray.get(da.zeros([10, 3]))
        assert (x.block_size, x.num_blocks, x.objectids.shape) == (4, (3, 1), (3, 1))
        assert repr(x) == "<DistArray 10 x 3 float64: 3 x 1 blocks of at most 4 along an axis>"

    def test_what_does_not_fit_says_so(self) -> None:
        x, y = ray.get([da.zeros([4, 3], block_size=2), da.zeros([4, 3], block_size=3)])
        refused: list[tuple[Callable[[], Any], str]] = [
            (lambda: da.dot(x, x), "cannot multiply"),
            (lambda: da.add(x, y), "blocks of one size, got 2 and 3"),
            (lambda: da.linalg.tsqr(x)[0], "one block column"),
            (lambda: da.zeros([-1]), "negative"),
            (lambda: da.zeros([1], block_size=0), "at least 1"),
        ]
        for call, text in refused:
            with pytest.raises(ValueError, match=text):
                ray.get(call())
        with pytest.raises(TypeError, match="needs a DistArray, got ndarray"):
            ray.get(da.copy(np.ones(3)))
