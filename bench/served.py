#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""served.py - what a server costs an answer: a model by `fathom run` and behind `fathom serve`, in turn; and
how soon the headers begin of a stream that waits while another is computed.

usage: bench/served.py MODEL [ROUNDS]     with the program's path in $FATHOM; needs nothing but Python

Both compute STEPS steps of a token, from the beginning of a context, and take the likeliest token each time;
the served one never the end. The server's clock (`timings`) and the client's run from the first token to the
last, which is one more than steps between them.
"""
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request

STEPS = 128
WAITING = 20
OPTIONS = ["-m", sys.argv[1], "-c", "2048"]
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
PROGRAM = os.environ.get("FATHOM", "build/fathom")


def alone():
    """Tokens a second without a server."""
    command = [PROGRAM, "run", *OPTIONS, "--raw", "-p", "a", "-n", str(STEPS), "--temp", "0"]
    told = subprocess.run(command, check=True, capture_output=True).stderr.decode(errors="replace")
    n_tokens, rate = re.search(r"answer (\d+) tokens, ([\d.]+) tok/s", told).groups()
    assert int(n_tokens) == STEPS, told
    return float(rate)


def post(url, path, body):
    return urllib.request.urlopen(urllib.request.Request(url + path, json.dumps(body).encode()), timeout=600)


def served(url, end):
    """Tokens a second by the server's clock and by the client's."""
    body = {"prompt": [0], "max_tokens": STEPS + 1, "temperature": 0, "stream": True}
    body["logit_bias"] = {str(end): -100}
    times, timings = [], None
    for line in post(url, "/v1/completions", body):
        if line.startswith(b"data: {"):
            times.append(time.perf_counter())
            timings = json.loads(line[6:]).get("timings") or timings
    assert timings["predicted_n"] == STEPS + 1, timings
    return STEPS / timings["predicted_ms"] * 1000, STEPS / (times[-1] - times[0])


def first_byte(url):
    """Seconds from a stream's request to the first byte of its headers."""
    address = urllib.parse.urlsplit(url)
    body = json.dumps({"prompt": [0], "max_tokens": 1, "stream": True})
    with socket.create_connection((address.hostname, address.port)) as client:
        request = (f"POST /v1/completions HTTP/1.1\r\nHost: {address.netloc}\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        begun = time.perf_counter()
        client.sendall(request.encode())
        client.recv(1)
        return time.perf_counter() - begun


def queued(url, end):
    """Of WAITING streams, one after the other, while another is computed, milliseconds: median and most."""
    body = {"prompt": [0], "max_tokens": 1000, "stream": True, "logit_bias": {str(end): -100}}
    with post(url, "/v1/completions", body) as running:
        while not running.readline().startswith(b"data: {"):
            pass
        times = [1000 * first_byte(url) for _ in range(WAITING)]
    return statistics.median(times), max(times)


def main():
    command = [PROGRAM, "serve", *OPTIONS, "--port", "0", "--parallel", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            url = next(line.split()[-1] for line in server.stderr if line.startswith("listening on "))
            body = {"content": "<｜end▁of▁sentence｜>", "parse_special": True, "add_special": False}
            (end,) = json.load(post(url, "/v1/tokenize", body))["tokens"]
            served(url, end)  # warm
            print("   alone    server    client   tokens a second")
            rows = []
            for _ in range(ROUNDS):
                rows.append((alone(), *served(url, end)))
                print("".join(f"{rate:8.2f}  " for rate in rows[-1]), flush=True)
            first, *others = (statistics.median(column) for column in zip(*rows))
            print(f"{first:8.2f}  " + "".join(f"{rate / first - 1:+8.2%}  " for rate in others) + " medians")
            print("queued, to the first byte: {:.3f} ms, at most {:.3f}".format(*queued(url, end)))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
