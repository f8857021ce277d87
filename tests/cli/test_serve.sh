#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `fathom serve` as a person starts and ends it; tests/server/ has the rest.
. "$(dirname "$0")/check.sh"

run serve --port 70000
expect_refusal 2 '--port 70000'
run serve --host 192.0.2.1 --port 0 # an address for documents, nobody's
expect_refusal 1 'cannot listen on 192.0.2.1'

line="fathom serve --port 0"
"$FATHOM" serve --port 0 >"$out" 2>"$err" &
server=$!
wait_until grep -q 'listening on http://127.0.0.1:' "$err"
status=running
url=$(sed -n 's/^listening on //p' "$err")
if command -v curl >"$work/null"; then
    curl -sS "$url/health" >"$out" 2>"$work/curl" || wrong "curl: $(cat "$work/curl")"
    grep -q '"status"' "$out" || wrong "/health says: $(cat "$out")"
fi
kill -TERM $server
wait $server
status=$?
expect_status 0

finish
