#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# open-webui in front of `fathom serve`: a streamed chat of two turns, with the requests that it makes beside
# it. Skipped where the command open-webui is missing; it comes from PyPI and is large.
. "$(dirname "$0")/serve.sh"
command -v open-webui >/dev/null || skip "no open-webui"
start_server

port=$((20000 + $$ % 20000))
(
    cd "$work"
    export DATA_DIR="$work/data" WEBUI_AUTH=False WEBUI_SECRET_KEY=any OFFLINE_MODE=true
    export ENABLE_OLLAMA_API=false OPENAI_API_BASE_URL="$url/v1" OPENAI_API_KEY=any
    export RAG_EMBEDDING_ENGINE=openai # or it would fetch a model of its own
    exec open-webui serve --host 127.0.0.1 --port $port >"$work/open-webui" 2>&1
) &
front=$!
server="$server $front"
for _ in $(seq 150); do
    ! curl -s "http://127.0.0.1:$port/health" >/dev/null || break
    kill -0 $front || { tail -n 20 "$work/open-webui" && exit 1; }
    sleep 1
done
python3 tests/clients/open_webui_client.py "http://127.0.0.1:$port" || {
    tail -n 20 "$work/open-webui"
    exit 1
}

# Its own requests were known as such, and computed aside.
for chore in title tags follow-ups; do
    grep -q "^$chore " "$work/log" || { echo "no $chore in the log" && cat "$work/log" && exit 1; }
done
