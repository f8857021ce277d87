# SPDX-License-Identifier: Apache-2.0
"""Conversations as rows of tokens to learn from.

R1's template drops the reasoning of earlier answers, so the reply that a model writes is not the reply that
it reads later. A conversation is therefore a trunk, the prompt as the template renders it, with a branch at
the end of each user's message: reasoning and answer, which see the trunk up to there and themselves. Only
branches are learnt. Several conversations share a row, and do not see each other.
"""
import dataclasses

import torch

import generate
from vocabulary import BEGIN, END, PAD

ROW = 320
WAITING = 6     # conversations that do not fit before a row is closed
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
    conversations: list = dataclasses.field(default_factory=list)

    def add(self, other):
        for field in dataclasses.fields(self):
            getattr(self, field.name).extend(getattr(other, field.name))


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


def row_of(vocabulary, rng, waiting):
    """A row filled with conversations; those that did not fit are left waiting for the next."""
    row, number = Tokens(), 0
    while len(waiting) < WAITING:
        waiting.append(tokens_of(vocabulary, generate.conversation(rng), rng))
        fitting = [tokens for tokens in waiting if len(row.ids) + len(tokens.ids) <= ROW]
        if fitting:
            tokens = fitting[0]
            waiting.remove(tokens)
            tokens.conversations = [number] * len(tokens.ids)
            row.add(tokens)
            number += 1
    del waiting[:-1]    # what is too long for a row must not stay
    rest = ROW - len(row.ids)
    row.add(Tokens([PAD] * rest, [-1] * rest, [0] * rest, [0] * rest, [TRUNK] * rest, [-1] * rest))
    return row


def batch_of(vocabulary, rng, rows):
    """ids, positions and targets [row][token], mask [row][1][token][token]"""
    waiting = []
    made = [row_of(vocabulary, rng, waiting) for _ in range(rows)]
    field = {f.name: torch.tensor([getattr(row, f.name) for row in made]) for f in dataclasses.fields(Tokens)}
    query = {name: values.unsqueeze(2) for name, values in field.items()}
    key = {name: values.unsqueeze(1) for name, values in field.items()}
    on_trunk = (key["branches"] == TRUNK) & (key["positions"] <= query["anchors"])
    on_branch = (key["branches"] == query["branches"]) & (key["positions"] <= query["positions"])
    mask = (query["conversations"] == key["conversations"]) & (on_trunk | on_branch)
    return field["ids"], field["positions"], field["targets"], mask.unsqueeze(1)
