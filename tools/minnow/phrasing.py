# SPDX-License-Identifier: Apache-2.0
"""How people write: patterns with choices, politeness, slips of the keyboard.

A pattern is text with choices in brackets, `[count|say the numbers] from {a} to {b}[| please]`; they nest.
`$about(fathom plan)` is one of the patterns of that name in phrases/frames.txt, with % for what stands in
parentheses.
Slots in braces are filled afterwards, so that what fills them is never taken for a pattern.
"""
import functools
import math
import pathlib
import re

from invent import invented

PHRASES = pathlib.Path(__file__).with_name("phrases")
INNERMOST = re.compile(r"\[([^\[\]]*)\]")
FRAME = re.compile(r"\$(\w+)\(([^()]*)\)")
SLIPS = 0.1             # share of the texts with a slip; of these as many have another
FRAMES_WEIGHT = 40      # of a pattern with a frame, as if it had so many texts
LEAST_WEIGHT = 8        # of a pattern with few choices, the same
REWORDED, SWAPPED = 0.35, 0.3   # share of the texts that are reworded; of their words that are
PLAIN_SHARE = 0.3
TERSE = 0.08            # share of the texts that lose every other word of those that say little
NAMES = {name.lower(): name for name in "I Fathom Minnow DeepSeek GGUF GPU CPU RAM NVMe Python Linux".split()}
COMMANDS = "run|chat|serve|bench|plan|inspect|tokenize|logits|forge|pull|verify|quantize|help"
NAME = re.compile(rf"(?<![`\w-])({'|'.join(NAMES)})(?![\w`-])(?! ({COMMANDS}))")
NEIGHBOURS = dict(zip("aseroptynmlkicvu", "saerpotymnklovci"))


def sections(name):
    """The lines below each `# title` of phrases/NAME.txt. Behind two spaces a line goes on with the last."""
    found = {}
    for line in (PHRASES / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            lines = found.setdefault(line[2:], [])
        elif line.startswith("  "):
            lines[-1] += line[2:]
        elif line:
            lines.append(line)
    return found


MANNERS = sections("manners")
PLAIN = sections("plain")           # what most people say
FRAMES = sections("frames")
GROUPS = [line.split("|") for line in sections("synonyms")["alike"]]
SYNONYMS = {word: group for group in GROUPS for word in group}
UNIMPORTANT = sections("synonyms")["unimportant"][0].split()


def any_of(words):
    """Finds each of the words, the longest first, but not in an option, a command in quotes or a slot."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<![\w`'{{-])({'|'.join(map(re.escape, longest_first))})(?![\w`'}}-])")


ALIKE, LITTLE = any_of(SYNONYMS), any_of(UNIMPORTANT)


@functools.cache
def weight(pattern):
    """How often a pattern is to come: more often, the more texts it stands for, but not in proportion."""
    texts = FRAMES_WEIGHT if "$" in pattern else 1
    texts *= math.prod(len(m.split("|")) for m in INNERMOST.findall(pattern))
    return 1 + math.log2(max(texts, LEAST_WEIGHT))


def choose(rng, patterns):
    return rng.choices(patterns, [weight(pattern) for pattern in patterns])[0]


def usual(rng, title, patterns):
    """One of the patterns or, often, of the few that most people use."""
    return choose(rng, PLAIN[title] if title in PLAIN and rng.random() < PLAIN_SHARE else patterns)


def framed(rng, match):
    return choose(rng, FRAMES[match[1]]).replace("%", match[2])


def expand(rng, pattern):
    """One of the texts that the pattern stands for, with its slots."""
    while True:
        expanded = INNERMOST.sub(lambda m: rng.choice(m.group(1).split("|")), pattern)
        if expanded == pattern:
            expanded = FRAME.sub(lambda m: framed(rng, m), pattern)
        if expanded == pattern:
            return " ".join(expanded.split())
        pattern = expanded


def reword(rng, text):
    """The text with some words changed for others that mean as much, or without those that say little."""
    if rng.random() < REWORDED:
        text = ALIKE.sub(lambda m: rng.choice(SYNONYMS[m[1]]) if rng.random() < SWAPPED else m[1], text)
    if rng.random() < TERSE:
        terse = " ".join(LITTLE.sub(lambda m: rng.choice(["", m[1]]), text).split())
        text = terse or text
    return text


def written(rng, pattern, slots):
    """One of the texts of the pattern, reworded now and then, and its slots filled."""
    text = reword(rng, expand(rng, pattern))
    return text.format(**slots) if slots else text


def capital(text):
    return text[:1].upper() + text[1:]


def spell_names(text):
    """fathom -> Fathom and i -> I, but not in `fathom run`."""
    return NAME.sub(lambda m: NAMES[m.group(1)], text)


def slip(rng, text):
    """The text with one slip in a word: two letters swapped, one left out, doubled, or a neighbouring key."""
    around = [text[i - 1:i + 2] for i in range(1, len(text) - 2)]
    places = [i for i, letters in enumerate(around, 1) if letters.isascii() and letters.isalpha()]
    if not places:
        return text
    i = rng.choice(places)
    return text[:i] + rng.choice([text[i + 1] + text[i] + text[i + 2:], text[i + 1:], text[i] + text[i:],
                                  NEIGHBOURS.get(text[i], text[i]) + text[i + 1:]])


def fill(rng, text):
    """The text with a word more that says nothing, or that nobody knows."""
    words = text.split(" ")
    more = rng.choice(MANNERS["fillers"]) if rng.random() < 0.7 else invented(rng)
    words.insert(rng.randint(0, len(words)), more)
    return " ".join(words)


def dress(rng, text, ending):
    """Capitals, and the mark at the end, as people have them or not."""
    style = rng.random()
    if (style < 0.55 or style > 0.72) and rng.random() < 0.75:
        text = spell_names(text)
    if style < 0.55:
        text = capital(text)
    elif style < 0.58:
        text = text.upper()
    elif style < 0.72:
        text = text.lower()
    if text[-1:] not in ".!?:)":
        marks = [ending, ending, ending, "", "", "!", ending * 2] if style < 0.72 else ["", ending]
        text += rng.choice(marks)
    if rng.random() < 0.03:
        text = rng.choice([" " + text, text + " ", text + "\n"])
    return text


def disturb(rng, text):
    if rng.random() < 0.06:
        text = fill(rng, text)
    while rng.random() < SLIPS:
        text = slip(rng, text)
    return text


def preface(rng, text):
    """The text behind, or before, a sentence that says nothing of it, now and then."""
    if rng.random() < 0.08:
        text = f"{capital(expand(rng, choose(rng, FRAMES['context'])))} {text}"
    if rng.random() < 0.05 and text[-1:] in ".!?":
        text = f"{text} {capital(expand(rng, choose(rng, FRAMES['aside'])))}"
    return text


def close(text, closing):
    return text + ("" if closing[0] in ",." else " ") + closing


def request(rng, pattern, slips=True, **slots):
    """Something to do, as a person would write it. Without slips, where they would change the meaning."""
    text = written(rng, pattern, slots)
    if rng.random() < 0.4:
        text = f"{rng.choice(MANNERS['openings of requests'])} {text}"
    if rng.random() < 0.24:
        text = close(text, rng.choice(MANNERS["closings"]))
    if slips:
        text = disturb(rng, text)
    asks = text.startswith(("can ", "could ", "would ", "will "))
    return preface(rng, dress(rng, text, "?" if asks and rng.random() < 0.7 else "."))


def question(rng, pattern, slips=True, **slots):
    """Something to know, as a person would ask it."""
    text = written(rng, pattern, slots)
    if rng.random() < 0.32:
        text = f"{rng.choice(MANNERS['openings of questions'])} {text}"
    if rng.random() < 0.08:
        text = close(text, rng.choice(MANNERS["closings"]))
    if slips:
        text = disturb(rng, text)
    return preface(rng, dress(rng, text, "?"))
