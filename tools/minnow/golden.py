# SPDX-License-Identifier: Apache-2.0
"""Logits of the exported file, computed by model.py in float64 on the weights as the file has them.

    python golden.py --model minnow.gguf --vocabulary vocabulary.json --out ../../models/minnow

writes OUT.json (tokens, first_logits_row, rows, n_vocab, argmax) and OUT.logits.f32 (float32 [row][word]).
"""
import argparse
import json

import gguf
import numpy as np
import torch
from gguf.quants import dequantize

from export import tensor_name
from model import Geometry, Minnow, causal_mask
from vocabulary import Vocabulary

MESSAGES = ["Count from one to ten in French.", "un, deux, trois, quatre, cinq, six, sept, huit, neuf, dix.",
            "Now give pronunciation tips."]
REPLY = {"reasoning": "Tips for French.", "answer": "Un is a nasal vowel"}
ROWS = 12       # the last ones are kept


def load(path, geometry):
    """The model with the file's weights, decoded by the gguf package."""
    torch.set_default_dtype(torch.float64)
    tensors = {t.name: t for t in gguf.GGUFReader(path).tensors}
    model = Minnow(geometry)
    state = model.state_dict()
    for parameter, values in state.items():
        tensor = tensors[tensor_name(parameter)]
        decoded = dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
        state[parameter] = torch.from_numpy(decoded).view(values.shape)
    model.load_state_dict(state)
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    vocabulary = Vocabulary(args.vocabulary)
    model = load(args.model, Geometry(vocabulary=len(vocabulary.tokens)))
    think, think_end = vocabulary.ids["<think>"], vocabulary.ids["</think>"]
    tokens = vocabulary.prompt(*MESSAGES)
    tokens += [think] + vocabulary.encode(f"\n{REPLY['reasoning']}\n") + [think_end]
    tokens += vocabulary.encode(f"\n\n{REPLY['answer']}")
    n = len(tokens)
    with torch.no_grad():
        logits = model(torch.tensor(tokens), torch.arange(n), [causal_mask(n)])
    kept = logits[-ROWS:].numpy()
    kept.astype("<f4").tofile(args.out + ".logits.f32")
    with open(args.out + ".json", "w", encoding="utf-8") as file:
        json.dump({"tokens": tokens, "first_logits_row": n - ROWS, "rows": ROWS, "n_vocab": kept.shape[1],
                   "argmax": kept.argmax(1).tolist()}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
