# SPDX-License-Identifier: Apache-2.0
"""Counting to ten in other languages, single number words, and tips to pronounce them."""
import dataclasses

from counting import PHRASES as COUNTING, WORDS
from phrasing import capital, choose, expand, question, request, sections, usual


@dataclasses.dataclass
class Language:
    words: list         # one to ten
    tips: str
    native: str         # "in French", as the French say it
    other_names: list


LANGUAGES = {name: Language(words.split(), tips, native, others)
             for name, (words, tips, native, *others) in sections("tongues").items()}
COMMON = list(LANGUAGES)[:15]
PHRASES = sections("languages")
NATIVE = sections("native")
COUNTRIES = {"French": "France", "German": "Germany", "Spanish": "Spain", "Italian": "Italy",
             "Portuguese": "Portugal", "Dutch": "the Netherlands", "Swedish": "Sweden", "Danish": "Denmark",
             "Norwegian": "Norway", "Finnish": "Finland", "Polish": "Poland", "Turkish": "Turkey",
             "Latin": "ancient Rome", "English": "England", "Czech": "Prague", "Romanian": "Romania",
             "Hungarian": "Hungary", "Welsh": "Wales"}
FOLK = {"French": "Frenchman", "German": "German", "Spanish": "Spaniard", "Italian": "Italian",
        "Portuguese": "Brazilian", "Dutch": "Dutchman", "Swedish": "Swede", "Danish": "Dane",
        "Norwegian": "Norwegian", "Finnish": "Finn", "Polish": "Pole", "Turkish": "Turk", "Latin": "Roman",
        "English": "Briton", "Czech": "Czech", "Romanian": "Romanian", "Catalan": "Catalan",
        "Hungarian": "Hungarian", "Welsh": "Welshman"}
WAYS = ("[using {n}|the {n} way|with {n} words|({n})|in {n} words|, in {n}|using {n} words|in {n} only|"
        "speaking {n}|as in {n}|in {n}, not in English]")
NO_LANGUAGE = "No language yet."


def pick(rng):
    if rng.random() < 0.1:
        return "French"
    return rng.choice(COMMON if rng.random() < 0.5 else list(LANGUAGES))


def naming(rng, name):
    """In French, en français, in the French language, the French way..."""
    kind = rng.random()
    if kind < 0.62:
        return "in " + (name if rng.random() < 0.75 else name.lower())
    if kind < 0.74:
        return LANGUAGES[name].native
    if kind < 0.84:
        return "in " + rng.choice(LANGUAGES[name].other_names)
    return expand(rng, WAYS).format(n=name)


def pattern_for(rng, title, name, needed=""):
    """A text with the needed slot, that speaks of people or a country only where the language has them."""
    while True:
        pattern = expand(rng, usual(rng, f"foreign {title}", PHRASES[title]))
        if "{country}" in pattern and name not in COUNTRIES or "{folk}" in pattern and name not in FOLK:
            continue
        if needed in pattern:
            return pattern


def asked(rng, make, title, name, **slots):
    written = name if rng.random() < 0.8 else name.lower()
    text = make(rng, pattern_for(rng, title, name), slips=rng.random() < 0.5, l=naming(rng, name), n=written,
                country=COUNTRIES.get(name), folk=FOLK.get(name), **slots)
    return text.replace(" ,", ",")


def written(rng, *values):
    """Numbers, in digits or in English words."""
    return [str(v) if rng.random() < 0.4 else WORDS[v] for v in values]


def count(rng, name=None):
    """(message, reasoning, answer) for a count in a language."""
    name = name or pick(rng)
    kind = rng.random()
    if kind < 0.03 and name in NATIVE:
        message = request(rng, rng.choice(NATIVE[name]))
        return message, f"{name}, 1 to 10.", ", ".join(LANGUAGES[name].words) + "."
    if kind < 0.14:
        return count_down(rng, name)
    first, last = 1, 10
    title = "count bare" if kind < 0.26 else "count"
    if kind > 0.9:
        title = "count between"
        first = rng.randint(1, 8)
        last = rng.randint(first + 2, 10)
    elif kind > 0.76:
        title = "count to"
        last = rng.randint(3, 10)
    a, b = written(rng, first, last)
    message = asked(rng, request, title, name, a=a, b=b)
    return message, f"{name}, {first} to {last}.", ", ".join(LANGUAGES[name].words[first - 1:last]) + "."


def count_down(rng, name):
    first = rng.choice([10, 10, 5, rng.randint(3, 10)])
    a, b = written(rng, first, 1)
    message = asked(rng, request, "backwards", name, a=a, b=b)
    words = LANGUAGES[name].words[:first]
    return message, f"{name}, down from {first} to 1.", ", ".join(reversed(words)) + "."


def backwards(rng):
    """A count in a language, and then the same the other way."""
    name, last = pick(rng), rng.choice([10, 10, 10, rng.randint(3, 10)])
    a, b = written(rng, 1, last)
    words = LANGUAGES[name].words[:last]
    there = asked(rng, request, "count to", name, a=a, b=b), f"{name}, 1 to {last}.", ", ".join(words) + "."
    back = request(rng, choose(rng, COUNTING["the other way"])), f"{name}, down from {last} to 1."
    return [there, (*back, ", ".join(reversed(words)) + ".")]


def another(rng):
    """'And in German?', after a count."""
    name = pick(rng)
    return asked(rng, question, "again", name), f"{name}, 1 to 10.", ", ".join(LANGUAGES[name].words) + "."


def tips(rng, name):
    """The second turn: tips for the language just counted in."""
    return request(rng, choose(rng, PHRASES["tips"])), f"Tips for {name}.", LANGUAGES[name].tips


def tips_of(rng):
    name = pick(rng)
    return asked(rng, request, "tips of", name), f"Tips for {name}.", LANGUAGES[name].tips


def tips_of_nothing(rng):
    answer = "Ask me to count in a language first, and I will give tips for it."
    return request(rng, choose(rng, PHRASES["tips"])), NO_LANGUAGE, answer


def quoted(rng, text, share):
    return rng.choice(["'{}'", '"{}"', "“{}”"]).format(text) if rng.random() < share else text


def word_in(rng, title, name, value):
    """The word of a language for a number."""
    said = quoted(rng, WORDS[value] if rng.random() < 0.7 else str(value), 0.3)
    message = asked(rng, question, title, name, d=said)
    found = LANGUAGES[name].words[value - 1]
    return message, f"{name}: {value} is {found}.", f"{capital(WORDS[value])} in {name} is {found}."


def word(rng):
    return word_in(rng, "word", pick(rng), rng.randint(1, 10))


def words(rng):
    """Several numbers in a language, in any order."""
    name = pick(rng)
    values = rng.sample(range(1, 11), rng.randint(2, 4))
    digits = ", ".join(map(str, values))
    said = digits if rng.random() < 0.5 else ", ".join(WORDS[v] for v in values)
    message = asked(rng, question, "words", name, d=said)
    return message, f"{name}: {digits}.", ", ".join(LANGUAGES[name].words[v - 1] for v in values) + "."


def meaning(rng):
    """The number that a word of a language means. The language is named, unless no other has the word."""
    name = pick(rng)
    value = rng.randint(1, 10)
    found = LANGUAGES[name].words[value - 1]
    bare = rng.random() < 0.25 and sum(found in language.words for language in LANGUAGES.values()) == 1
    named = [name, LANGUAGES[name].native, *LANGUAGES[name].other_names, FOLK.get(name, name)]
    while True:
        message = asked(rng, question, "meaning bare" if bare else "meaning", name, w=quoted(rng, found, 0.4))
        if bare or any(n.lower() in message.lower() for n in named):
            return message, f"{name}: {found} is {value}.", f"{capital(found)} is {name} for {WORDS[value]}."


def word_in_two(rng):
    """One number in a language, and then 'And in German?'."""
    value = rng.randint(1, 10)
    return [word_in(rng, "word", pick(rng), value), word_in(rng, "again", pick(rng), value)]
