#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Wrong command lines: exit 2 and one line that says what is wrong; what is merely absent or broken exits 1.
. tests/cli/check.sh

refused() { # text, words...
    text=$1
    shift
    run "$@"
    expect_refusal 2 "$text"
}

run
expect_status 2
expect_no_out
expect_err "fathom COMMAND"

refused "did you mean 'run'?" rnu
refused "did you mean 'tokenize'?" tokenise
refused "no command 'frobnicate'" frobnicate
refused "no command ''" ""
refused "fathom run -m" -m "$golden" -p x
refused "not built yet" quantize

refused "nothing to say" run -m "$golden"
refused "no model given" tokenize
refused "leave one out" run -m "$golden" -p x -f y
refused "--raw" run -m "$golden" -p x --raw --think off
refused "--tokens" logits -m "$golden" -o "$work/x"
refused "-o OUT.f32" logits -m "$golden" --tokens "$work/x"
refused "-o OUT.f32" logits -m "$golden" --tokens "$work/x" -o -
refused "--ids" tokenize -m "$golden" --ids --begin
refused "unexpected argument" run -m "$golden" hello
refused "did you mean --temp?" run --tmep 1
refused "did you mean --max-new-tokens?" run --max-tokens 1
refused "-n x: expected a whole number" run -n x
refused "from 0 to 1" run --top-p 1.5
refused "-m: needs a value" run -m

# settled, and not built yet
for option in "--gpu 24G" --no-graph; do
    # shellcheck disable=SC2086 # an option and its value are two words
    refused "not built yet" run $option
done

# from other programs
refused "-m" run --model_path deepseek-ai/DeepSeek-R1
refused "-m" run --optimize_config_path rules.yaml
run run --gguf_path "$golden" --cpu_infer 1 --max_new_tokens 2 --cache_lens 64 --temperature 0 --top_p 0.9 \
    --raw -p x
expect_status 0
run run --model_name "$golden" --threads 1 --total_context 64 --ctx-size 32 --force_think -n 2 -p x
expect_status 0

# models that are not there, or are too many
run run -m "$work/absent.gguf" -p x
expect_refusal 1 "$work/absent.gguf"
mkdir "$work/folder"
run run -m "$work/folder" -p x
expect_refusal 1 "$work/folder"
ln -s "$PWD/$golden" "$work/folder/one.gguf"
run run -m "$work/folder" --raw -p x -n 1
expect_status 0
ln -s "$PWD/$golden" "$work/folder/two.gguf"
for command in "run -p x" tokenize "logits --tokens x -o $work/y"; do
    # shellcheck disable=SC2086
    refused "two.gguf" $command -m "$work/folder"
done

# models that are damaged
head -c 1000000 "$golden" >"$work/cut.gguf"
head -c 100 "$golden" >"$work/header.gguf"
echo "no model" >"$work/text.gguf"
: >"$work/empty.gguf"
for model in cut header text empty; do
    run run -m "$work/$model.gguf" -p x
    expect_refusal 1 "$model.gguf"
done
run run -m "$vocabulary" -p x
expect_refusal 1 "deepseek-r1-vocab.gguf"

finish
