"""``rectifiers list``."""

from __future__ import annotations

import typer

__all__ = ["list_"]


def list_() -> None:
    """Name every activation, each with a line on when it is used."""
    from rectifiers.activations import aliases, registry

    width = max(map(len, registry))
    for name, record in registry.items():
        typer.echo(f"{name:<{width}}  {record.used_when}")
    for other, name in aliases.items():
        typer.echo(f"{other:<{width}}  Another name of {name}.")
    typer.echo(
        "\nCompare them: rectifiers compare --arms 'relu,leaky_relu(0.1),gelu'."
        "\nAnything of torch's is written torch:nn.Softshrink, your own package.module:Name or file.py:Name."
    )
