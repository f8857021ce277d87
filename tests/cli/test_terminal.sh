#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What only a terminal gets: colour, progress, and no control characters that a model made up.
. tests/cli/check.sh
command -v script >/dev/null || exit 77
escape=$(printf '\033')

# The program on a terminal, both streams in $out.
on_terminal() { # words without white space
    line="fathom $* on a terminal"
    TERM=xterm script -qec "$FATHOM $*" "$work/typescript" >"$out" 2>"$err" </dev/null
    status=$?
}

on_terminal run --tmep 1
expect_status 2
grep -q "$escape\[1;31mfathom run:$escape\[0m no option" "$out" || wrong "the error has no colour"
export NO_COLOR=1
on_terminal run --tmep 1
grep -q "$escape" "$out" && wrong "NO_COLOR is not heeded"
unset NO_COLOR
on_terminal help run
expect_status 0
grep -q "$escape\[1mOptions$escape\[0m" "$out" || wrong "the help has no bold titles"

# A short job shows no progress; a long one does, until it is over.
on_terminal run -m "$golden" -p x -n 2
expect_status 0
grep -q '%' "$out" && wrong "a short prompt shows progress"
for _ in $(seq 6000); do printf 'All work and no play. '; done >"$work/long"
line="fathom run of a long prompt on a terminal"
TERM=xterm script -qfec "$FATHOM run -m $golden -f $work/long -c 100000" "$work/typescript" >"$out" 2>"$err" \
    </dev/null &
process=$!
wait_until grep -q 'prompt  \[#* *\] .*% .* tokens .* tok/s .* left' "$out"
kill $process
wait $process 2>/dev/null

# The same answer in a file, byte for byte, and on a terminal, harmless.
answer="run -m $golden --raw -p x -n 300 --temp 3 --top-p 1 --seed 5"
# shellcheck disable=SC2086
run $answer
control='[[:cntrl:]]'
tr -d '\n\t' <"$out" | LC_ALL=C grep -q "$control" || wrong "this answer tests nothing: choose another seed"
on_terminal "$answer"
sed '$d' "$out" | tr -d '\r\n\t' | LC_ALL=C grep -q "$control" &&
    wrong "a control character reached the terminal"

# What is typed while a message is computed waits for the next line, and is not shown before.
line="fathom chat with typing ahead"
mkfifo "$work/keys"
TERM=xterm XDG_STATE_HOME="$work" script -qfec "$FATHOM chat -m $golden -n 1 --seed 1" "$work/typescript" \
    >"$out" 2>"$err" <"$work/keys" &
process=$!
exec 3>"$work/keys"
wait_until grep -q '> ' "$out"
{
    printf '%s[200~' "$escape"
    head -c 8000 "$work/long"
    printf '%s[201~done\r' "$escape"
} >&3
wait_until grep -q 'done' "$out"
sleep 0.1
printf 'ahead' >&3
wait_until grep -q ahead "$out"
sed -n '/ahead/q;p' "$out" | grep -q 'answer 1 token' || wrong "keys were shown in the middle of an answer"
kill $process
exec 3>&-
wait $process 2>/dev/null

finish
