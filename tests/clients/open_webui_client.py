# SPDX-License-Identifier: Apache-2.0
"""open_webui_client.py - a chat of two turns through open-webui, with its title, tags and follow-ups.

usage: open_webui_client.py URL     of an open-webui without accounts, whose model is "tiny": random weights

It sends what open-webui's own page sends, and needs nothing but Python.
"""
import json
import sys
import time
import urllib.error
import urllib.request

URL = sys.argv[1]
QUESTION = {"role": "user", "content": "Count from one to ten in French."}
token = None


def post(path, body):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    return urllib.request.urlopen(
        urllib.request.Request(URL + path, json.dumps(body).encode(), headers), timeout=60)


def stream(messages):
    """The content and the usage of a streamed chat. Random weights are made to write text."""
    body = {"model": "tiny", "messages": messages, "stream": True, "stream_options": {"include_usage": True},
            "max_tokens": 24, "temperature": 0, "grammar": "root ::= [a-z ]{8,40}"}
    content, usage, finish = "", None, []
    for line in post("/api/chat/completions", body).read().decode().splitlines():
        if not line.startswith("data: {"):
            continue
        event = json.loads(line[6:])
        assert "error" not in event, event
        usage = event.get("usage") or usage
        for choice in event.get("choices", []):
            content += choice["delta"].get("content") or ""
            finish += [choice["finish_reason"]] if choice["finish_reason"] else []
    assert len(finish) == 1 and finish[0] in ("stop", "length"), finish
    assert usage and usage["prompt_tokens"] > 0, usage
    return content, usage


def do_chores(chat):
    """What the page asks for behind the first answer. A tiny model does not answer with the JSON that was
    asked for, which open-webui may call an error: what counts is what the server made of the question."""
    for task in ("title", "tags", "follow_up"):
        try:
            body = {"model": "tiny", "messages": chat, "chat_id": "c"}
            post(f"/api/v1/tasks/{task}/completions", body).read()
        except urllib.error.HTTPError as error:
            assert error.code < 500, error


def main():
    global token
    token = json.load(post("/api/v1/auths/signin", {"email": "", "password": ""}))["token"]
    request = urllib.request.Request(URL + "/api/models", headers={"Authorization": "Bearer " + token})
    models = {model["id"] for model in json.load(urllib.request.urlopen(request, timeout=60))["data"]}
    assert {"tiny", "tiny:quick"} <= models, models

    content, first = stream([QUESTION])
    time.sleep(1)  # a person reads
    chat = [QUESTION, {"role": "assistant", "content": content}]
    do_chores(chat)
    content, second = stream(chat + [{"role": "user", "content": "Now give tips."}])
    new = second["prompt_tokens"] - second["prompt_tokens_details"]["cached_tokens"]
    assert new < 30, (first, second)
    print(f"turn 2: {second['prompt_tokens']} tokens, {new} of them computed")


main()
