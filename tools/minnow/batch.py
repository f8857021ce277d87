# SPDX-License-Identifier: Apache-2.0
"""Conversations as tokens to learn from.

R1's template drops the reasoning of earlier answers, so the reply that a model writes is not the reply that
it reads later. A conversation is therefore a trunk, the prompt as the template renders it, with a branch at
the end of each user's message: reasoning and answer, which see the trunk up to there and themselves. Only
branches are learnt. Conversations of a batch lie one behind the other, and do not see each other.
"""
import dataclasses

import torch

import generate
from vocabulary import BEGIN, END, PAD

FULL = 2        # conversations that do not fit, and a batch is full
TRUNK = 0
OPENING = 5     # tokens of an answer that it begins with
TO_THE_END = 0.2     # share of the answers by heart that are practised beyond their opening
OTHERS_TO_THE_END = 0.5    # and of the others, which follow from their reasoning


@dataclasses.dataclass(eq=False)
class Tokens:
    """A list for each property of a token, all of the same length. A target is the token that follows, where
    it is learnt, or -1; an anchor the last position of the trunk that is seen."""
    ids: list = dataclasses.field(default_factory=list)
    targets: list = dataclasses.field(default_factory=list)
    positions: list = dataclasses.field(default_factory=list)
    anchors: list = dataclasses.field(default_factory=list)
    branches: list = dataclasses.field(default_factory=list)

    def seen(self):
        """[query][key], true where it may be seen"""
        positions, anchors, branches = map(torch.tensor, (self.positions, self.anchors, self.branches))
        on_trunk = (branches == TRUNK) & (positions <= anchors.unsqueeze(1))
        on_branch = (branches == branches.unsqueeze(1)) & (positions <= positions.unsqueeze(1))
        return on_trunk | on_branch


def reply(vocabulary, turn, rng):
    """(ids of a branch, how many of them the model is given)"""
    think, think_end = vocabulary.ids["<think>"], vocabulary.ids["</think>"]
    answer = vocabulary.encode(f"\n\n{turn['answer']}") + [END]
    if rng.random() >= (TO_THE_END if turn["by_heart"] else OTHERS_TO_THE_END):
        answer = answer[:OPENING]
    if rng.random() < 0.9:
        return [think] + vocabulary.encode(f"\n{turn['reasoning']}\n") + [think_end] + answer, 0
    closed = [think] + vocabulary.encode("\n\n") + [think_end]
    return closed + answer, len(closed) + 1


def tokens_of(vocabulary, conversation, rng):
    trunk = [BEGIN] + vocabulary.encode(conversation["system"] or "")
    lead = rng.choice(["", "\n\n"])     # front ends send answers back with these line breaks, or without
    branches = []
    for i, turn in enumerate(conversation["turns"]):
        trunk += vocabulary.user(turn["user"])
        branches.append((len(trunk) - 1, *reply(vocabulary, turn, rng)))
        if i + 1 < len(conversation["turns"]):
            trunk += vocabulary.encode(lead + turn["answer"]) + [END]
    n = len(trunk)
    tokens = Tokens(list(trunk), [-1] * n, list(range(n)), list(range(n)), [TRUNK] * n)
    for number, (anchor, ids, given) in enumerate(branches, TRUNK + 1):
        if given == 0:
            tokens.targets[anchor] = ids[0]
        following = ids[1:] + [-1]
        tokens.ids += ids
        tokens.targets += [-1 if i < given - 1 else t for i, t in enumerate(following)]
        tokens.positions += range(anchor + 1, anchor + 1 + len(ids))
        tokens.anchors += [anchor] * len(ids)
        tokens.branches += [number] * len(ids)
    return tokens


def conversations_of(vocabulary, rng, size):
    """Conversations that fill so many tokens, or almost."""
    made, rest, too_long = [], size, 0
    while too_long < FULL:
        tokens = tokens_of(vocabulary, generate.conversation(rng), rng)
        if len(tokens.ids) > rest:
            too_long += 1
            continue
        made.append(tokens)
        rest -= len(tokens.ids)
    return made


def batch_of(made, size):
    """ids, positions and targets [token] of conversations, and what the tokens of each see. They are filled
    up to that size, so that most products always have the same."""
    rest = size - sum(len(tokens.ids) for tokens in made)
    if rest > 0:
        places = list(range(rest))
        made = [*made, Tokens([PAD] * rest, [-1] * rest, places, places, [TRUNK] * rest)]
    ids, positions, targets = (torch.tensor([value for tokens in made for value in getattr(tokens, name)])
                               for name in ("ids", "positions", "targets"))
    return ids, positions, targets, [tokens.seen() for tokens in made]
