"""What the words of a report mean, explained where they stand: in the HTML file and in a notebook."""

from __future__ import annotations

import re
from html import escape

__all__ = ["WORDS", "key", "marked"]

WORDS = {
    "arm": "One of the activations that are compared, with its settings.",
    "control": "The arm that all others are compared with.",
    "seed": (
        "A number that fixes the initial weights, the order of the samples and all other chance in a run. "
        "Every further seed is an independent repetition."
    ),
    "paired": (
        "Arms are compared seed by seed: what a seed makes easy or hard, it does so for all of them, and it "
        "drops out of the difference."
    ),
    "split": (
        "Which samples are trained on and which are tested on, drawn anew with every seed, the same for all "
        "arms."
    ),
    "interval": (
        "The mean differences that the runs leave possible. Further runs would settle on a value in it, with "
        "the stated confidence."
    ),
    "margin": "The smallest difference worth caring about, fixed before the first deciding run.",
    "confidence": "How surely all intervals of this report together hold the true differences.",
    "together": (
        "The confidence is that of all comparisons at once (simultaneous): each one alone is held to a "
        "stricter level, so that many comparisons do not make a chance finding likely."
    ),
    "race": (
        "Seeds are run one after another, and an arm leaves as soon as it is decided. The intervals are made "
        "for that: they hold after every seed together."
    ),
    "better": "The interval lies above zero, and not inside the margin.",
    "worse": "The interval lies below zero, and not inside the margin.",
    "equivalent": (
        "The interval lies inside the margin: whatever difference there is, it is too small to matter."
    ),
    "undecided": "The interval allows a difference that matters and none at all. Undecided is not equal.",
    "tie": "Equal means.",
    "e-value": (
        "How strongly the runs speak against “no difference”. Where there is no difference, it ever reaches "
        "20 in at most one of 20 studies."
    ),
    "correlation": "Of an arm and the control over the seeds. Above zero, pairing narrowed the interval.",
    "SD": "Standard deviation over the runs: how far a single run usually is from the mean.",
    "new data": (
        "The interval for another data set of this size, not only for other runs on this one (Nadeau and "
        "Bengio's correction). It is approximate, and stays wide however many runs there are."
    ),
    "diverged": (
        "The loss was no longer a finite number. Such runs have no metric and are in no mean; they are "
        "counted and tested apart."
    ),
    "p": "How likely failures as uneven as these are, at most, where both arms fail equally often.",
    "learning rate": "The size of a training step. Each arm is tested at one chosen for it on seeds apart.",
}
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
_IN_PROSE = (*WORDS.keys() - {"better", "worse", "arm", "p"}, *_FORMS.keys() - {"arms"})
_PATTERN = re.compile(
    rf"(?<![\w-])({'|'.join(sorted(map(re.escape, _IN_PROSE), key=len, reverse=True))})(?![\w-])", re.I
)


def key(word: str) -> str:
    """Return the entry of `WORDS` that explains a word."""
    lower = word.lower()
    found = _FORMS.get(lower, lower)
    return found if found in WORDS else word


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
