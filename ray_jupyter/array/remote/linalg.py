"""``numpy.linalg`` as remote functions. What returns several arrays returns a list of refs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ray_jupyter.array.calling import array_function


@array_function()
def matrix_power(a: Any, n: int) -> Any:
    """Return a square matrix to an integer power."""
    return np.linalg.matrix_power(a, n)


@array_function()
def solve(a: Any, b: Any) -> Any:
    """Return the ``x`` of ``a x = b``."""
    return np.linalg.solve(a, b)


@array_function()
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Return the ``x`` of the tensor equation ``a x = b``."""
    return np.linalg.tensorsolve(a, b, axes)


@array_function()
def tensorinv(a: Any, ind: int = 2) -> Any:
    """Return the inverse of a tensor."""
    return np.linalg.tensorinv(a, ind)


@array_function()
def inv(a: Any) -> Any:
    """Return the inverse of a matrix."""
    return np.linalg.inv(a)


@array_function()
def cholesky(a: Any) -> Any:
    """Return the Cholesky factor of a positive definite matrix."""
    return np.linalg.cholesky(a)


@array_function()
def eigvals(a: Any) -> Any:
    """Return the eigenvalues of a matrix."""
    return np.linalg.eigvals(a)


@array_function()
def eigvalsh(a: Any, UPLO: Any = "L") -> Any:  # noqa: N803 - numpy's name
    """Return the eigenvalues of a Hermitian matrix."""
    return np.linalg.eigvalsh(a, UPLO)


@array_function()
def pinv(a: Any, rcond: Any = None, hermitian: bool = False) -> Any:
    """Return the pseudo-inverse of a matrix."""
    given = {} if rcond is None else {"rcond": rcond}  # its default depends on numpy's version
    return np.linalg.pinv(a, hermitian=hermitian, **given)


@array_function(2)
def slogdet(a: Any) -> Any:
    """Return sign and logarithm of the determinant."""
    return tuple(np.linalg.slogdet(a))


@array_function()
def det(a: Any) -> Any:
    """Return the determinant."""
    return np.linalg.det(a)


@array_function(lambda given: 3 if given["compute_uv"] else 1)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Return ``u``, ``s`` and ``vh``; only ``s`` without ``compute_uv``."""
    decompose: Any = np.linalg.svd
    found = decompose(a, full_matrices, compute_uv, hermitian)
    return tuple(found) if compute_uv else found


@array_function(2)
def eig(a: Any) -> Any:
    """Return eigenvalues and right eigenvectors of a matrix."""
    return tuple(np.linalg.eig(a))


@array_function(2)
def eigh(a: Any, UPLO: Any = "L") -> Any:  # noqa: N803 - numpy's name
    """Return eigenvalues and eigenvectors of a Hermitian matrix."""
    return tuple(np.linalg.eigh(a, UPLO))


@array_function(4)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Return solution, residuals, rank and singular values of a least-squares problem."""
    return np.linalg.lstsq(a, b, rcond)


@array_function()
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return a norm of a vector or matrix."""
    return np.linalg.norm(x, ord, axis, keepdims)


@array_function(lambda given: 1 if given["mode"] == "r" else 2)
def qr(a: Any, mode: Any = "reduced") -> Any:
    """Return ``q`` and ``r``; only ``r`` with ``mode="r"``."""
    found = np.linalg.qr(a, mode)
    return found if mode == "r" else tuple(found)


@array_function()
def cond(x: Any, p: Any = None) -> Any:
    """Return the condition number of a matrix."""
    return np.linalg.cond(x, p)


@array_function()
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False) -> Any:  # noqa: N803 - numpy's name
    """Return the rank of a matrix."""
    return np.linalg.matrix_rank(A, tol, hermitian)


@array_function()
def multi_dot(*arrays: Any) -> Any:
    """Return the product of several arrays: one list of them, or each by itself."""
    from ray_jupyter import api
    from ray_jupyter.refs import ObjectRef

    items = arrays[0] if len(arrays) == 1 else arrays
    return np.linalg.multi_dot([api.get(x) if isinstance(x, ObjectRef) else x for x in items])
