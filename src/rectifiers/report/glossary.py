"""What the words of a report mean, explained where they stand: in the HTML file and in a notebook."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

__all__ = ["WORDS", "key", "marked"]

_TEXT = (Path(__file__).with_name("templates") / "words.txt").read_text(encoding="utf-8")
WORDS = dict(line.split(": ", 1) for line in _TEXT.splitlines())
"""Each word with its explanation."""

_FORMS = {
    "arms": "arm",
    "seeds": "seed",
    "splits": "split",
    "intervals": "interval",
    "not decided": "undecided",
    "learning rates": "learning rate",
    "equal means": "tie",
    "pairs": "paired",
}
_NAMES = {name.lower(): name for name in WORDS} | _FORMS
_IN_PROSE = (*WORDS.keys() - {"better", "worse", "arm", "p"}, *_FORMS.keys() - {"arms"})
_PATTERN = re.compile(
    rf"(?<![\w-])({'|'.join(sorted(map(re.escape, _IN_PROSE), key=len, reverse=True))})(?![\w-])", re.I
)


def key(word: str) -> str:
    """Return the entry of `WORDS` that explains a word."""
    return _NAMES.get(word.lower(), word)


def marked(text: str, button: str) -> str:
    """Return a text as HTML, escaped, in which the first use of every word explained here is a `button`.

    Parameters
    ----------
    text : str
    button : str
        HTML with ``{word}``, ``{id}`` and ``{meaning}`` in it.
    """
    told: set[str] = set()

    def explained(found: re.Match[str]) -> str:
        word = found[0]
        name = key(word)
        if name in told:
            return word
        told.add(name)
        return button.format(word=word, id=name.replace(" ", "-"), meaning=escape(WORDS[name]))

    return _PATTERN.sub(explained, escape(text))
