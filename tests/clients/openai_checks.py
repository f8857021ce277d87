# SPDX-License-Identifier: Apache-2.0
"""openai_checks.py - what scripts of checks through the `openai` package share. Each is given a server's URL.

Every function that begins with check_ is one check; a failure ends the script with its traceback.
"""
import sys
import time
import urllib.request

import openai


def wait_for_rest(client):
    """Until nothing more is computed: by then the beginning of the next turn is held."""
    before = None
    while True:
        with urllib.request.urlopen(str(client.base_url).removesuffix("/v1/") + "/metrics") as page:
            lines = page.read().decode().splitlines()
        now = [line for line in lines if line.startswith("fathom_computed_tokens_total")]
        if now == before:
            return
        before = now
        time.sleep(0.5)


def run_checks(names):
    """names: the script's globals, in which checks stand in the order they are run in."""
    client = openai.OpenAI(base_url=sys.argv[1], api_key="any", max_retries=0, timeout=120)
    for name, check in list(names.items()):
        if name.startswith("check_"):
            print(name, flush=True)
            check(client)
