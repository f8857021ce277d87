# SPDX-License-Identifier: Apache-2.0
"""DeepSeek-V3's architecture in PyTorch, in Minnow's size.

Written from the DeepSeek-V3 technical report and DeepSeek-R1's published configuration, and from nothing of
Fathom's: its logits are what Fathom's are held against. Attention is computed in the expanded form, every
head with its own keys and values. Parameters carry the GGUF names of their tensors, and the GGUF shapes.
"""
import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass
class Geometry:
    """Minnow's sizes. Every row is a multiple of 32 long, the block of Q8_0."""
    vocabulary: int = 1536
    hidden: int = 256
    layers: int = 5
    dense_layers: int = 1
    heads: int = 4
    query_rank: int = 128
    latent_rank: int = 64
    head_plain: int = 32
    head_rotary: int = 32
    head_value: int = 64
    dense_ff: int = 768
    experts: int = 16
    experts_used: int = 4
    groups: int = 4
    groups_used: int = 2
    expert_ff: int = 64
    shared_experts: int = 2
    expert_scale: float = 2.5
    context: int = 2048
    epsilon: float = 1e-6
    rope_base: float = 10000.0
    yarn_factor: float = 4.0
    yarn_original_context: int = 512
    yarn_log_multiplier: float = 0.1

    def shared_ff(self):
        """Columns of the shared experts, which are one tensor."""
        return self.shared_experts * self.expert_ff


HIDDEN = -1e9       # added to the score of what a token may not see
ALIKE = 32          # rows of an expert are filled up to a multiple: a product is prepared once for each size
rounding = None     # the type that factors of most products are rounded to, such as torch.bfloat16


def round_products_to(kind):
    global rounding
    rounding = kind


def product(x, weights):
    """x [...][column] times weights [row][column] -> [...][row]"""
    kind = rounding or x.dtype
    return (x.to(kind) @ weights.to(kind).T).to(x.dtype)


def rms_norm(x, gain, epsilon):
    return F.rms_norm(x, gain.shape, gain, epsilon)


def yarn_frequencies(g):
    """Radians a position for each rotary pair: slow ones are interpolated, fast ones stay (YaRN, 3.2)."""
    exponent = torch.arange(0, g.head_rotary, 2, dtype=torch.float64) / g.head_rotary
    plain = g.rope_base ** -exponent

    def pair_of(turns):
        """The pair that turns so many times within the original context, as a fraction."""
        length = g.yarn_original_context / (turns * 2 * math.pi)
        return g.head_rotary * math.log(length) / (2 * math.log(g.rope_base))

    low = max(math.floor(pair_of(32)), 0)
    high = min(math.ceil(pair_of(1)), g.head_rotary - 1)
    ramp = ((torch.arange(g.head_rotary // 2) - low) / max(high - low, 0.001)).clamp(0, 1)
    return plain / g.yarn_factor * ramp + plain * (1 - ramp)


def rotate(x, angle):
    """x [head][token][rotary], pairs (2i, 2i + 1); angle [token][rotary / 2]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def matrix(*shape, std=None):
    std = shape[-1] ** -0.5 if std is None else std
    return nn.Parameter(torch.randn(*shape) * std)


class Attention(nn.Module):
    """Multi-head latent attention (report, section 2.1.1)."""

    def __init__(self, g):
        super().__init__()
        self.g = g
        head_query = g.head_plain + g.head_rotary
        self.attn_q_a = matrix(g.query_rank, g.hidden)
        self.attn_q_a_norm = nn.Parameter(torch.ones(g.query_rank))
        self.attn_q_b = matrix(g.heads * head_query, g.query_rank)
        self.attn_kv_a_mqa = matrix(g.latent_rank + g.head_rotary, g.hidden)
        self.attn_kv_a_norm = nn.Parameter(torch.ones(g.latent_rank))
        self.attn_k_b = matrix(g.heads, g.latent_rank, g.head_plain, std=g.latent_rank ** -0.5)
        self.attn_v_b = matrix(g.heads, g.head_value, g.latent_rank)
        self.attn_output = matrix(g.hidden, g.heads * g.head_value, std=g.hidden ** -0.5 / 4)
        m = g.yarn_log_multiplier * math.log(g.yarn_factor) + 1.0
        self.scale = m * m / math.sqrt(head_query)

    def heads(self, x):
        """[token][head and column] -> [head][token][column]"""
        return x.view(len(x), self.g.heads, -1).transpose(0, 1)

    def forward(self, x, angle, hidden):
        g = self.g
        from_x = product(x, torch.cat((self.attn_q_a, self.attn_kv_a_mqa)))
        query, latent, key_rotary = from_x.split((g.query_rank, g.latent_rank, g.head_rotary), -1)
        query = self.heads(product(rms_norm(query, self.attn_q_a_norm, g.epsilon), self.attn_q_b))
        query = torch.cat((query[..., :g.head_plain], rotate(query[..., g.head_plain:], angle)), -1)

        latent = rms_norm(latent, self.attn_kv_a_norm, g.epsilon)
        key_rotary = rotate(key_rotary, angle).expand(g.heads, -1, -1)
        key = self.heads(product(latent, self.attn_k_b.mT.flatten(0, 1)))
        key = torch.cat((key, key_rotary), -1)
        value = self.heads(product(latent, self.attn_v_b.flatten(0, 1)))

        sizes = [len(of_conversation) for of_conversation in hidden]
        parts = zip(*(t.unsqueeze(0).split(sizes, -2) for t in (query, key, value)), hidden)
        found = torch.cat([F.scaled_dot_product_attention(q, k, v, attn_mask=h, scale=self.scale)
                           for q, k, v, h in parts], -2)
        return product(found[0].transpose(0, 1).flatten(1), self.attn_output)


def gated(x, gate, up, down):
    """The feed-forward network of three matrices."""
    inner, factor = product(x, torch.cat((gate, up))).chunk(2, -1)
    return product(F.silu(inner) * factor, down)


class Dense(nn.Module):
    """The feed-forward network of the first layers."""

    def __init__(self, g):
        super().__init__()
        self.ffn_gate = matrix(g.dense_ff, g.hidden)
        self.ffn_up = matrix(g.dense_ff, g.hidden)
        self.ffn_down = matrix(g.hidden, g.dense_ff, std=g.dense_ff ** -0.5 / 4)

    def forward(self, x):
        return gated(x, self.ffn_gate, self.ffn_up, self.ffn_down)


def starts(sizes):
    """Where each part begins, of parts that lie one behind the other."""
    return sizes.cumsum(0) - sizes


def by_expert(rows, weights, sizes):
    """rows [row][column], so many for each expert, times its weights [expert][row][column]"""
    kind = rounding or rows.dtype
    own = zip(rows.to(kind).split(sizes), weights.to(kind).unbind(0))
    return torch.cat([part @ matrix.T for part, matrix in own]).to(rows.dtype)


class Mixture(nn.Module):
    """One shared expert and the routed ones (report, section 2.1.2)."""

    def __init__(self, g):
        super().__init__()
        self.g = g
        self.ffn_gate_inp = matrix(g.experts, g.hidden)
        self.register_buffer("exp_probs_b", torch.zeros(g.experts))
        self.register_buffer("load", torch.zeros(g.experts), persistent=False)
        self.ffn_gate_exps = matrix(g.experts, g.expert_ff, g.hidden)
        self.ffn_up_exps = matrix(g.experts, g.expert_ff, g.hidden)
        self.ffn_down_exps = matrix(g.experts, g.hidden, g.expert_ff, std=g.expert_ff ** -0.5 / 4)
        self.ffn_gate_shexp = matrix(g.shared_ff(), g.hidden)
        self.ffn_up_shexp = matrix(g.shared_ff(), g.hidden)
        self.ffn_down_shexp = matrix(g.hidden, g.shared_ff(), std=g.shared_ff() ** -0.5 / 4)

    def route(self, x):
        """x [token][hidden] -> the experts of each token and their weights, both [token][used]."""
        g = self.g
        affinity = torch.sigmoid(x @ self.ffn_gate_inp.T)
        with torch.no_grad():
            choice = (affinity + self.exp_probs_b).view(-1, g.groups, g.experts // g.groups)
            group_score = choice.topk(2, -1).values.sum(-1)
            kept = torch.zeros_like(group_score, dtype=torch.bool)
            kept.scatter_(1, group_score.topk(g.groups_used, -1).indices, True)
            choice = choice.masked_fill(~kept.unsqueeze(-1), -math.inf).flatten(1)
            chosen = choice.topk(g.experts_used, -1).indices
        weight = affinity.gather(1, chosen)
        return chosen, weight / weight.sum(-1, keepdim=True) * g.expert_scale

    def routed(self, x):
        """Sorts the tokens by expert, so that each expert has one product for all of its tokens, and for some
        rows of nothing behind them."""
        chosen, weight = self.route(x)
        experts = chosen.flatten()
        counts = experts.bincount(minlength=self.g.experts)
        self.load += counts
        room = (counts + ALIKE - 1) // ALIKE * ALIKE
        order = experts.argsort(stable=True)
        place = torch.arange(len(order)) + (starts(room) - starts(counts))[experts[order]]
        sizes = room.tolist()
        token = torch.full((sum(sizes),), len(x))       # the one behind the last is nothing
        token[place] = order // self.g.experts_used
        share = x.new_zeros(len(token)).scatter(0, place, weight.flatten()[order])

        rows = F.pad(x, (0, 0, 0, 1)).index_select(0, token)
        into = torch.cat((self.ffn_gate_exps, self.ffn_up_exps), 1)
        inner, factor = by_expert(rows, into, sizes).chunk(2, -1)
        inner = F.silu(inner) * factor * share.unsqueeze(-1)
        found = by_expert(inner, self.ffn_down_exps, sizes)
        return x.new_zeros(len(x) + 1, self.g.hidden).index_add(0, token, found)[:-1]

    def forward(self, x):
        return gated(x, self.ffn_gate_shexp, self.ffn_up_shexp, self.ffn_down_shexp) + self.routed(x)

    @torch.no_grad()
    def balance(self, speed):
        """Moves the bias against the load, without an auxiliary loss (report, section 2.1.2)."""
        self.exp_probs_b += speed * (self.load.mean() - self.load).sign()
        self.load.zero_()


class Layer(nn.Module):
    def __init__(self, g, index):
        super().__init__()
        self.epsilon = g.epsilon
        self.attn_norm = nn.Parameter(torch.ones(g.hidden))
        self.attention = Attention(g)
        self.ffn_norm = nn.Parameter(torch.ones(g.hidden))
        self.feed_forward = Dense(g) if index < g.dense_layers else Mixture(g)

    def forward(self, x, angle, hidden):
        x = x + self.attention(rms_norm(x, self.attn_norm, self.epsilon), angle, hidden)
        return x + self.feed_forward(rms_norm(x, self.ffn_norm, self.epsilon))


class Minnow(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.g = g
        self.token_embd = matrix(g.vocabulary, g.hidden, std=0.5)
        self.blk = nn.ModuleList(Layer(g, i) for i in range(g.layers))
        self.output_norm = nn.Parameter(torch.ones(g.hidden))
        self.output = matrix(g.vocabulary, g.hidden)
        self.register_buffer("frequency", yarn_frequencies(g), persistent=False)

    def mixtures(self):
        return [layer.feed_forward for layer in self.blk if isinstance(layer.feed_forward, Mixture)]

    def forward(self, tokens, positions, seen, wanted=None):
        """Logits [token][word] of the wanted tokens, or of all. tokens and positions [token]; seen: for each
        conversation, as they follow each other, [query][key], true where it may be seen; wanted [token],
        true for those logits."""
        angle = (positions.double().unsqueeze(-1) * self.frequency).to(torch.get_default_dtype())
        x = F.embedding(tokens, self.token_embd)
        hidden = [torch.zeros(mask.shape, dtype=x.dtype).masked_fill(~mask, HIDDEN) for mask in seen]
        for layer in self.blk:
            x = layer(x, angle, hidden)
        if wanted is not None:
            x = x[wanted]
        return rms_norm(x, self.output_norm, self.g.epsilon) @ self.output.T


def causal_mask(tokens):
    return torch.ones(tokens, tokens, dtype=torch.bool).tril()
