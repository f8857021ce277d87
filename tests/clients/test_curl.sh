#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What can be seen of `fathom serve` with curl alone: statuses, headers, the bytes of a stream.
. "$(dirname "$0")/serve.sh"
command -v curl >/dev/null || skip "no curl"
start_server

ask() { # path, body, more options; the answer's body and its headers go to files
    path=$1 body=$2
    shift 2
    curl -sS -D "$work/headers" -o "$work/body" -d "$body" "$@" "$url$path"
}
wrong() { # what
    echo "$1:"
    cat "$work/headers" "$work/body"
    exit 1
}
expect() { # pattern, file
    grep -q -e "$1" "$2" || wrong "expected $1"
}
question='"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8, "temperature": 0'

curl -sS "$url/health" >"$work/body"
expect '"status"' "$work/body"
curl -sS "$url/v1/models" >"$work/body"
expect '"tiny:quick"' "$work/body"

# A stream: events apart by an empty line, one finish, the end last.
ask /v1/chat/completions "{$question, \"stream\": true}"
expect '^HTTP/1.1 200' "$work/headers"
expect '^[Cc]ontent-[Tt]ype: text/event-stream' "$work/headers"
[ "$(tail -n 2 "$work/body")" = "data: [DONE]" ] || wrong "no [DONE] at the end"
[ "$(grep -c '"finish_reason":"' "$work/body")" = 1 ] || wrong "not one finish_reason"
grep -v -e '^data: {.*}$' -e '^$' -e '^data: \[DONE\]$' -e '^: ' "$work/body" && exit 1

# Errors are OpenAI's objects, with the status that belongs to them.
ask /v1/chat/completions '{"messages": [{"role": "user", "content": "a\u0000b"}]}'
expect '^HTTP/1.1 400' "$work/headers"
expect '"code":"invalid_json"' "$work/body"
ask /v1/chat/completions 'not JSON'
expect '^HTTP/1.1 400' "$work/headers"
ask /v1/chat/completions "{$question, \"n\": 2}"
expect '"param":"n"' "$work/body"
ask /v1/nothing '{}'
expect '^HTTP/1.1 404' "$work/headers"
expect '"error":' "$work/body"

# A name with a line break cannot become a header of its own.
ask /v1/chat/completions "{$question, \"a\\r\\nSet-Cookie: b\": 1}"
expect '^[Xx]-[Ff]athom-[Ii]gnored: a??Set-Cookie:?b' "$work/headers"
