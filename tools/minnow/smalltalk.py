# SPDX-License-Identifier: Apache-2.0
"""Greetings, thanks, farewells, and who Minnow is."""
from phrasing import disturb, dress, expand, sections, usual

KINDS = sections("smalltalk")      # below the reasoning the answer, then what people say
WEIGHTS = [3, 2, 2, 4, 3]
STATEMENTS = ("A greeting.", "Thanks.", "A farewell.")


def smalltalk(rng):
    reasoning = rng.choices(list(KINDS), WEIGHTS)[0]
    answer, *patterns = KINDS[reasoning]
    text = expand(rng, usual(rng, reasoning, patterns))
    return dress(rng, disturb(rng, text), "." if reasoning in STATEMENTS else "?"), reasoning, answer
