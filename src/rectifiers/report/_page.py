"""What every HTML page of this room shares: templates, inlined scripts, the legend, the content policy."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rectifiers._version import __version__
from rectifiers.errors import StoreError
from rectifiers.records.saving import make_directory, save
from rectifiers.report import glossary
from rectifiers.report._looks import TOKENS
from rectifiers.report.charts import Chart
from rectifiers.report.colours import Style

__all__ = ["Entry", "PageChart", "legend", "render"]

_TEMPLATES = Path(__file__).with_name("templates")
# Markers of the legend, around (0, 0); the names are Vega's.
_PATHS = {
    "circle": "M4.5 0A4.5 4.5 0 1 1-4.5 0A4.5 4.5 0 1 1 4.5 0Z",
    "square": "M-4-4H4V4H-4Z",
    "cross": "M-1.7-4.8H1.7V-1.7H4.8V1.7H1.7V4.8H-1.7V1.7H-4.8V-1.7H-1.7Z",
    "diamond": "M0-5.4L4.2 0L0 5.4L-4.2 0Z",
    "triangle-up": "M0-4.8L5 4H-5Z",
    "triangle-down": "M0 4.8L5-4H-5Z",
    "triangle-right": "M4.8 0L-4 5V-5Z",
}


# Explained by page.js on hover, tap and keyboard, and to a screen reader, from the list of words in the page.
_TERM = (
    '<button type="button" class="term" aria-expanded="false" aria-describedby="word-{id}">{word}</button>'
)
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


@dataclass(frozen=True)
class Entry:
    """An arm in the legend."""

    index: int
    label: str
    light: str
    dark: str
    dash: str
    path: str


@dataclass(frozen=True)
class PageChart:
    """A chart as the page carries it."""

    about: Chart
    spec: Mapping[str, Any]


def legend(styles: Mapping[str, Style]) -> list[Entry]:
    """Return the legend's entries, in the order of the colour variables ``--arm-0``, ``--arm-1``, ..."""
    return [
        Entry(index, label, style.light, style.dark, " ".join(map(str, style.dash)), _PATHS[style.shape])
        for index, (label, style) in enumerate(styles.items())
    ]


def render(template: str, charts: Sequence[PageChart], entries: Sequence[Entry], **context: Any) -> str:
    """Return a page as text.

    Parameters
    ----------
    template : str
        File in ``templates/``.
    charts : sequence of PageChart
    entries : sequence of Entry
        The legend.
    **context
        What else the template names.
    """
    import jinja2
    from markupsafe import Markup, escape

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["explained"] = lambda text: Markup(glossary.marked(text, _TERM))
    environment.globals["term"] = lambda word: Markup(
        _TERM.format(word=escape(word), id=glossary.key(word).replace(" ", "-"))
    )
    scripts = (_library(), _read("page.js"))
    page = {
        "version": __version__,
        "policy": _policy(scripts),
        # Our own files, not text from a study: the only two things that are not escaped.
        "css": Markup(_read("page.css")),
        "scripts": [Markup(script) for script in scripts],
        "tokens": list(TOKENS.items()),
        "charts": charts,
        "legend": entries,
    }
    return environment.get_template(template).render(page=page, **context)


@functools.cache
def _library() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script: bundled once, which takes seconds, and kept."""
    from importlib.metadata import version

    import pooch
    import vl_convert

    cache = Path(os.environ.get("RECTIFIERS_CACHE") or pooch.os_cache("rectifiers"))
    kept = cache / f"vega-embed-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError):
        return kept.read_bytes().decode()
    script = vl_convert.javascript_bundle(_SNIPPET)
    script = script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
    with contextlib.suppress(StoreError):  # where nothing can be kept it is bundled every time
        save(script, make_directory(cache) / kept.name)
    return script


@functools.cache
def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    rest = "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {allowed}; {rest}"
