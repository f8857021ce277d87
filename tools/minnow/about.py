# SPDX-License-Identifier: Apache-2.0
"""What Minnow knows about Fathom: one short answer to each question, however it is asked."""
from phrasing import PLAIN_SHARE, choose, question, sections

FACTS = sections("facts")      # below each subject the answer, then ways to ask
QUESTIONS = sections("questions")
REASONING = "I do not know this one."
UNKNOWN = "I do not know that one. `fathom help` lists the commands, and `fathom help COMMAND` explains one."
USUAL = ["what Fathom is", "Minnow", "the commands", "fathom plan", "the models it runs", "the size of R1",
         "the GPU"]
FIRST = 5      # patterns of a fact, which most people use
LETTERS = "bcdfglmnprstvz", "aeiou"


def unknown(rng):
    """Commands and options that do not exist, and what else is not known of Fathom."""
    if rng.random() < 0.5:
        return question(rng, choose(rng, QUESTIONS["unknown facts"])), REASONING, UNKNOWN
    name = "".join(rng.choice(LETTERS[i % 2]) for i in range(rng.randint(4, 8)))
    if rng.random() < 0.6:
        name = rng.choice(QUESTIONS["unknown words"])
    return question(rng, choose(rng, QUESTIONS["unknown"]), slips=False, x=name), REASONING, UNKNOWN


def fact(rng):
    if rng.random() < 0.06:
        return unknown(rng)
    subject = rng.choice(USUAL if rng.random() < 0.15 else list(FACTS))
    answer, *patterns = FACTS[subject]
    pattern = choose(rng, patterns[:FIRST] if rng.random() < PLAIN_SHARE else patterns)
    if rng.random() < 0.06:
        pattern = rng.choice(QUESTIONS["openings"]) + " " + pattern
    return question(rng, pattern), f"The question is about {subject}.", answer
