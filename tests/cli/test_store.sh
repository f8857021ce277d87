#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# -m REPO:QUANT finds what pull or huggingface-cli fetched, in every command, and says what is missing.
. tests/cli/check.sh
unset HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HOME XDG_CACHE_HOME
export HOME="$work/home" XDG_DATA_HOME="$work/data"
mkdir -p "$HOME"
model=$PWD/$golden

run inspect org/model:Q4_0
expect_refusal 1 "org/model:Q4_0: no such file or folder, and no model that was fetched; 'fathom pull' does"

# Fathom's own folder: two models, one of them with a shard that is still to come.
own=$XDG_DATA_HOME/fathom/models/org/model
mkdir -p "$own/M-Q2_K"
ln -s "$model" "$own/M-Q4_0.gguf"
ln -s "$model" "$own/M-Q2_K/M-Q2_K-00001-of-00002.gguf"
echo x >"$own/README.md"
found() { # path
    expect_status 0
    grep -qF "$1" "$out" || wrong "expected the model to be $1"
}
run inspect org/model:q4_0
found "$own/M-Q4_0.gguf"
run inspect org/model
expect_refusal 2 "org/model has several models here, name one behind a colon: Q2_K, Q4_0"
run inspect org/model:Q2_K
expect_refusal 1 "only 1 of its 2 shards are there; 'fathom pull org/model:Q2_K' fetches what is missing"
run inspect org/model:Q8_0
expect_refusal 1 "org/model has no such model here, but Q2_K, Q4_0; 'fathom pull org/model:Q8_0'"
run run -m org/model:Q4_0 --raw -p x -n 1
expect_status 0
echo x >"$work/lines"
input=$work/lines
run chat -m org/model:Q4_0 -n 1
expect_status 0
run tokenize -m org/model:Q4_0
expect_status 0
input=/dev/null

# The cache of huggingface_hub, wherever its variables put it: links into blobs, a folder a commit.
hub() { # folder
    at=$1/models--org--other
    mkdir -p "$at/blobs" "$at/refs" "$at/snapshots/old" "$at/snapshots/new"
    ln -s "$model" "$at/blobs/sum"
    ln -s ../../blobs/sum "$at/snapshots/old/M-Q4_0.gguf"
    printf new >"$at/refs/main"
    run inspect org/other:Q4_0 # which only an old commit has
    found "$at/snapshots/old/M-Q4_0.gguf"
    rm -rf "$at"
}
hub "$HOME/.cache/huggingface/hub"
export XDG_CACHE_HOME="$work/cache"
hub "$XDG_CACHE_HOME/huggingface/hub"
export HF_HOME="$work/hf"
hub "$HF_HOME/hub"
export HF_HUB_CACHE="$work/hub-cache"
hub "$HF_HUB_CACHE"

# A path comes first.
cd "$work" || exit 1
case $FATHOM in /*) ;; *) FATHOM=$OLDPWD/$FATHOM ;; esac
mkdir -p org/model:Q4_0
run inspect org/model:Q4_0
expect_refusal 1 "org/model:Q4_0: no .gguf file in this folder"

finish
