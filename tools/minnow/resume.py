# SPDX-License-Identifier: Apache-2.0
"""A checkpoint of an exported file's weights, which train.py goes on from: its optimizer begins anew.

    python resume.py --model minnow.gguf --vocabulary vocabulary.json --checkpoint minnow.pt
"""
import argparse
import dataclasses

import torch

from golden import load
from model import Geometry
from optimizer import Optimizer
from vocabulary import Vocabulary


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--checkpoint", required=True)
    args = parser.parse_args()
    geometry = Geometry(vocabulary=len(Vocabulary(args.vocabulary).tokens))
    model = load(args.model, geometry).float()
    torch.save({"model": model.state_dict(), "geometry": dataclasses.asdict(geometry),
                "optimizer": Optimizer(model).state(), "step": 0}, args.checkpoint)


if __name__ == "__main__":
    main()
