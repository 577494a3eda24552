"""Pages that are derived, not written: one per activation, from its record; the changelog."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from rectifiers import show
from rectifiers.activations import Activation, AlongAxis, Elementwise, registry

ROOT = Path(__file__).resolve().parent.parent


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages to those on disk."""
    pages = {"activations/index.md": _index(), "changelog.md": (ROOT / "CHANGELOG.md").read_text()}
    for name, record in registry.items():
        pages[f"activations/{name}.md"] = _page(record)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    for name, record in registry.items():
        files.append(File.generated(config, f"activations/{name}.svg", content=_picture(record)))
    return files


def on_config(config: Any) -> Any:
    """List the activations' pages in the navigation, in the order of the registry."""
    for entry in config.nav:
        if isinstance(entry, dict) and "Activations" in entry and isinstance(entry["Activations"], str):
            entry["Activations"] = [
                {"All": "activations/index.md"},
                *({record.title: f"activations/{name}.md"} for name, record in registry.items()),
            ]
    return config


def _index() -> str:
    rows = "\n".join(
        f"| [{record.title}]({name}.md) | `{record.formula}` | {record.source} |"
        for name, record in registry.items()
    )
    return f"# Activations\n\n| | formula | source |\n|---|---|---|\n{rows}\n"


def _page(record: Activation) -> str:
    parts = [f"# {record.title}", record.summary, f"```text\nf(x) = {record.formula}\n```"]
    parts.append(f"![{record.title} and its derivative]({record.name}.svg)")
    facts = [f"- **Source**: {record.source}"] if record.source else []
    if record.parameters:
        listed = ", ".join(f"`{key} = {parameter.default}`" for key, parameter in record.parameters.items())
        facts.append(f"- **Parameters and defaults**: {listed}")
    if isinstance(record, Elementwise):
        kinks = ", ".join(f"{kink:g}" for kink in record.kinks_at())
        facts.append(f"- **Kinks** (at the defaults): {kinks or 'none'}")
        facts.append(f"- **Backward needs**: the {record.keeps} of the input" if record.keeps == "sign"
                     else f"- **Backward needs**: the {record.keeps}")  # fmt: skip
    if isinstance(record, AlongAxis):
        facts.append(f"- **Along an axis**: {record.shape}")
    parts.append("\n".join(facts))
    parts.append(f"As an arm: `rectifiers compare --arms relu,{record.name}`. "
                 f"In NumPy, float64: `rectifiers.reference.{record.name}.f(x)`, `.df(x)`.")  # fmt: skip
    parts.append(f"::: rectifiers.nn.{record.title}\n\n::: rectifiers.functional.{record.name}")
    return "\n\n".join(parts) + "\n"


def _picture(record: Activation) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "picture.svg"
        show(record.name).save(path)
        return path.read_bytes()
