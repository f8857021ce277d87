# SPDX-License-Identifier: Apache-2.0
"""Minnow's words: byte-level BPE trained on generated conversations, with DeepSeek-V3's way to split text and
DeepSeek-R1's special tokens.

    python vocabulary.py --out vocabulary.json

Digits are kept apart while the merges are learnt; then each number that sums reach becomes a token of its
own, so that to copy or to continue a number takes one step.
"""
import argparse
import json
import random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

import generate

SIZE = 1536
NUMBERS = [str(n) for n in range(10, 61)]
BEGIN, END, PAD = 0, 1, 2
FIRST = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"]
LAST = ["<think>", "</think>", "<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>",
        "<｜User｜>", "<｜Assistant｜>", "<|EOT|>",
        "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>",
        "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁outputs▁begin｜>",
        "<｜tool▁outputs▁end｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>",
        "<｜tool▁sep｜>"]
CONTROL = FIRST + ["<|EOT|>"]
# GGUF's tokenizer.ggml.token_type
NORMAL_TYPE, CONTROL_TYPE, USER_DEFINED_TYPE = 1, 3, 4
# DeepSeek-V3's three patterns, one after the other; each isolates what it matches
PATTERNS = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]


def splitter(patterns):
    steps = [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([*steps, to_bytes])


def type_of(token):
    if token in CONTROL:
        return CONTROL_TYPE
    return USER_DEFINED_TYPE if token in LAST else NORMAL_TYPE


def texts(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        for turn in generate.conversation(rng)["turns"]:
            yield turn["user"]
            yield f"\n{turn['reasoning']}\n"
            yield f"\n\n{turn['answer']}"


def learn(seed, count):
    """{"tokens": spellings by id, "types": GGUF types, "merges": pairs, best first}"""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitter([r"\p{N}"] + PATTERNS)
    size = SIZE - len(FIRST) - len(NUMBERS) - len(LAST)
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(texts(seed, count), trainer)
    learnt = json.loads(tokenizer.to_str())["model"]
    plain = sorted(learnt["vocab"], key=learnt["vocab"].get)
    tokens = FIRST + plain + NUMBERS + LAST
    types = [type_of(token) for token in tokens]
    merges = [m if isinstance(m, str) else " ".join(m) for m in learnt["merges"]]
    merges += [" ".join(n) for n in NUMBERS]
    return {"tokens": tokens, "types": types, "merges": merges}


class Vocabulary:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            learnt = json.load(file)
        self.tokens, self.types, self.merges = learnt["tokens"], learnt["types"], learnt["merges"]
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self.bpe = Tokenizer(models.BPE(vocab=self.ids, merges=[tuple(m.split(" ")) for m in self.merges]))
        self.bpe.pre_tokenizer = splitter(PATTERNS)
        self.bpe.decoder = decoders.ByteLevel()

    def encode(self, text):
        """Ids of plain text: no special token can come of it."""
        return self.bpe.encode(text, add_special_tokens=False).ids

    def decode(self, ids):
        spellings = [self.tokens[i] for i in ids]
        return "".join(s if s in FIRST + LAST else self.bpe.decoder.decode([s]) for s in spellings)

    def user(self, text):
        return [self.ids["<｜User｜>"]] + self.encode(text) + [self.ids["<｜Assistant｜>"]]

    def prompt(self, *messages):
        """Ids of R1's template for messages of user and assistant in turn, ready for the next answer."""
        ids = [BEGIN]
        for i, message in enumerate(messages):
            ids += self.user(message) if i % 2 == 0 else self.encode(message) + [END]
        return ids


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=30000)
    args = parser.parse_args()
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(learn(args.seed, args.count), file, ensure_ascii=False, indent=0)


if __name__ == "__main__":
    main()
