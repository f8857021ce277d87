# SPDX-License-Identifier: Apache-2.0
"""openai_checks.py - runs a script's checks through the `openai` package; the argument is a server's address.

Every function that begins with check_ is one check; a failure ends the script with its traceback.
"""
import sys

import openai


def run_checks(names):
    """names: the script's globals, in which checks stand in the order they are run in."""
    client = openai.OpenAI(base_url=sys.argv[1], api_key="any", max_retries=0, timeout=120)
    for name, check in list(names.items()):
        if name.startswith("check_"):
            print(name, flush=True)
            check(client)
