"""QR decompositions of matrices in blocks.

``tsqr`` is the tree of Demmel, Grigori, Hoemmen and Langou: "Communication-optimal parallel
and sequential QR and LU factorizations", SIAM J. Sci. Comput. 34(1), 2012. ``modified_lu``,
``tsqr_hr`` and ``qr`` are those of Ballard, Demmel, Grigori, Jacquelin, Nguyen and Solomonik:
"Reconstructing Householder vectors from tall-skinny QR", IPDPS 2014. Written from the papers,
for complex matrices as well, and for heights and widths that are no multiples of a block.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ray_jupyter import api
from ray_jupyter.array import remote as ra
from ray_jupyter.array.calling import array_function
from ray_jupyter.array.distributed.core import make_eye, take_blocks
from ray_jupyter.array.distributed.distarray import DistArray, checked


@array_function(2)
def tsqr(a: Any) -> Any:
    """Return ``q`` (a ``DistArray``) and ``r`` of a matrix that is one block wide.

    Raises:
        ValueError: it is wider.
    """
    q, r = _tsqr(_one_block_wide("tsqr", a))
    return q, api.get(r)


@array_function(3)
def modified_lu(q: Any) -> Any:
    """Return ``l`` (a ``DistArray``), ``u`` and ``s`` with ``q - s = l u``.

    ``q`` has orthonormal columns, ``s`` is a diagonal of numbers of absolute value one (given
    as a vector), chosen so that no pivot is small; ``l`` is lower trapezoidal with ones on
    its diagonal, ``u`` upper triangular.

    Raises:
        ValueError: ``q`` is wider than a block or than it is high.
    """
    lower, upper, s, _ = _modified_lu(_tall("modified_lu", q))
    return lower, *api.get([upper, s])


@array_function(4)
def tsqr_hr(a: Any) -> Any:
    """Return ``y`` (a ``DistArray``), ``t``, ``y_top`` and ``r`` of a tall matrix.

    ``I - y t y_top^H`` has the ``q`` of ``a = q r`` as its first columns, and
    ``I - y t y^H`` is the product of its Householder reflections.

    Raises:
        ValueError: it is wider than a block or than it is high.
    """
    y, t, y_top, r = _tsqr_hr(_tall("tsqr_hr", a))
    return y, *api.get([t, y_top, r])


@array_function(2)
def qr(a: Any) -> Any:
    """Return ``q`` and ``r`` of a matrix, both ``DistArray``, as numpy's reduced form."""
    a = checked("qr", a, 2)
    rows, columns = a.shape
    rank, size, dtype = min(rows, columns), a.block_size, _dtype_of(a)
    r = _zeros((rank, columns), dtype, size)
    work = a.refs.copy()
    panels: list[tuple[Any, Any]] = []
    for i in range(r.num_blocks[0]):
        panel = _column(a, work, i)
        if panel.shape[0] < panel.shape[1]:  # the last one of a wide matrix: a single block
            y, t, r.refs[i, i] = _wide_panel(work[i, i])
            y_refs = [y]
        else:
            y_dist, t, _, r.refs[i, i] = _tsqr_hr(panel)
            y_refs = list(y_dist.refs[:, 0])
        for j in range(i + 1, a.num_blocks[1]):
            _reflect(work, i, j, y_refs, t, adjoint=True)
            r.refs[i, j] = work[i, j]
        panels.append((y_refs, t))
    q = make_eye(rows, rank, 0, dtype, size)
    for i in reversed(range(len(panels))):
        for j in range(i, q.num_blocks[1]):  # left of it, q is zero from row i on
            _reflect(q.refs, i, j, *panels[i], adjoint=False)
    return q, r


def _reflect(blocks: Any, i: int, j: int, y_refs: list[Any], t: Any, *, adjoint: bool) -> None:
    """Apply the reflections of a panel to block column ``j``, from block row ``i`` on."""
    below = list(blocks[i:, j])
    weights = _weights(t, adjoint, len(y_refs), *y_refs, *below)
    for row, (y, block) in enumerate(zip(y_refs, below, strict=True), start=i):
        blocks[row, j] = _minus_product(block, y, weights)


def _tsqr(a: DistArray) -> tuple[DistArray, Any]:
    """Return (q, ref of r): factor each block, join the factors in pairs, come back."""
    width, dtype = a.shape[1], _dtype_of(a)
    q = DistArray((a.shape[0], min(a.shape)), dtype, a.block_size)
    if not q.size:
        return q, ra.zeros((min(a.shape), width), dtype)
    leaves = [ra.linalg.qr(ref) for ref in a.refs[:, 0]]
    factors = [r for _, r in leaves]
    levels: list[list[Any]] = []
    while len(factors) > 1:
        pairs = [factors[k : k + 2] for k in range(0, len(factors), 2)]
        joined = [_join(*pair) if len(pair) == 2 else [None, None, *pair] for pair in pairs]
        levels.append(joined)
        factors = [r for _, _, r in joined]
    parts: list[Any] = [None]  # at the top, the identity
    for level in reversed(levels):
        parts = [
            part if half is None else _times(half, part)
            for (top, bottom, _), part in zip(level, parts, strict=True)
            for half in ((top, bottom) if top is not None else (None,))
        ]
    for row, ((leaf, _), part) in enumerate(zip(leaves, parts, strict=True)):
        q.refs[row, 0] = _times(leaf, part)
    return q, factors[0]


def _times(left: Any, right: Any) -> Any:
    """Return the ref of a product; ``None`` is the identity."""
    return left if right is None else ra.dot(left, right)


def _modified_lu(q: DistArray) -> tuple[DistArray, Any, Any, Any]:
    """Return (l, refs of u, of s, and of the square top of l)."""
    dtype = _dtype_of(q)
    lower = DistArray(q.shape, dtype, q.block_size)
    if not q.size:
        nothing = ra.zeros((0, 0), dtype)
        return lower, nothing, ra.zeros((0,), dtype), nothing
    lower.refs[0, 0], upper, s, top = _factor_top(q.refs[0, 0])
    for row in range(1, q.num_blocks[0]):
        lower.refs[row, 0] = _divide(q.refs[row, 0], upper)
    return lower, upper, s, top


def _tsqr_hr(a: DistArray) -> tuple[DistArray, Any, Any, Any]:
    """Return (y, refs of t, of the square top of y, and of r)."""
    q, r = _tsqr(a)
    y, u, s, top = _modified_lu(q)
    return y, _make_t(u, s, top), top, _scale_rows(s, r)


@array_function(3)
def _join(upper: Any, lower: Any) -> Any:
    """Factor two triangles, one on the other; return the parts of q for each, and r."""
    q, r = np.linalg.qr(np.vstack([upper, lower]))
    return q[: len(upper)], q[len(upper) :], r


@array_function(4)
def _factor_top(q: Any) -> Any:
    """Eliminate in the first block; return its l, and u, s, and the square top of l."""
    work = np.array(q, np.result_type(q, np.float32))
    width = work.shape[1]
    s = np.empty(width, work.dtype)
    for k in range(width):
        pivot = work[k, k]
        s[k] = -pivot / abs(pivot) if pivot else -1
        work[k, k] -= s[k]  # now at least one in absolute value
        work[k + 1 :, k] /= work[k, k]
        work[k + 1 :, k + 1 :] -= np.outer(work[k + 1 :, k], work[k, k + 1 :])
    lower = np.tril(work, -1)
    lower[range(width), range(width)] = 1
    return lower, np.triu(work[:width]), s, lower[:width].copy()


@array_function()
def _divide(block: Any, u: Any) -> Any:
    """Return ``block u^-1``."""
    return np.linalg.solve(u.T, block.T).T


@array_function()
def _make_t(u: Any, s: Any, top: Any) -> Any:
    """Return the ``t`` for which ``u = -t top^H s``."""
    return -np.linalg.solve(top.conj(), (u * s.conj()).T).T


@array_function()
def _scale_rows(s: Any, r: Any) -> Any:
    return s[:, None] * r


@array_function(3)
def _wide_panel(block: Any) -> Any:
    """Return y, t and r of a block that is wider than high."""
    height = len(block)
    q, triangle = np.linalg.qr(block[:, :height])
    y, u, s, _ = _factor_top.__wrapped__(q)
    t = _make_t.__wrapped__(u, s, y)
    reflected: Any = block - y @ (t.conj().T @ (y.conj().T @ block))
    reflected[:, :height] = s[:, None] * triangle
    return y, t, reflected


@array_function()
def _weights(t: Any, adjoint: bool, count: int, *blocks: Any) -> Any:
    """Return ``t (y^H a)`` of a block column, or with the adjoint of ``t``."""
    total = blocks[0].conj().T @ blocks[count]
    for y, block in zip(blocks[1:count], blocks[count + 1 :], strict=True):
        total = total + y.conj().T @ block
    return (t.conj().T if adjoint else t) @ total


@array_function()
def _minus_product(block: Any, left: Any, right: Any) -> Any:
    return block - left @ right


def _column(a: DistArray, blocks: Any, i: int) -> DistArray:
    """Return block column ``i`` from block row ``i`` on, with these blocks."""
    panel = take_blocks(a, [range(i, a.num_blocks[0]), [i]])
    panel.dtype = _dtype_of(a)
    panel.refs[:, 0] = blocks[i:, i]
    return panel


def _zeros(shape: tuple[int, int], dtype: Any, block_size: int) -> DistArray:
    result = DistArray(shape, dtype, block_size)
    for i, j in result.indices():
        if i > j:  # what is not below the diagonal will be put there
            result.refs[i, j] = ra.zeros(result.block_shape((i, j)), dtype)
    return result


def _dtype_of(a: DistArray) -> Any:
    """Return the type of numbers that numpy's qr returns for these."""
    dtype: Any = np.linalg.qr(np.zeros((1, 1), a.dtype))[0].dtype
    return dtype


def _one_block_wide(name: str, a: Any) -> DistArray:
    matrix = checked(name, a, 2)
    if matrix.num_blocks[1] > 1:
        raise ValueError(
            f"{name}() needs a matrix of one block column, got {matrix!r}; give a larger block_size, "
            "or use qr()"
        )
    return matrix


def _tall(name: str, a: Any) -> DistArray:
    matrix = _one_block_wide(name, a)
    if matrix.shape[0] < matrix.shape[1]:
        raise ValueError(f"{name}() needs a matrix not wider than high, got {matrix.shape}")
    return matrix
