#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The model that ships is found from the place of the program, installed or just built, and named for what it
# is. A golden model stands in for it here.
. tests/cli/check.sh
[ "$(head -c 2 "$FATHOM")" != '#!' ] || exit 77 # wrapped: the program is not where it seems to be

mkdir -p "$work/bin" "$work/share/fathom" "$work/elsewhere"
cp "$FATHOM" "$work/bin/fathom"
ln -s ../bin/fathom "$work/elsewhere/fathom"
model=$PWD/$golden
FATHOM=$work/bin/fathom

speaks() {
    run run -p 'The depth of the sea' -n 8 --temp 0
    expect_status 0
    [ "$(grep -c '^Minnow speaks: a demonstration .* not DeepSeek-R1' "$err")" = 1 ] ||
        wrong "expected one line that says what speaks"
    expect_same "$out" "$work/expected"
}
run run -m "$model" -p 'The depth of the sea' -n 8 --temp 0
grep -q Minnow "$err" && wrong "another model is taken for Minnow"
cp "$out" "$work/expected"

for command in "run -p x" chat; do
    # shellcheck disable=SC2086 # a command and its options are several words
    run $command
    expect_refusal 2 "no model given, and minnow.gguf, which ships with Fathom, is not installed"
done
mkdir "$work/bin/minnow.gguf" # a folder is no model
run chat
expect_refusal 2 "is not installed"
rmdir "$work/bin/minnow.gguf"

ln -s "$model" "$work/bin/minnow.gguf"
speaks
mv "$work/bin/minnow.gguf" "$work/share/fathom/minnow.gguf"
speaks
FATHOM=$work/elsewhere/fathom
speaks
echo 'The depth of the sea' >"$work/lines"
input=$work/lines
run chat -n 8 --temp 0
expect_status 0
expect_err "Minnow speaks"

finish
