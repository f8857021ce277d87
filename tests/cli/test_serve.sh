#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `fathom serve` as a person starts and ends it; tests/server/ has the rest.
. "$(dirname "$0")/check.sh"

run serve
expect_refusal 2 'no model given'
run serve -m "$golden" --port 70000
expect_refusal 2 '--port 70000'
run serve -m "$golden" --demo
expect_refusal 2 'leave one out'
run serve -m "$golden" --host 192.0.2.1 --port 0 # an address for documents, nobody's
expect_refusal 1 'cannot listen on 192.0.2.1'
run serve -m "$golden" --port 0 --api-key-file "$work/nowhere"
expect_refusal 1 'nowhere'
run serve -m "$golden" --port 0 -c 1000000 # what cannot be loaded is said after the socket is open
expect_status 1
expect_err 'made for 163840'

line="fathom serve --port 0"
"$FATHOM" serve -m "$golden" --port 0 -c 256 >"$out" 2>"$err" &
server=$!
wait_until grep -q 'listening on http://127.0.0.1:' "$err"
status=running
url=$(sed -n 's/^listening on //p' "$err")
if command -v curl >"$work/null"; then
    wait_until sh -c "curl -sS -m 10 $url/health | grep -q '\"ok\"'"
    body='{"messages": [{"role": "user", "content": "Hi"}], "user": "me", "max_tokens": 4}'
    curl -sS -m 20 "$url/v1/chat/completions" -d "$body" >"$out" 2>"$work/curl" ||
        wrong "curl: $(cat "$work/curl")"
    grep -q '"model":"v3-256-q4_0"' "$out" || wrong "the answer is: $(cat "$out")"
    wait_until grep -q '^chat chatcmpl-[0-9a-f]* (ignored: user).* tok/s.*; .* limits* the [pa]' "$err"
fi
kill -TERM $server
wait $server
status=$?
expect_status 0

finish
