#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The `openai` package from PyPI against `fathom serve`; skipped where `make clients` has not put it.
. "$(dirname "$0")/serve.sh"

python=$clients/bin/python
[ -x "$python" ] || python=python3
"$python" -c 'import openai' 2>/dev/null || skip "no Python package openai; \`make clients\` installs it"
start_server
"$python" tests/clients/openai_client.py "$url/v1"
