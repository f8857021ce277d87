#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The page at / in a browser without a window: with Minnow, which answers; with a tiny random model, which
# goes on until it is stopped; and with answers that are made up. Skipped where there is no Chromium.
. "$(dirname "$0")/serve.sh"

browser=
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    browser=$(command -v $name) && break
done
[ -n "$browser" ] || skip "no chromium; the distribution's package of that name has it"
command -v python3 >/dev/null || skip "no python3"
start_server -c 4096
tiny=$url
echo key >"$work/keys"
serve "$work/log-locked" -m "$work/tiny.gguf" --api-key-file "$work/keys"
locked=$url
serve "$work/log-minnow" --demo
# Pictures of what was seen, where a folder for them is named.
python3 tests/clients/page_client.py "$browser" "$work/profile" "$url" "$tiny" "$locked" ${PICTURES-}
