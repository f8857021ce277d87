#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `fathom verify`: sound files and machines, files with flipped bits, cut and missing shards, and logits that
# a machine gets wrong.
. tests/cli/check.sh

stem=${golden%.gguf} model=$work/model.gguf
fresh() {
    rm -f "$work"/model*
    cp "$golden" "$model"
}
# Bytes, as printf writes them, over those at an offset.
patch_file() { # file, offset, bytes
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
offset_of() { # tensor
    "$FATHOM" inspect "$golden" --tensors --json | grep -A 8 "\"name\": \"$1\"" |
        sed -n 's/.*"offset": \([0-9]*\).*/\1/p' | head -n 1
}
found() { grep -qF -e "$1" "$out" || wrong "expected in the page: $1"; }
sound() {
    expect_status 0
    [ "$(tail -n 1 "$out")" = "verdict      $1" ] || wrong "expected the verdict: $1"
    [ ! -s "$err" ] || wrong "expected nothing on standard error"
}
damaged() { # what the page says, what the verdict says
    expect_status 1
    found "$1"
    expect_err "fathom verify: verdict: $2"
    [ "$(wc -l <"$err")" = 1 ] || wrong "expected one line on standard error"
}
unsure="the file is sound; this machine was not checked (no known logits are here)"

# The model that ships, where the program was built with it; from here on there is none.
case $(head -c 2 "$FATHOM") in '#!') exit 77 ;; esac # wrapped: it may find the real program's
if [ -e "$(dirname "$FATHOM")/minnow.logits.f32" ]; then
    run verify
    sound "the file is sound, and this machine computes rightly"
fi
mkdir "$work/bin"
cp "$FATHOM" "$work/bin/fathom"
FATHOM=$work/bin/fathom
run verify
expect_refusal 1 "minnow.gguf, which ships with Fathom, is not installed"

# A file alone, and with what is known of it.
fresh
run verify -m "$model"
sound "$unsure"
found "  checksum   SHA-256 not known"
(cd "$work" && sha256sum model.gguf >model.gguf.sha256)
run verify -m "$model"
sound "$unsure"
found "  checksum   SHA-256 as expected"
cp "$stem.json" "$work/model.json"
cp "$stem.logits.f32" "$work/model.logits.f32"
run verify -m "$model"
sound "the file is sound, and this machine computes rightly"
found "  generic    right   error "
found "  exact      right   error "
[ "$(grep -c 'the same bits from one thread and from all' "$out")" -ge 2 ] || wrong "expected two ways"

# The model that ships checks the machine for others, too.
cp "$golden" "$work/bin/minnow.gguf"
cp "$stem.json" "$work/bin/minnow.json"
cp "$stem.logits.f32" "$work/bin/minnow.logits.f32"
run verify -m tests/golden/v2lite-q8_0.gguf
sound "the file is sound, and this machine computes rightly"
run verify
sound "the file is sound, and this machine computes rightly"
found "model        $work/bin/minnow.gguf"
rm "$work"/bin/minnow.*

# One of 16384 is another: too little for int8 activations to tell, and far too much for --exact.
patch_file "$work/model.logits.f32" 0 '\000\000\000\000'
run verify -m "$model"
damaged "  exact      WRONG   error" "the file is sound, and this machine computes wrongly"
found "  generic    right   error"

# Logits that come out otherwise: 1e30 in the first place, and no number in the last.
patch_file "$work/model.logits.f32" 0 '\362\111\361\160'
run verify -m "$model"
damaged "  generic    WRONG   error" "the file is sound, and nothing gives its known logits"
head -c 1000 "$stem.logits.f32" >"$work/model.logits.f32"
run verify -m "$model"
expect_status 1
expect_err "model.logits.f32: 1000 bytes, expected"

# Flipped bits: a code, which only the checksum tells; a scale that becomes infinite, and one no number.
fresh
offset=$(offset_of token_embd.weight)
(cd "$work" && sha256sum model.gguf >model.gguf.sha256)
patch_file "$model" $((offset + 3)) '\125'
run verify -m "$model"
damaged "model.gguf: has SHA-256 " "the file is damaged; remove $model and fetch it anew"
fresh
patch_file "$model" "$((offset + 18))" '\000\174'
patch_file "$model" "$((offset + 72))" '\001\374'
run verify -m "$model"
damaged "tensor token_embd.weight, block 1: its scale is infinite or no number (2 of " "the file is damaged"

# Not whole.
fresh
head -c 1000000 "$golden" >"$model"
run verify -m "$model"
damaged "  structure  $model: " "the file is not whole"
mv "$model" "$work/model-00001-of-00003.gguf"
run verify -m "$work/model-00001-of-00003.gguf"
damaged "  structure  of its 3 shards these are missing: 2, 3" "the file is not whole"
run verify -m "$vocabulary"
damaged "holds a vocabulary and no weights" "the file is not whole, or no model of this kind"
run verify -m "$work/absent.gguf"
expect_refusal 1 "absent.gguf"

finish
