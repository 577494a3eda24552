"""Pages that are derived, not written: one per activation, from its record; the changelog."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from rectifiers import claims, show
from rectifiers.activations import Activation, AlongAxis, Elementwise, registry
from rectifiers.claims import _page as claim_page
from rectifiers.validity import CHECKS, Check

ROOT = Path(__file__).resolve().parent.parent


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages to those on disk."""
    pages = {
        "activations/index.md": _index(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(),
        "guide/validity.md": _checks(),
        "claims/index.md": _claims(),
    }
    for claim, records in _recorded():
        pages[f"claims/{claim.name}.md"] = claim_page.page(claim, records)
        if records:
            pages[f"claims/{claim.name}.svg"] = claim_page.picture(claim, records[list(records)[-1]])
    for name, record in registry.items():
        pages[f"activations/{name}.md"] = _page(record)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    for name, record in registry.items():
        files.append(File.generated(config, f"activations/{name}.svg", content=_picture(record)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Show an example's code in place of the line that links to it."""

    def code(link: re.Match[str]) -> str:
        return f'```python title="{link[1]}"\n{(ROOT / link[1]).read_text()}```'

    return re.sub(r"^\[(examples/\w+\.py)\]\(.*\)$", code, markdown, flags=re.M)


def on_config(config: Any) -> Any:
    """List the pages of activations and claims in the navigation, in the order of their registries."""
    for entry in config.nav:
        if isinstance(entry, dict) and "Claims" in entry and isinstance(entry["Claims"], str):
            entry["Claims"] = [
                {"All": "claims/index.md"},
                {"How to state a claim so that it can fail": "claims/state.md"},
                *({name: f"claims/{name}.md"} for name in claims.names()),
            ]
        if isinstance(entry, dict) and "Activations" in entry and isinstance(entry["Activations"], str):
            entry["Activations"] = [
                {"All": "activations/index.md"},
                *({record.title: f"activations/{name}.md"} for name, record in registry.items()),
            ]
    return config


_CLAIMS = """# Claims

What has been said about rectifiers, run again by this library's protocol: paired seeds, a learning rate
chosen for every activation, and a criterion that was written before anything ran. Each claim is one file
with its plan; a verdict is **reproduced**, **not reproduced** or **inconclusive**, and that of a *proxy*
is about something like the claim, at a scale anyone can afford. *Quick* takes about a minute on two cores,
*desk* up to 20; *quick only* says that the plan for the desk has not been run here. No number on these pages
is typed by hand: they are made of the records of `rectifiers claims run`.
[A claim of your own](state.md) can be stated so that it can fail.
"""


def _recorded() -> list[tuple[claims.Claim, dict[str, claims.Record]]]:
    """Return the claims with their records."""
    return [(claims.load(name), claims.recorded(name)) for name in claims.names()]


def _claims() -> str:
    """Return the list of claims."""
    return f"{_CLAIMS}\n{claim_page.index(_recorded())}"


_CHECKS = """# What is checked

A comparison is only as good as the study under it. Each line below is a rule that a study must keep to. It is
checked before anything is trained, on the model, the data and what every arm does on one batch; or at the
end, on the records alone, so that [results from a file](judge.md) are checked as well.

- **refused**: an error in one line, exit code 2; nothing is trained.
- **withheld**: no arm gets a verdict. The reason and what to do come first, the status is `invalid` and the
  exit code 3; the runs are kept, listed and drawn.
- **warned**: a line with the check's code, in the terminal, the report, a notebook and the JSON.

`--allow CODE` (several with commas; `allow=` in Python) overrules a check, and the report says so under the
recommendation.
"""


def _checks() -> str:
    """Return the page of all checks, from their records."""
    rows = "\n".join(
        f"| [`{check.code}`](#{check.code}) | {_when(check)} | {check.severity} | {check.rule} |"
        for check in CHECKS.values()
    )
    parts = [_CHECKS, f"| code | when | what it finds is | rule |\n|---|---|---|---|\n{rows}"]
    for check in CHECKS.values():
        remedy = check.remedy[:1].upper() + check.remedy[1:]
        parts.append(f"## {check.code}\n\n{check.rule} Checked {_when(check)}; {check.severity}.")
        parts.append(f"**What to do.** {remedy}.")
        if check.example:
            kind = "python" if re.search(r"\b(def|class|nn)\b", check.example) else "text"
            parts.append(f"**How it goes wrong.**\n\n```{kind}\n{check.example.strip()}\n```")
    return "\n\n".join(parts) + "\n"


def _when(check: Check) -> str:
    parts = {"before training": check.before, "at the end": check.at_end}
    return " and ".join(name for name, part in parts.items() if part)


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
    # Links lead to the reference, which has every one of them once.
    once = "\n    options:\n      skip_local_inventory: true"
    parts.append(f"::: rectifiers.nn.{record.title}{once}\n\n::: rectifiers.functional.{record.name}{once}")
    return "\n\n".join(parts) + "\n"


def _picture(record: Activation) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "picture.svg"
        show(record.name).save(path)
        return path.read_bytes()
