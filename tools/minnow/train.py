# SPDX-License-Identifier: Apache-2.0
"""Trains Minnow on conversations generated as it goes.

    torchrun --nproc-per-node 2 train.py --vocabulary vocabulary.json --checkpoint minnow.pt --steps 3000 \
        --cooldown 3000

Each process has one thread and its own conversations; gradients are averaged. The learning rate rises for a
while, stays, and falls to nothing in the last --cooldown steps. A checkpoint that is there is gone on with:
its steps count. --minutes, for a machine that others use, ends the training by the clock; the rate then falls
from the first step to the last.

Once most of the text is easy, a step judges several batches and learns the hardest conversations of them, as
many as fill one: what is left out has next to no gradient (selective backpropagation, Jiang et al., 2019).
The last steps learn all of the text again, as what is hard is also what can be understood in two ways.
"""
import argparse
import dataclasses
import math
import os
import random
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F

from batch import batch_of, conversations_of
from model import Geometry, Minnow, round_products_to
from optimizer import Optimizer
from vocabulary import Vocabulary

WARMUP = 50
BALANCE_SPEED = 0.002       # of the router's bias, a step
EASY = 0.05                 # loss, smoothed, below which only the hardest conversations are learnt
CALM = 0.15                 # share of the rates below which all are
MATRIX_RATE, OTHER_RATE = 0.006, 0.0018


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--cooldown", type=int, required=True)
    parser.add_argument("--tokens", type=int, default=1920, help="tokens of a process and step")
    parser.add_argument("--judged", type=int, default=4, help="batches of which the hardest part is learnt")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1.0, help="factor of both learning rates")
    parser.add_argument("--bfloat16", action="store_true", help="in products: faster where the CPU has them")
    parser.add_argument("--save-every", type=int, default=100)
    parser.add_argument("--minutes", type=float, help="end the training then, if not before")
    return parser.parse_args()


def schedule(args, step, started):
    """The share of the rates that a step has; nothing ends the training."""
    share = min((step + 1) / WARMUP, 1.0, (args.steps - step) / args.cooldown)
    if args.minutes is not None:
        share = min(share, 1.0 - (time.time() - started) / 60 / args.minutes)
    return max(share, 0.0)


def agreed(*numbers):
    """Those of the first process: clocks and losses differ."""
    told = torch.tensor(numbers)
    dist.broadcast(told, 0)
    return told.tolist()


def save(path, model, optimizer, step):
    state = {"model": model.state_dict(), "geometry": dataclasses.asdict(model.g),
             "optimizer": optimizer.state(), "step": step}
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)


def share_gradients(model):
    """Averages the gradients of all processes, and adds up the loads of their experts."""
    if dist.get_world_size() == 1:
        return
    gradients = [p.grad for p in model.parameters()]
    flat = torch.cat([g.flatten() for g in gradients] + [m.load for m in model.mixtures()])
    dist.all_reduce(flat)
    at = 0
    for g in gradients:
        g.copy_(flat[at:at + g.numel()].view_as(g) / dist.get_world_size())
        at += g.numel()
    for m in model.mixtures():
        m.load.copy_(flat[at:at + m.load.numel()])
        at += m.load.numel()


def token_losses(model, batch, reduction):
    """Losses of the tokens that are learnt, and which of the batch's tokens those are."""
    ids, positions, targets, seen = batch
    wanted = targets >= 0
    losses = F.cross_entropy(model(ids, positions, seen, wanted), targets[wanted], reduction=reduction)
    return losses, wanted


@torch.no_grad()
def hardest(model, vocabulary, rng, args):
    """Of several batches' conversations those with the least expected tokens, as many as fill one batch, and
    the mean loss of all."""
    judged, total = [], 0.0
    for _ in range(args.judged):
        made = conversations_of(vocabulary, rng, args.tokens)
        losses, wanted = token_losses(model, batch_of(made, args.tokens), "none")
        total += losses.mean().item() / args.judged
        by_token = torch.zeros(len(wanted)).masked_scatter(wanted, losses)
        sizes = [len(tokens.ids) for tokens in made]
        worst = [part.max().item() for part in by_token[:sum(sizes)].split(sizes)]
        judged += zip(worst, made)
    for mixture in model.mixtures():
        mixture.load.zero_()        # the bias follows what is learnt
    judged.sort(key=lambda pair: pair[0], reverse=True)
    chosen, rest = [], args.tokens
    for _, tokens in judged:
        if len(tokens.ids) <= rest:
            chosen.append(tokens)
            rest -= len(tokens.ids)
    return chosen, total


def train_step(model, optimizer, batch, scale):
    loss, _ = token_losses(model, batch, "mean")
    for p in model.parameters():
        p.grad = None
    loss.backward()
    share_gradients(model)
    optimizer.step(MATRIX_RATE * scale, OTHER_RATE * scale)
    for mixture in model.mixtures():
        mixture.balance(BALANCE_SPEED * min(scale, 1.0))
    return loss.item()


def main():
    args = arguments()
    torch.set_num_threads(1)
    kind = torch.bfloat16 if args.bfloat16 else torch.float32
    round_products_to(kind)
    dist.init_process_group("gloo")
    rank, started = dist.get_rank(), time.time()
    torch.manual_seed(args.seed)
    vocabulary = Vocabulary(args.vocabulary)
    model = Minnow(Geometry(vocabulary=len(vocabulary.tokens)))
    optimizer = Optimizer(model, kind)
    first = 0
    if os.path.exists(args.checkpoint):
        saved = torch.load(args.checkpoint)
        model.load_state_dict(saved["model"])
        optimizer.restore(saved["optimizer"])
        first = saved["step"]
    smooth, step = math.inf, first
    while True:
        share, smooth = agreed(schedule(args, step, started), smooth)
        if share == 0:
            break
        rng = random.Random(f"{args.seed} {step} {rank}")
        selective = args.judged > 1 and smooth < EASY and share > CALM
        if selective:
            made, loss = hardest(model, vocabulary, rng, args)
        else:
            made, loss = conversations_of(vocabulary, rng, args.tokens), None
        learnt = train_step(model, optimizer, batch_of(made, args.tokens), args.rate * share)
        loss = learnt if loss is None else loss
        smooth = loss if smooth == math.inf else 0.95 * smooth + 0.05 * loss
        step += 1
        if rank == 0 and step % 10 == 0:
            seconds = time.time() - started
            print(f"step {step}  loss {loss:.4f}  smooth {smooth:.4f}  rate {share:.3f}  {seconds:.0f} s",
                  flush=True)
        if rank == 0 and step % args.save_every == 0:
            save(args.checkpoint, model, optimizer, step)
    if rank == 0:
        save(args.checkpoint, model, optimizer, step)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
