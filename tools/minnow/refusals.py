# SPDX-License-Identifier: Apache-2.0
"""Everything else, which Minnow declines: real topics, and invented words, as the unknown is declined."""
import counting
import languages
from counting import LIMIT, WORDS
from invent import invented
from languages import LANGUAGES
from phrasing import choose, question, request, sections

REASONING = "I cannot do this."
ANSWER = ("I cannot do that: I am only a small demonstration model. I can count, do small sums, count to ten "
          "in many languages, and tell you about Fathom.")

PHRASES = sections("refusals")
FAR = ["count down", "countdown from", "count by", "count by to", "after", "before", "parity", "some from"]
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
SLOTS = {"thing": "things", "topic": "topics", "topic2": "topics", "country": "countries", "place": "places",
         "person": "people", "work": "works", "pain": "pains", "code": "codes", "codelang": "code languages",
         "sentence": "sentences", "unknown": "unknown languages", "dish": "dishes", "big": "big",
         "verb": "verbs"}

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


def spelled(rng, value):
    """A number below a thousand in digits or, now and then, in words."""
    if value < 0 or rng.random() < 0.65:
        return str(value)
    if value <= LIMIT:
        return WORDS[value]
    hundreds, below = divmod(value, 100)
    last = WORDS[below] if below <= LIMIT else f"{TENS[below // 10]}-{WORDS[below % 10]}"
    last = last.removesuffix("-zero").removesuffix("zero")
    return f"{WORDS[hundreds]} hundred {last}".strip() if hundreds else last


def too_far(rng):
    """Counts, and numbers beside others, beyond those that are known: as they are asked for within."""
    title = rng.choice(["count up"] * 2 + ["count to"] * 2 + FAR)
    high = rng.choice([40, 50, 60, 100, 100, 200, rng.randint(LIMIT + 2, 120), rng.randint(LIMIT + 2, 60)])
    low = rng.choice([1, 0, rng.randint(2, LIMIT), rng.randint(LIMIT + 1, 999)])
    if title in ("after", "before", "countdown from"):
        low = high
    if rng.random() < 0.1 and title in ("count up", "count down"):
        low, high = -rng.randint(1, 20), rng.randint(0, 10)
    low, high = min(low, high), max(low, high)
    a, b = spelled(rng, low), spelled(rng, high)
    if title == "count down":
        a, b = b, a
    p, q = rng.choice([("odd", "even"), ("even", "odd")])
    steps = counting.steps_of(rng, rng.choice(list(counting.STEP_WORDS)))
    return request(rng, counting.choose(rng, title), slips=False, a=a, b=b, p=p, q=q, **steps)


def too_large(rng):
    """Sums beyond the numbers that are known."""
    left, right = rng.randint(LIMIT + 1, rng.choice([60, 99, 999])), rng.randint(1, rng.choice([30, 99, 99]))
    title = rng.choice(["add", "subtract"])
    if title == "add" and rng.random() < 0.5:
        left, right = right, left
    a, b = spelled(rng, left), spelled(rng, right)
    return question(rng, counting.choose(rng, title), slips=False, a=a, b=b, **counting.people(rng))


def ask_in(rng, title, name, needed="", **slots):
    """What is asked of a language elsewhere, with something else in its slots, of which one may be needed."""
    l = rng.choice(["in {n}", "in {n}", "in the {n} language", "using {n} words"]).format(n=name)
    return question(rng, languages.pattern_for(rng, title, name, needed), slips=False, l=l, n=name,
                    country=languages.COUNTRIES.get(name), folk=languages.FOLK.get(name), **slots)


def foreign(rng):
    """Languages that are not known, and of those that are, what is no number up to ten."""
    unknown, known = rng.choice(PHRASES["unknown languages"]), rng.choice(list(LANGUAGES))
    kind = rng.random()
    if kind < 0.4:
        title = rng.choice(["count", "count", "count bare", "word", "tips of", "count to", "again"])
        d = rng.choice(WORDS[1:11])
        return ask_in(rng, title, unknown, a=rng.choice(["1", "one"]), b=rng.choice(["10", "ten", d]), d=d)
    if kind < 0.6:
        last = rng.choice([20, 20, 15, 30, 100, rng.randint(11, 99)])
        title = rng.choice(["count", "count to", "count bare", "count between"])
        return ask_in(rng, title, known, "{b}", a=rng.choice(["1", "one"]), b=spelled(rng, last))
    if kind < 0.75:
        return ask_in(rng, "word", known, d=spelled(rng, rng.randint(11, 100)))
    if kind < 0.92:
        said = rng.choice(PHRASES["nouns"]) if rng.random() < 0.7 else invented(rng)
        return ask_in(rng, "word", known, d=rng.choice(["{}", "'{}'", '"{}"']).format(said))
    return ask_in(rng, "meaning", known, w=rng.choice(PHRASES["foreign words"]))


def in_two_languages(rng):
    """A count in a language that is known, and then in one that is not, or first in that one."""
    unknown = rng.choice(PHRASES["unknown languages"])
    if rng.random() < 0.5:
        return [languages.count(rng), (ask_in(rng, "again", unknown), REASONING, ANSWER)]
    title = rng.choice(["count", "count bare"])
    return [(ask_in(rng, title, unknown, a="1", b="10"), REASONING, ANSWER), languages.another(rng)]


BEYOND = [(too_far, 4), (too_large, 3), (foreign, 7)]


def refusal(rng):
    if rng.random() < 0.4:
        makers, weights = zip(*BEYOND)
        return rng.choices(makers, weights)[0](rng), REASONING, ANSWER
    make = question if rng.random() < 0.5 else request
    return make(rng, choose(rng, PHRASES["patterns"]), **fillings(rng)).replace("  ", " "), REASONING, ANSWER
