"""How an axis splits into groups of pieces."""

from __future__ import annotations

from collections.abc import Sequence

from rectifiers.errors import ShapeError

__all__ = ["pieces_axis"]


def pieces_axis(shape: Sequence[int], pieces: int, dim: int, grouping: str) -> tuple[tuple[int, ...], int]:
    """Return `shape` with axis `dim` split into groups and pieces, and the axis of the pieces.

    Raises
    ------
    ShapeError
        There is no such axis, or it does not divide into groups of `pieces`.
    """
    if not -len(shape) <= dim < len(shape):
        raise ShapeError(f"`dim` must be an axis of the input, got dim={dim} for shape {tuple(shape)}")
    dim %= len(shape)
    groups = shape[dim] // pieces  # not divmod: the length may be a tracing compiler's symbol
    if groups * pieces != shape[dim]:
        raise ShapeError(
            f"the features along `dim` must divide into groups of `pieces`, but got {shape[dim]} features "
            f"along dim={dim} and pieces={pieces}"
        )
    split = (groups, pieces) if grouping == "consecutive" else (pieces, groups)
    return (*shape[:dim], *split, *shape[dim + 1 :]), dim + (grouping == "consecutive")
