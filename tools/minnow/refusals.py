# SPDX-License-Identifier: Apache-2.0
"""Everything else, which Minnow declines: real topics, and invented words, as the unknown is declined."""
from counting import WORDS
from languages import LANGUAGES
from phrasing import capital, choose, question, request, sections

REASONING = "I cannot do this."
ANSWER = ("I cannot do that: I am only a small demonstration model. I can count, do small sums, count to ten "
          "in many languages, and tell you about Fathom.")

PHRASES = sections("refusals")
SLOTS = {"thing": "things", "topic": "topics", "topic2": "topics", "country": "countries", "place": "places",
         "person": "people", "work": "works", "pain": "pains", "code": "codes", "codelang": "code languages",
         "sentence": "sentences", "unknown": "unknown languages", "dish": "dishes", "big": "big",
         "verb": "verbs"}
ONSETS = ("b br c ch cl cr d dr f fl fr g gl gr h j k kl kn l m n p pl pr qu r s sc sh sk sl sm sn sp st str "
          "t th tr v w wh wr y z").split()
VOWELS = "a e i o u a e i o u ai ea ee ie oa oo ou au ei io".split()
CODAS = [""] * 3 + ("n r l s t m nd nt rk st ck ng x d p ll sh rt lf mp ve te ne ry tion ment er ing le "
                    "ity").split()


def syllable(rng):
    return rng.choice(ONSETS) + rng.choice(VOWELS) + (rng.choice(CODAS) if rng.random() < 0.6 else "")


def invented(rng):
    """A word, or a name of two, that nobody knows."""
    def one():
        word = "".join(syllable(rng) for _ in range(rng.randint(1, 3)))
        return capital(word) if rng.random() < 0.4 else word
    return one() if rng.random() < 0.7 else one() + " " + one()


def large_sum(rng):
    """A sum beyond the numbers that Minnow knows."""
    left, right = rng.randint(31, 999) if rng.random() < 0.3 else rng.randint(31, 99), rng.randint(1, 99)
    sign = rng.choice(["+", "-", "plus", "minus", "+", "*", "times"])
    if sign in ("+", "plus") and rng.random() < 0.5:
        left, right = right, left
    return f"{left} {sign} {right}" if sign.isalpha() or rng.random() < 0.8 else f"{left}{sign}{right}"


def fillings(rng):
    """What the slots of the patterns are filled with."""
    values = {slot: rng.choice(PHRASES[title]) for slot, title in SLOTS.items()}
    digits = rng.randint(1, 30), rng.randint(1, 30)
    values["digit"], values["digit2"] = (WORDS[d] for d in digits) if rng.random() < 0.5 else digits
    known, unknown = list(LANGUAGES), PHRASES["unknown languages"]
    values["language"] = rng.choice(known if rng.random() < 0.8 else unknown)
    values["anylanguage"] = rng.choice(known + unknown)
    values["invented"], values["invented2"] = invented(rng), invented(rng)
    if rng.random() < 0.7:
        values["big"] = large_sum(rng)
    if rng.random() < 0.3:
        values["sentence"] = invented(rng)
    return values


def refusal(rng):
    make = question if rng.random() < 0.5 else request
    return make(rng, choose(rng, PHRASES["patterns"]), **fillings(rng)).replace("  ", " "), REASONING, ANSWER
