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
    rank = len(shape)
    if not -rank <= dim < rank:
        raise ShapeError(f"`dim` must be an axis of the input, got dim={dim} for shape {tuple(shape)}")
    dim %= rank
    length = shape[dim]
    groups = length // pieces  # not divmod: the length may be a tracing compiler's symbol
    if groups * pieces != length:
        raise ShapeError(
            f"the features along `dim` must divide into groups of `pieces`, but got {length} features "
            f"along dim={dim} and pieces={pieces}"
        )
    split = [*shape]  # not slices of the shape: torch's are slow to cut
    if grouping == "consecutive":
        split[dim : dim + 1] = groups, pieces
        return tuple(split), dim + 1
    split[dim : dim + 1] = pieces, groups
    return tuple(split), dim
