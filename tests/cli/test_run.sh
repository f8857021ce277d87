#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `fathom run` over a small model of random weights: the same answer again, every way to end, clean streams.
. tests/cli/check.sh

answer() { # options...
    run run -m "$golden" "$@"
    expect_status 0
}

expect_words() { # n, why it ended
    expect_err "answer $1 token"
    expect_err "; $2; context"
}

# Greedy, and sampled with a seed: the same each time, on any number of threads.
answer -p 'The depth of the sea' -n 24 --temp 0
expect_words 24 "stopped by -n"
[ "$(wc -l <"$err")" = 1 ] || wrong "expected one line on standard error"
[ "$(tail -c 1 "$out" | od -An -tx1)" = " 0a" ] || wrong "expected a line break at the end"
cp "$out" "$work/greedy"
answer -p 'The depth of the sea' -n 24 --temp 0 --seed 7 -t 1
expect_same "$out" "$work/greedy"
answer -p 'The depth of the sea' -n 24 --temp 0 --chunk 1 --exact
cp "$out" "$work/exact"
answer -p 'The depth of the sea' -n 24 --temp 0 --chunk 7 --exact
expect_same "$out" "$work/exact"
answer -p 'The depth of the sea' -n 24 --temp 2 --top-p 1 --seed 7
cp "$out" "$work/seed7"
answer -p 'The depth of the sea' -n 24 --temp 2 --top-p 1 --seed 7
expect_same "$out" "$work/seed7"
answer -p 'The depth of the sea' -n 24 --temp 2 --top-p 1 --seed 8
cmp -s "$out" "$work/seed7" && wrong "another seed gave the same answer"
answer -p 'The depth of the sea' -n 24 --temp 2 --top-k 1
expect_same "$out" "$work/greedy"

# Ends
answer -p x -n 0
expect_words 0 "stopped by -n"
answer -p x -n 1 --temp 0
expect_words 1 "stopped by -n"
expect_err "answer 1 token;"
run run -m "$golden" --raw -p 'abc' -c 40 --temp 0
expect_status 0
expect_err "stopped because the context is full; context 40 of 40"
run run -m "$golden" --raw -p 'abc def ghi' -c 3
expect_refusal 1 "-c"

# Where the text comes from: all ways are one. A file's last line break is left out, no other.
answer --raw -p 'one
two' -n 9 --temp 0
cp "$out" "$work/answer"
printf 'one\ntwo' >"$work/bare"
printf 'one\ntwo\n' >"$work/line"
for file in "$work/bare" "$work/line"; do
    answer --raw -f "$file" -n 9 --temp 0
    expect_same "$out" "$work/answer"
    input=$file
    answer --raw -f - -n 9 --temp 0
    expect_same "$out" "$work/answer"
    answer --raw -p - -n 9 --temp 0
    expect_same "$out" "$work/answer"
    input=/dev/null
done
printf 'a\0b' >"$work/zero"
answer --raw -f "$work/zero" -n 2
run run -m "$golden" -f "$work/zero" -n 2
expect_refusal 1 "zero byte"
run run -m "$golden" -f "$work/absent"
expect_refusal 1 "$work/absent"
answer --raw -p '' -n 2 # the begin token alone
answer -p '' -n 2

# Reasoning that the template opens is shown as opened; one that it closes is not, and --raw adds nothing.
answer -p x -n 2 --temp 0 --think force
[ "$(head -n 1 "$out")" = "<think>" ] || wrong "expected the reasoning to be opened"
for options in "-p x --think off" "-p <think>" "--raw -p <think>"; do
    # shellcheck disable=SC2086
    answer $options -n 2 --temp 0
    grep -q 'think>' "$out" && wrong "expected no word about reasoning"
done

# --verbose says what is used, on standard error; the seed it prints gives the answer again.
answer -p x -n 12 --temp 2 --top-p 1 --verbose
cp "$out" "$work/answer"
seed=$(sed -n 's/.*seed \([0-9]*\).*/\1/p' "$err")
answer -p x -n 12 --temp 2 --top-p 1 --seed "${seed:-missing}"
expect_same "$out" "$work/answer"

# A full disk and a closed pipe are failures, and end the work at once.
if [ -w /dev/full ]; then
    line="fathom run > /dev/full"
    "$FATHOM" run -m "$golden" -p x --temp 0 >/dev/full 2>"$err"
    status=$?
    expect_status 1
    expect_err "standard output"
fi
line="fathom run | head -c 1"
{
    "$FATHOM" run -m "$golden" -p x --temp 0 2>"$err"
    echo $? >"$work/status"
} | head -c 1 >"$out"
status=$(cat "$work/status")
expect_status 1
expect_err "Broken pipe"

# Ctrl-C ends the answer: what was said stays, and the last line says so.
: >"$out" # what the test before left must not be taken for the answer's beginning
line="fathom run, and Ctrl-C"
: >"$out" # before the wait below looks at it
"$FATHOM" run -m "$golden" -p x --temp 0 >"$out" 2>"$err" &
process=$!
wait_until test -s "$out" || { kill -9 $process; wait $process; finish; }
kill -INT $process
wait $process
status=$?
expect_status 130
expect_err "stopped by Ctrl-C"
[ "$(tail -c 1 "$out" | od -An -tx1)" = " 0a" ] || wrong "expected a line break at the end"

finish
