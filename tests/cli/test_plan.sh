#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `fathom plan`, and its plans carried out: pages, refusals before loading, the same answer from every home.
. tests/cli/check.sh

expect_in_out() { grep -qF -e "$1" "$out" || wrong "expected on standard output: $1"; }

# This machine.
run plan
expect_status 0
for text in processor instructions memory "measured now" drive GPU speed; do
    expect_in_out "$text"
done
run plan --no-measure --json
expect_status 0
expect_in_out '"memory_bytes"'
run plan --machine "$work/x"
expect_refusal 2 "add -m"
run plan --mix UD-Q2_K_XL --no-measure --ram 2G
expect_status 0
for text in "DeepSeek-R1 q2_k_xl" "routed experts" "at a time, of"; do
    expect_in_out "$text"
done
run plan --mix q9
expect_refusal 2 "expected one of f32"
run plan --mix q8_0 -m "$golden"
expect_refusal 2 "leave it or -m out"

# A model.
run plan -m "$golden"
expect_status 0
for text in "routed experts" mapped "tokens in f16" "tokens a second" "limit"; do
    expect_in_out "$text"
done
run plan -m "$golden" --no-measure -c 100 --kv f32 --load copy
expect_status 0
for text in copied "100 tokens in f32" "no rates were measured"; do
    expect_in_out "$text"
done

# A machine from here serves there; one that is too small is told so by the plan and by run alike.
run plan -m "$golden" --json
cp "$out" "$work/here.json"
run plan -m "$golden" --machine "$work/here.json"
expect_status 0
expect_in_out "tokens a second"
echo '{"memory_bytes": 4000000}' >"$work/small.json"
run plan -m "$golden" --machine "$work/small.json"
expect_refusal 1 "that may be used"
echo '{"memory": 4000000}' >"$work/wrong.json"
run plan -m "$golden" --machine "$work/wrong.json"
expect_refusal 1 "wrong.json: no key 'memory'"
for command in plan "run -p x"; do
    # shellcheck disable=SC2086 # a command and its options are several words
    run $command -m "$golden" --ram 1M
    expect_refusal 1 "more than the 1.0 MiB that may be used"
done

# The file to fetch: the largest that memory holds, or else the smallest.
suggests() { # bytes of memory, quant
    echo "{\"memory_bytes\": $1, \"read_rate\": 200e9}" >"$work/machine.json"
    run plan --suggest --machine "$work/machine.json"
    expect_status 0
    expect_in_out "    fathom pull unsloth/DeepSeek-R1-GGUF:$2"
}
suggests 1000000000000 Q8_0
expect_in_out "Take Q8_0, the largest that memory holds"
suggests 270000000000 UD-Q2_K_XL
expect_in_out "tokens a second; memory is the limit"
suggests 16000000000 UD-IQ1_S
expect_in_out "Memory holds none of them"
run plan --suggest --no-measure
expect_status 0
run plan --suggest --no-measure --place exps=foo
expect_refusal 1 "no home 'foo'"
run plan --suggest --mix q8_0
expect_refusal 2 "--suggest is for whoever has no model yet"

# Rules.
run plan -m "$golden" --no-measure --place '_exps=copy' --place 'blk\.0\.=map'
expect_status 0
expect_in_out copied
expect_in_out mapped
echo 'attn=lock # no comment here' >"$work/bad.rules"
printf '# rules\nattn=copy\n' >"$work/good.rules"
run plan -m "$golden" --no-measure --place "@$work/good.rules"
expect_status 0
run plan -m "$golden" --no-measure --place "$work/bad.rules"
expect_refusal 1 "bad.rules, line 1"
run plan -m "$golden" --no-measure --place 'x=gpu0'
expect_refusal 1 "home gpu0: not built yet"
run run -m "$golden" -p x --place 'absent=copy'
expect_refusal 1 "matches no tensor"
run plan -m "$golden" --load disk
expect_refusal 2 "--load disk: expected auto, map, copy or lock"

# Every home gives the same answer, and so do experts that memory does not hold.
answer() { run run -m "$golden" -p 'same words' --temp 0 -n 12 "$@"; }
answer
expect_status 0
cp "$out" "$work/mapped"
answer --load copy
expect_same "$out" "$work/mapped"
answer --load map --place 'blk\.1\..*_exps=node0'
expect_same "$out" "$work/mapped"

finish
