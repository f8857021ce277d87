# SPDX-License-Identifier: Apache-2.0
"""Muon for matrices, Adam for the rest.

Muon (Keller Jordan, 2024) makes each update of a matrix nearly orthogonal, by five steps of a Newton-Schulz
iteration on the momentum. Each process does so for its share of the matrices.
"""
import torch
import torch.distributed as dist

MOMENTUM = 0.95
BETAS = (0.9, 0.98)
SMALL = 1e-10
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)   # coefficients of the same source


def orthogonal(update, kind):
    """update [...][row][column] with all its singular values near one, computed in that type."""
    a, b, c = NEWTON_SCHULZ
    x = update.view(-1, *update.shape[-2:])
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = (x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)).to(kind)
    for _ in range(5):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).view(update.shape)


class Optimizer:
    def __init__(self, model, kind=torch.float32):
        """kind: the type that updates of matrices are computed in"""
        self.kind = kind
        named = list(model.named_parameters())
        self.matrices = [p for n, p in named if p.ndim >= 2 and not is_vocabulary_or_router(n)]
        self.others = [p for n, p in named if p.ndim < 2 or is_vocabulary_or_router(n)]
        self.momenta = [torch.zeros_like(p) for p in self.matrices]
        self.firsts = [torch.zeros_like(p) for p in self.others]
        self.seconds = [torch.zeros_like(p) for p in self.others]
        self.steps = 0

    def updates(self):
        """The nearly orthogonal updates of all matrices. Each process makes its share; they travel in
        bfloat16, which is close enough."""
        sizes = [p.numel() for p in self.matrices]
        together = torch.zeros(sum(sizes), dtype=torch.bfloat16)
        parts = [part.view_as(p) for part, p in zip(together.split(sizes), self.matrices)]
        largest_first = sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True)
        for i in largest_first[dist.get_rank()::dist.get_world_size()]:
            parts[i].copy_(orthogonal(self.matrices[i].grad.lerp(self.momenta[i], MOMENTUM), self.kind))
        dist.all_reduce(together)
        return parts

    @torch.no_grad()
    def step(self, matrix_rate, other_rate):
        self.steps += 1
        for p, momentum in zip(self.matrices, self.momenta):
            momentum.lerp_(p.grad, 1 - MOMENTUM)
        for p, update in zip(self.matrices, self.updates()):
            p.add_(update, alpha=-matrix_rate * max(1.0, p.shape[-2] / p.shape[-1]) ** 0.5)
        for p, first, second in zip(self.others, self.firsts, self.seconds):
            first.lerp_(p.grad, 1 - BETAS[0])
            second.lerp_(p.grad.square(), 1 - BETAS[1])
            mean = first / (1 - BETAS[0] ** self.steps)
            spread = second / (1 - BETAS[1] ** self.steps)
            p.addcdiv_(mean, spread.sqrt() + SMALL, value=-other_rate)

    def state(self):
        return {"momenta": self.momenta, "firsts": self.firsts, "seconds": self.seconds, "steps": self.steps}

    def restore(self, state):
        for name in ("momenta", "firsts", "seconds"):
            for mine, saved in zip(getattr(self, name), state[name]):
                mine.copy_(saved)
        self.steps = state["steps"]


def is_vocabulary_or_router(name):
    return name in ("token_embd", "output") or name.endswith("ffn_gate_inp")
