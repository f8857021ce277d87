#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `fathom chat` through pipes: turns that build on each other, every command, a full context, exit codes.
. tests/cli/check.sh

lines=$work/lines
chat() { # options; the lines are in $lines
    input=$lines
    run chat -m "$golden" --temp 0 -n 12 "$@"
}

# Two turns: the second finds the first held. Answers alone go to standard output, the same each time.
printf 'The depth of the sea\n\nand of the sky\n' >"$lines"
chat --think off
expect_status 0
expect_err "; answer 12 tokens"
expect_err "; stopped by -n; context "
[ "$(grep -c '^prompt ' "$err")" = 2 ] || wrong "expected two turns"
grep -q '^prompt .* held' "$err" || wrong "the second turn computed everything again"
[ -s "$out" ] || wrong "there is no answer"
grep -q "$(printf '\033')" "$out" "$err" && wrong "there is colour in a pipe"
grep -q '> ' "$err" && wrong "there is a prompt in a pipe"
cp "$out" "$work/first"
chat --think off
expect_same "$out" "$work/first"

# A line goes on behind a backslash; a slash alone makes no command.
printf 'one \\\ntwo\n/usr/bin is a folder\n' >"$lines"
chat --think off
expect_status 0
[ "$(grep -c '^prompt ' "$err")" = 2 ] || wrong "expected two messages"

# Reasoning stays out of a pipe, and a cut one can be closed.
printf 'x\n/answer\n' >"$lines"
chat --think force
expect_err "; thought 12 tokens"
expect_status 0

# Save, load, go on.
printf '/system Be brief.\na\n/save %s\nb\n' "$work/talk.json" >"$lines"
chat --think off
expect_status 0
grep -q '"content": "Be brief."' "$work/talk.json" || wrong "the system prompt was not saved"
printf '/load %s\n/save %s\nb\n' "$work/talk.json" "$work/again.json" >"$lines"
chat --think off
expect_status 0
expect_same "$work/talk.json" "$work/again.json"
[ "$(grep -c . "$out")" -gt 0 ] || wrong "a conversation that was loaded has no answer"

# A conversation that was loaded goes on as it would have unbroken: the same words, and the same tokens,
# though the tokenizer would split the answers otherwise and some of their bytes are no UTF-8. Its prompt is
# computed in other parts, which have the same bits on generic.
restored() { # options of both
    printf 'The depth of the sea\nof it\n/save %s\nand of the sky\nmore\n' "$work/talk.json" >"$lines"
    chat --isa generic --seed 3 "$@"
    expect_status 0
    cp "$out" "$work/unbroken"
    grep '^prompt ' "$err" | tail -n 2 | cut -d ' ' -f 1-2 >"$work/unbroken.tokens"
    printf '/load %s\nand of the sky\nmore\n' "$work/talk.json" >"$lines"
    chat --isa generic --seed 3 "$@"
    expect_status 0
    tail -c "$(wc -c <"$out")" "$work/unbroken" >"$work/unbroken.end"
    expect_same "$out" "$work/unbroken.end"
    grep '^prompt ' "$err" | cut -d ' ' -f 1-2 >"$work/restored.tokens"
    expect_same "$work/restored.tokens" "$work/unbroken.tokens"
}
restored --think auto
restored --think off
restored --think auto --temp 1
restored --think off --temp 1 -s 'Be brief.'
printf 'x\n/save %s\n/answer\n' "$work/talk.json" >"$lines"
chat --isa generic --think force
tail -n 1 "$out" >"$work/unbroken"
printf '/load %s\n/answer\n' "$work/talk.json" >"$lines"
chat --isa generic --think force
expect_same "$out" "$work/unbroken"

# Another attempt is another answer, and does not change what is said after it; nothing that was forgotten is
# saved.
printf 'a\n/retry\n/clear\n/save %s\n' "$work/talk.json" >"$lines"
chat --think off --temp 1 --seed 3
expect_status 0
[ "$(head -n 1 "$out")" != "$(tail -n 1 "$out")" ] || wrong "/retry gave the same answer"
grep -q '"tokens"' "$work/talk.json" && wrong "tokens of a conversation that was cleared were saved"

# Commands.
printf '/help\n/stats\n/clear\n/think\n/nothink\n/fold\n/system\na\n/retry\n' >"$lines"
chat
expect_status 0
for text in /help /clear /retry /save /load /stats /think /nothink /answer /system /fold Ctrl-C; do
    expect_err "  $text "
done
[ "$(grep -c '^prompt ' "$err")" = 2 ] || wrong "/retry gave no second answer"

# What goes wrong is said, the rest is still answered, and the status says so.
after() { # first line, what is said of it
    printf '%s\na\n' "$1" >"$lines"
    chat --think off
    expect_status 1
    expect_err "fathom chat: $2"
    [ "$(grep -c '^prompt ' "$err")" = 1 ] || wrong "the line behind '$1' was not answered"
}
after /hepl "no command /hepl"
after "/save" "/save needs a value, FILE"
after "/clear all" "/clear takes nothing"
after /retry "nothing was said yet"
after /answer "no reasoning is open"
after "/save $work/absent/talk" "$work/absent/talk: "
after "/load $work/absent" "$work/absent: "
for corrupt in '' '{' '[]' '{"fathom_chat": 2, "messages": []}' '{"fathom_chat": 1, "messages": 3}' \
    '{"fathom_chat": 1, "messages": [{"role": "user"}]}' \
    '{"fathom_chat": 1, "messages": [{"role": "king", "content": ""}]}' \
    '{"fathom_chat": 1, "messages": [{"role": "user", "content": "", "reasoning": ""}]}' \
    '{"fathom_chat": 1, "messages": [], "tokens": 3}' \
    '{"fathom_chat": 1, "messages": [], "tokens": "0 x"}'; do
    printf '%s' "$corrupt" >"$work/corrupt"
    after "/load $work/corrupt" "$work/corrupt: "
done
printf 'a\0b\na\n' >"$lines"
chat --think off
expect_status 1
expect_err "zero byte"

# What cannot be answered again stays as it was answered.
long=$(seq 40 | tr '\n' ' ')
printf 'a\n/save %s\n/system %s\n/retry\n/system\n/save %s\n' "$work/talk.json" "$long" \
    "$work/again.json" >"$lines"
chat --think off -c 64
expect_status 1
[ "$(grep -c '"role"' "$work/again.json")" = 2 ] || wrong "a failed /retry took messages away"
[ "$(grep '"content"' "$work/talk.json")" = "$(grep '"content"' "$work/again.json")" ] ||
    wrong "a failed /retry changed messages"

# A full context is told, and /clear helps; an answer that fills it is done.
printf '%s\n/clear\na\n' "$long" >"$lines"
chat --think off -c 40
expect_status 1
expect_err "the context is full"
[ "$(grep -c '^prompt ' "$err")" = 1 ] || wrong "nothing was answered after /clear"
printf 'abc\n' >"$lines"
chat --think off -c 20 -n 500
expect_status 0
expect_err "stopped because the context is full; context 20 of 20"
expect_err "/clear starts anew"

: >"$lines"
chat
expect_status 0
expect_no_out
run chat -m "$work/absent.gguf"
expect_refusal 1 "absent.gguf"
printf 'a\n' >"$lines"
[ ! -e /dev/full ] || "$FATHOM" chat -m "$golden" --think off -n 4 <"$lines" >/dev/full 2>"$err" &&
    wrong "a full disk was not noticed"

finish
