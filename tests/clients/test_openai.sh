#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The `openai` package from PyPI against `fathom serve`; skipped where `make clients` has not put it.
. "$(dirname "$0")/serve.sh"

python=$clients/bin/python
[ -x "$python" ] || python=python3
"$python" -c 'import openai' 2>/dev/null || skip "no Python package openai; \`make clients\` installs it"
start_server --exact # held or not, and in any company, answers are the same bits
"$python" tests/clients/openai_client.py "$url/v1"
serve "$work/log-minnow" --demo
"$python" tests/clients/openai_tools_client.py "$url/v1"
