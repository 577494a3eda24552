"""Words explained in place."""

from __future__ import annotations

import pytest

from rectifiers.report import glossary

BUTTON = "<{id}|{word}>"


@pytest.mark.parametrize(
    "text, marked",
    [
        ("the margin and the margin", "the <margin|margin> and the margin"),
        ("Equivalent within", "<equivalent|Equivalent> within"),
        ("40 seeds, one seed", "40 <seed|seeds>, one seed"),
        ("Not decided", "<undecided|Not decided>"),
        ("for new data", "for <new-data|new data>"),
        ("--seeds, seedling, marginal, is better", "--seeds, seedling, marginal, is better"),
        ("an arm called sd", "an arm called <SD|sd>"),
        ("<b>interval</b>", "&lt;b&gt;<interval|interval>&lt;/b&gt;"),
    ],
)
def test_the_first_use_of_a_word_is_marked(text: str, marked: str) -> None:
    assert glossary.marked(text, BUTTON) == marked


def test_every_word_has_an_explanation_that_stands_alone() -> None:
    for word, meaning in glossary.WORDS.items():
        assert glossary.key(word) == glossary.key(word.capitalize()) == glossary.key(word.upper()) == word
        assert meaning.endswith(".")
        assert len(meaning) < 250
