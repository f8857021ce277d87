# SPDX-License-Identifier: Apache-2.0
"""openai_client.py - what programs rely on, asked through the `openai` package.

usage: openai_client.py URL     of a server whose model is "tiny": random weights, so the words mean nothing
"""
import asyncio
import json

import openai

from openai_checks import run_checks, wait_for_rest

HELLO = [{"role": "user", "content": "Count from one to ten in French."}]
GREEDY = {"temperature": 0, "max_tokens": 24}
# Random weights write bytes that are no text, which a client gets and sends back as other ones.
LETTERS = {"grammar": "root ::= [a-z ]{8,40}"}


def ask(client, model="tiny:quick", messages=HELLO, **options):
    return client.chat.completions.create(model=model, messages=messages, **{**GREEDY, **options})


def text_of(answer):
    return answer.choices[0].message.content


def reasoning_of(answer):
    return (answer.choices[0].message.model_extra or {}).get("reasoning_content") or ""


def streamed(client, **options):
    """A stream put together again: reasoning, content, finish reasons, roles, usage, timings."""
    whole = {"reasoning": "", "content": "", "finish": [], "roles": [], "ids": set()}
    whole.update(usage=None, timings=None)
    options.setdefault("messages", HELLO)
    for chunk in client.chat.completions.create(
        model="tiny", stream=True, stream_options={"include_usage": True}, **options
    ):
        assert chunk.object == "chat.completion.chunk", chunk
        assert whole["usage"] is None, "nothing follows the usage"
        whole["ids"].add(chunk.id)
        whole["usage"] = chunk.usage
        whole["timings"] = whole["timings"] or (chunk.model_extra or {}).get("timings")
        for choice in chunk.choices:
            assert not whole["finish"], "nothing follows the last delta"
            delta = choice.delta
            whole["reasoning"] += (delta.model_extra or {}).get("reasoning_content") or ""
            whole["content"] += delta.content or ""
            whole["roles"] += [delta.role] if delta.role else []
            whole["finish"] += [choice.finish_reason] if choice.finish_reason else []
    return whole


def refused(status, call, **options):
    """The error of a request that must be refused."""
    try:
        call(**options)
    except openai.APIStatusError as error:
        assert error.status_code == status, error
        assert error.body["message"], error
        return error
    raise AssertionError(f"not refused: {options}")


def check_models(client):
    models = {model.id: model for model in client.models.list()}
    assert set(models) == {"tiny", "tiny:quick"}, models
    assert models["tiny"].object == "model"
    assert client.models.retrieve("tiny").id == "tiny"


def check_chat(client):
    answer = ask(client, model="tiny")
    choice, usage = answer.choices[0], answer.usage
    assert answer.object == "chat.completion" and answer.model == "tiny" and len(answer.choices) == 1
    assert choice.message.role == "assistant" and choice.finish_reason in ("stop", "length")
    assert usage.completion_tokens <= 24
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert choice.finish_reason == "stop" or usage.completion_tokens == 24
    assert answer.model_extra["timings"]["predicted_n"] == usage.completion_tokens


def check_stream(client):
    """A stream is the same answer as a whole one, and says the same of it."""
    answer = ask(client, model="tiny")
    parts = streamed(client, **GREEDY)
    assert parts["content"] == text_of(answer), (parts, answer)
    assert parts["reasoning"] == reasoning_of(answer)
    assert parts["finish"] == [answer.choices[0].finish_reason]
    assert parts["roles"] == ["assistant"] and len(parts["ids"]) == 1
    assert parts["usage"].completion_tokens == answer.usage.completion_tokens
    assert parts["usage"].prompt_tokens == answer.usage.prompt_tokens
    assert parts["timings"]["predicted_n"] == answer.usage.completion_tokens


def check_reasoning(client):
    """Forced reasoning is told apart from content, and `:quick` has none."""
    forced = streamed(client, extra_body={"enable_thinking": True}, **GREEDY)
    assert forced["reasoning"] and "<think>" not in forced["reasoning"], forced
    assert forced["usage"].completion_tokens_details.reasoning_tokens > 0
    quick = ask(client)
    assert text_of(quick) and not reasoning_of(quick), quick


def check_turns(client):
    """The next turn finds all computed but its own words, though the reasoning is gone from the prompt."""
    first = ask(client, model="tiny", extra_body=LETTERS)
    wait_for_rest(client)
    parts = [{"type": "text", "text": "Now give "}, {"type": "text", "text": "tips."}]
    answer = {"role": "assistant", "content": text_of(first), "reasoning_content": "it was easy"}
    second = ask(client, model="tiny", messages=HELLO + [answer, {"role": "user", "content": parts}])
    cached = second.usage.prompt_tokens_details.cached_tokens
    assert cached > first.usage.prompt_tokens, (first.usage, second.usage)
    # what is new is "Now give tips." and the head of an answer
    assert second.usage.prompt_tokens - cached < 30, second.usage


def check_continuation(client):
    """A final assistant's message is gone on with."""
    whole = text_of(ask(client))
    rest = ask(client, messages=HELLO + [{"role": "assistant", "content": whole[: len(whole) // 2]}])
    assert text_of(rest), rest


def check_sampling(client):
    """A seed gives the same answer again; stop strings are left out."""
    one, two, other = (text_of(ask(client, temperature=1.0, seed=seed)) for seed in (1, 1, 2))
    assert one == two != other
    stop = one[4:8]
    cut = ask(client, temperature=1.0, seed=1, stop=[stop])
    assert cut.choices[0].finish_reason == "stop" and text_of(cut) == one[: one.index(stop)], (cut, one)


def check_logprobs(client):
    answer = ask(client, logprobs=True, top_logprobs=3)
    entries = answer.choices[0].logprobs.content
    assert entries and len(entries) <= answer.usage.completion_tokens
    for entry in entries:
        assert len(entry.top_logprobs) == 3 and entry.logprob <= 0
        assert entry.top_logprobs[0].logprob >= entry.logprob


def check_completion(client):
    options = {"model": "tiny", "prompt": "The sea is", **GREEDY}
    whole = client.completions.create(**options).choices[0]
    chunks = [chunk for chunk in client.completions.create(stream=True, **options) if chunk.choices]
    assert whole.finish_reason in ("stop", "length")
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.text
    assert chunks[-1].choices[0].finish_reason == whole.finish_reason


def check_calls(client):
    """A call that the client demands, and only one where it wants one. A bias ends it at once."""
    body = {"content": "<｜tool▁call▁end｜>", "parse_special": True, "add_special": False}
    (end,) = client.post("/tokenize", cast_to=object, body=body)["tokens"]
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    options = {
        "tools": [tool], "tool_choice": {"type": "function", "function": {"name": "look"}},
        "logit_bias": {str(end): 100}, "max_tokens": 60,
    }
    answer = ask(client, parallel_tool_calls=False, **options).choices[0]
    assert answer.finish_reason == "tool_calls" and answer.message.content is None, answer
    assert [call.function.name for call in answer.message.tool_calls] == ["look"]
    assert answer.message.tool_calls[0].id.startswith("call_")
    assert ask(client, **options).choices[0].finish_reason == "length"


def check_json(client):
    """What is constrained is JSON, or was cut by its limit."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    answer = ask(client, max_tokens=200, response_format=form)
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(text_of(answer))["n"], int)


def check_errors(client):
    chat = client.chat.completions.create
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    wrong = [
        ("n", {"n": 2}),
        ("messages", {"messages": []}),
        ("messages[0].role", {"messages": [{"role": "king", "content": ""}]}),
        ("messages[0].content[0]", {"messages": [{"role": "user", "content": [image]}]}),
    ]
    for param, options in wrong:
        assert refused(400, chat, **{"model": "tiny", "messages": HELLO, **options}).param == param
    long = [{"role": "user", "content": "word " * 20000}]
    assert refused(400, chat, model="tiny", messages=long).code == "context_length_exceeded"
    refused(404, client.models.retrieve, model="other")
    refused(404, client.embeddings.create, model="tiny", input="x")


def check_ignored(client):
    raw = client.chat.completions.with_raw_response.create(
        model="tiny:quick", messages=HELLO, user="me", metadata={"a": "b"}, **GREEDY
    )
    assert sorted(raw.headers["x-fathom-ignored"].split(", ")) == ["metadata", "user"]


def check_many(client):
    """Several at once get what each gets alone."""
    questions = [[{"role": "user", "content": f"What is {n} and {n}?"}] for n in range(6)]

    async def all_at_once():
        async with openai.AsyncOpenAI(base_url=str(client.base_url), api_key="any") as many:
            return await asyncio.gather(*(ask(many, messages=question) for question in questions))

    for question, answer in zip(questions, asyncio.run(all_at_once())):
        assert text_of(answer) == text_of(ask(client, messages=question)), question


run_checks(globals())
