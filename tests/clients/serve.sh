# SPDX-License-Identifier: Apache-2.0
# serve.sh - what the scripts here share: a tiny model of random weights, served as "tiny" at $url.
# Sourced from the repository's root; the server goes with the script.
set -eu
: "${FATHOM:=build/fathom}"
clients=${CLIENTS:-build/clients} # where `make clients` puts those from PyPI
work=$(mktemp -d "${TMPDIR:-/tmp}/fathom-client-XXXXXX")
server=
trap 'status=$?; [ -z "$server" ] || kill $server 2>/dev/null || :; [ $status = 0 ] || [ $status = 77 ] ||
    tail -n 20 "$work/log"; rm -rf "$work"; exit $status' EXIT

skip() { # why
    echo "skipped: $*"
    exit 77
}

serve() { # its log, then its options
    log=$1
    : >>"$log"
    shift
    "$FATHOM" serve --port 0 -t 2 "$@" >>"$log" 2>&1 &
    server="$server $!"
    for _ in $(seq 2400); do # two minutes, for emulators
        url=$(sed -n 's/^listening on //p' "$log")
        [ -z "$url" ] || return 0
        kill -0 $! || break
        sleep 0.05
    done
    echo "the server does not listen"
    exit 1
}

start_server() { # more options
    "$FATHOM" forge --preset tiny -o "$work/tiny.gguf" >"$work/log" 2>&1
    serve "$work/log" -m "$work/tiny.gguf" "$@"
}
