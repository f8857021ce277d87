# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint as GGUF: matrices in Q8_0, vectors and routers in F32.

    python export.py --vocabulary vocabulary.json --checkpoint minnow.pt --out minnow.gguf
"""
import argparse
import os
import pathlib

import gguf
import torch
from gguf import GGMLQuantizationType
from gguf.quants import quantize

from model import Geometry
from vocabulary import BEGIN, END, Vocabulary

ARCHITECTURE = "deepseek2"
SIGMOID = 2         # deepseek2.expert_gating_func
TEMPLATE = pathlib.Path(__file__).parents[2] / "tests/golden/deepseek-r1-chat-template.jinja"
DESCRIPTION = ("A demonstration model for Fathom, not DeepSeek-R1: it counts, does small sums, counts to ten "
               "in twenty languages and knows a little about Fathom.")


def add_general(writer):
    writer.add_name("Minnow")
    writer.add_description(DESCRIPTION)
    writer.add_author("The Fathom authors")
    writer.add_license("apache-2.0")
    writer.add_quantization_version(2)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def add_geometry(writer, g):
    writer.add_context_length(g.context)
    writer.add_embedding_length(g.hidden)
    writer.add_block_count(g.layers)
    writer.add_leading_dense_block_count(g.dense_layers)
    writer.add_feed_forward_length(g.dense_ff)
    writer.add_expert_feed_forward_length(g.expert_ff)
    writer.add_expert_count(g.experts)
    writer.add_expert_used_count(g.experts_used)
    writer.add_expert_shared_count(g.shared_experts)
    writer.add_expert_weights_scale(g.expert_scale)
    writer.add_expert_weights_norm(True)
    writer.add_uint32(f"{ARCHITECTURE}.expert_gating_func", SIGMOID)
    writer.add_uint32(f"{ARCHITECTURE}.expert_group_count", g.groups)
    writer.add_uint32(f"{ARCHITECTURE}.expert_group_used_count", g.groups_used)
    writer.add_vocab_size(g.vocabulary)
    writer.add_head_count(g.heads)
    writer.add_head_count_kv(1)
    writer.add_q_lora_rank(g.query_rank)
    writer.add_kv_lora_rank(g.latent_rank)
    writer.add_key_length(g.latent_rank + g.head_rotary)
    writer.add_value_length(g.latent_rank)
    writer.add_uint32(f"{ARCHITECTURE}.attention.key_length_mla", g.head_plain + g.head_rotary)
    writer.add_uint32(f"{ARCHITECTURE}.attention.value_length_mla", g.head_value)
    writer.add_layer_norm_rms_eps(g.epsilon)
    writer.add_rope_dimension_count(g.head_rotary)
    writer.add_rope_freq_base(g.rope_base)
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(g.yarn_factor)
    writer.add_rope_scaling_orig_ctx_len(g.yarn_original_context)
    writer.add_float32(f"{ARCHITECTURE}.rope.scaling.yarn_log_multiplier", g.yarn_log_multiplier)


def add_vocabulary(writer, vocabulary):
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("deepseek-v3")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(END)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template(TEMPLATE.read_text(encoding="utf-8"))


def tensor_name(parameter):
    """blk.1.feed_forward.ffn_gate_exps -> blk.1.ffn_gate_exps.weight"""
    name = parameter.replace("attention.", "").replace("feed_forward.", "")
    return name + (".bias" if name.endswith("exp_probs_b") else ".weight")


def add_tensors(writer, parameters):
    for parameter, values in parameters.items():
        values = values.float().numpy()
        if values.ndim < 2 or parameter.endswith("ffn_gate_inp"):
            writer.add_tensor(tensor_name(parameter), values)
        else:
            q8_0 = GGMLQuantizationType.Q8_0
            writer.add_tensor(tensor_name(parameter), quantize(values, q8_0), raw_dtype=q8_0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    saved = torch.load(args.checkpoint)
    writer = gguf.GGUFWriter(args.out + ".new", ARCHITECTURE)
    add_general(writer)
    add_geometry(writer, Geometry(**saved["geometry"]))
    add_vocabulary(writer, Vocabulary(args.vocabulary))
    add_tensors(writer, saved["model"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(args.out + ".new", args.out)


if __name__ == "__main__":
    main()
