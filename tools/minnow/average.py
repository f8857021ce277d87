# SPDX-License-Identifier: Apache-2.0
"""The mean of checkpoints' weights. Where training went on from one to the other in wide steps, it answers
better than the last. The optimizer's state and the step are the last one's.

    python average.py --out mean.pt 0.5=before.pt 0.5=after.pt
"""
import argparse

import torch


def weighted(text):
    weight, path = text.split("=", 1)
    return float(weight), path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("checkpoints", nargs="+", type=weighted, metavar="WEIGHT=CHECKPOINT")
    args = parser.parse_args()
    total = sum(weight for weight, _ in args.checkpoints)
    mean = {}
    for weight, path in args.checkpoints:
        state = torch.load(path)
        for name, values in state["model"].items():
            mean[name] = mean.get(name, 0) + values * (weight / total)
    state["model"] = mean
    torch.save(state, args.out)


if __name__ == "__main__":
    main()
