# SPDX-License-Identifier: Apache-2.0
"""Puts the held-out questions to Minnow through `fathom chat`, greedily, and counts the right answers.

    python evaluate.py --fathom ../../build/fathom --model ../../models/minnow.gguf [--failures]

A line of heldout.jsonl is {"id", "category", "turns", "checks"}: what a user says, and for each turn "all"
and "none", regular expressions that must, and must not, be found in the answer behind the reasoning. A case
is right when all its turns are, each with its reasoning closed, and ended by the model itself within
--tokens.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import tempfile

HELD_OUT = pathlib.Path(__file__).with_name("heldout.jsonl")


def talk(args, turns):
    """The answers [{"reasoning", "content", "open"}], and whether all of them ended by themselves."""
    with tempfile.TemporaryDirectory() as folder:
        saved = pathlib.Path(folder) / "talk.json"
        lines = "".join(line + "\n" for line in [*turns, f"/save {saved}"])
        command = [args.fathom, "chat", "-m", args.model, "--temp", "0", "-n", str(args.tokens), "-t", "1"]
        command += args.option
        done = subprocess.run(command, input=lines, capture_output=True, text=True, errors="replace",
                              check=True)
        messages = json.loads(saved.read_text(encoding="utf-8", errors="replace"))["messages"]
    answers = [m for m in messages if m["role"] == "assistant"]
    return answers, "stopped by -n" not in done.stderr and "context is full" not in done.stderr


def is_right(check, answer):
    def found(pattern):
        return re.search(pattern, answer, re.IGNORECASE | re.DOTALL)
    return all(found(p) for p in check["all"]) and not any(found(p) for p in check["none"])


def judge(case, answers, ended):
    """"right", or what is wrong."""
    if not ended or len(answers) != len(case["turns"]):
        return "endless"
    if any(a.get("open") or not a.get("reasoning", "").strip() for a in answers):
        return "reasoning not closed"
    if not all(is_right(c, a["content"]) for c, a in zip(case["checks"], answers)):
        return "wrong"
    return "right"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fathom", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--heldout", default=HELD_OUT)
    parser.add_argument("--tokens", type=int, default=250)
    parser.add_argument("--failures", action="store_true", help="show what was answered wrong")
    parser.add_argument("--option", action="append", default=[], help="more for fathom, such as --isa=avx2")
    args = parser.parse_args()
    verdicts = collections.defaultdict(collections.Counter)
    with open(args.heldout, encoding="utf-8") as file:
        for case in map(json.loads, file):
            answers, ended = talk(args, case["turns"])
            verdict = judge(case, answers, ended)
            verdicts[case["category"]][verdict] += 1
            if args.failures and verdict != "right":
                print(case["id"], verdict)
                for said, answer in zip(case["turns"], answers):
                    print(f"    {said}\n    -> {answer['content']}")
    total = sum(verdicts.values(), collections.Counter())
    for category, counts in [*verdicts.items(), ("all", total)]:
        wrong = ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if verdict != "right")
        share = 100 * counts["right"] / counts.total()
        print(f"{category:8} {counts['right']:4} of {counts.total():4}  {share:5.1f}%  {wrong}")


if __name__ == "__main__":
    main()
