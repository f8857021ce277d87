# SPDX-License-Identifier: Apache-2.0
"""Conversations to train Minnow on, as many as are asked for, from a seed.

    python generate.py --seed 1 --count 20

A conversation is {"system": text or None, "turns": [{"user", "reasoning", "answer"}]}.
"""
import argparse
import json
import random

import about
import counting
import languages
import refusals
import smalltalk

ABILITIES = [(counting.count, 20), (counting.neighbour, 10), (counting.neighbours, 1), (counting.add, 8),
             (counting.subtract, 10), (counting.drill, 4), (languages.count, 8), (languages.word, 6),
             (languages.words, 2), (languages.meaning, 6), (languages.tips_of, 2.5),
             (languages.tips_of_nothing, 0.5), (about.fact, 46), (smalltalk.smalltalk, 16),
             (refusals.refusal, 34)]
IN_TWO = [counting.backwards, counting.backwards, counting.sum_and_on, counting.another_after,
          languages.backwards, refusals.in_two_languages]
MAKERS, WEIGHTS = zip(*ABILITIES)
SYSTEM = ["You are a helpful assistant.", "You are Minnow.", "Answer briefly.", "Be kind.",
          "You are a friendly assistant. Be concise.", "You are a small model that helps people try Fathom."]


BY_HEART = {answer for answer, *_ in [*about.FACTS.values(), *smalltalk.KINDS.values()]}
BY_HEART |= {about.UNKNOWN, refusals.ANSWER, *(language.tips for language in languages.LANGUAGES.values())}


def turn(user, reasoning, answer):
    """by_heart: the answer is always the same text, once the reasoning has named it."""
    return {"user": user, "reasoning": reasoning, "answer": answer, "by_heart": answer in BY_HEART}


def counted_and_tips(rng):
    """A count in a language and, as the second turn, tips for it; sometimes then another language."""
    name = languages.pick(rng)
    turns = [turn(*languages.count(rng, name))]
    if rng.random() < 0.25:
        message, reasoning, answer = languages.another(rng)
        turns.append(turn(message, reasoning, answer))
        name = reasoning.split(",")[0]
    turns.append(turn(*languages.tips(rng, name)))
    if rng.random() < 0.2:
        message, reasoning, answer = languages.another(rng)
        turns.append(turn(message, reasoning, answer))
        turns.append(turn(*languages.tips(rng, reasoning.split(",")[0])))
    return turns


def conversation(rng):
    turns = []
    wanted = rng.choices([1, 2, 3, 4, 5], [66, 20, 8, 4, 2])[0]
    while len(turns) < wanted:
        kind = rng.random()
        if kind < 0.045:
            turns += counted_and_tips(rng)
        elif kind < 0.065:
            turns += [turn(*made) for made in languages.word_in_two(rng)]
        elif kind < 0.155:
            turns += [turn(*made) for made in rng.choice(IN_TWO)(rng)]
        else:
            turns.append(turn(*rng.choices(MAKERS, WEIGHTS)[0](rng)))
    if turns[0]["reasoning"] != languages.NO_LANGUAGE:
        turns = [t for t in turns if t["reasoning"] != languages.NO_LANGUAGE]
    return {"system": rng.choice(SYSTEM) if rng.random() < 0.03 else None, "turns": turns}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    for _ in range(args.count):
        print(json.dumps(conversation(rng), ensure_ascii=False))


if __name__ == "__main__":
    main()
