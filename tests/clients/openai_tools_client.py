# SPDX-License-Identifier: Apache-2.0
"""openai_tools_client.py - calls of tools and answers in a form, asked through the `openai` package.

usage: openai_tools_client.py URL     of a server of Minnow (`fathom serve --demo`)

Minnow was never shown a tool, and writes no JSON by itself: what the server does not force, biases do.
"""
import json

from openai_checks import run_checks, wait_for_rest

QUESTION = {"role": "user", "content": "How high is the tide at Brest?"}
LOOK = {
    "type": "function",
    "function": {
        "name": "look_up_tide",
        "description": "The tide at a harbour, in metres",
        "parameters": {"type": "object", "properties": {"day": {"type": "string"}}},
    },
}
LISTEN = {"type": "function", "function": {"name": "listen"}}
CALL_LOOK = {"type": "function", "function": {"name": "look_up_tide"}}
END_OF_CALL, END_OF_ANSWER = "<｜tool▁call▁end｜>", "<｜end▁of▁sentence｜>"


def ask(client, messages=(QUESTION,), model="minnow-demo:quick", **options):
    return client.chat.completions.create(
        model=model, messages=list(messages), **{"temperature": 0, "max_tokens": 200, **options}
    )


def tokens_of(client, text):
    body = {"content": text, "parse_special": True, "add_special": False}
    return client.post("/tokenize", cast_to=object, body=body)["tokens"]


def called(client, **options):
    """The answer to a request that demands one call. The server forces its name; the arguments, `{` and `}`,
    and its end come from biases, each lower than the one before, and a penalty on what was said already."""
    tokens = tokens_of(client, "{}" + END_OF_CALL)
    bias = {str(token): value for token, value in zip(tokens, (100, 70, 40), strict=True)}
    forget = {"repetition_penalty": 10, "repeat_last_n": 3}
    return ask(client, tools=[LISTEN, LOOK], tool_choice=CALL_LOOK, parallel_tool_calls=False,
               logit_bias=bias, extra_body=forget, **options)


def check_named_call(client):
    """The second of two tools, called because the client wants it."""
    answer = called(client).choices[0]
    assert answer.finish_reason == "tool_calls" and answer.message.content is None, answer
    (call,) = answer.message.tool_calls
    assert call.type == "function" and call.id.startswith("call_"), call
    assert call.function.name == "look_up_tide" and json.loads(call.function.arguments) == {}, call


def check_streamed_call(client):
    """The name comes whole, in the first delta; the arguments in pieces, which are JSON once joined."""
    first, pieces, finish = None, [], []
    for chunk in called(client, stream=True):
        (choice,) = chunk.choices
        assert not finish and not choice.delta.content, chunk
        finish += [choice.finish_reason] if choice.finish_reason else []
        for call in choice.delta.tool_calls or []:
            assert call.index == 0, call
            if first is None:
                first = call
            else:
                assert call.id is None and call.function.name is None, call
            pieces.append(call.function.arguments)
    assert first.id.startswith("call_") and first.function.name == "look_up_tide", first
    assert len([piece for piece in pieces if piece]) > 1, pieces
    assert json.loads("".join(pieces)) == {}, pieces
    assert finish == ["tool_calls"], finish


def check_result(client):
    """A tool's result is sent back and answered; up to the call's end nothing is computed again."""
    first = called(client)
    wait_for_rest(client)
    message = first.choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": '{"metres": 6.4}'}
    answer = ask(client, (QUESTION, message, result), tools=[LISTEN, LOOK])
    choice = answer.choices[0]
    assert choice.finish_reason in ("stop", "length") and choice.message.content, answer
    assert not choice.message.tool_calls, answer
    cached = answer.usage.prompt_tokens_details.cached_tokens
    assert cached >= first.usage.prompt_tokens, (first.usage, answer.usage)
    # the same messages without their classes, as programs that keep them in files send them
    assert ask(client, (QUESTION, message.model_dump(), result), tools=[LISTEN, LOOK]).choices


def check_schema(client):
    """What a schema asks for comes, though the end of the answer is what the model would like best."""
    schema = {
        "type": "object",
        "properties": {
            "harbour": {"enum": ["Brest", "Saint-Malo"]},
            "metres": {"type": "integer", "minimum": 0, "maximum": 14},
            "rising": {"type": "boolean"},
            "hours": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 23},
                      "minItems": 2, "maxItems": 2},
        },
        "required": ["harbour", "metres", "rising", "hours"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "tide", "strict": True, "schema": schema}}
    (end,) = tokens_of(client, END_OF_ANSWER)
    for bias in {}, {str(end): 100}:
        choice = ask(client, response_format=form, logit_bias=bias).choices[0]
        assert choice.finish_reason == "stop", choice
        tide = json.loads(choice.message.content)
        assert list(tide) == schema["required"], tide
        assert tide["harbour"] in ("Brest", "Saint-Malo") and 0 <= tide["metres"] <= 14, tide
        assert tide["rising"] in (True, False) and len(tide["hours"]) == 2, tide
        assert all(0 <= hour <= 23 for hour in tide["hours"]), tide


def check_object(client):
    """Any object: its beginning is forced, and the bias only ends it soon."""
    (brace,), (end,) = tokens_of(client, "}"), tokens_of(client, END_OF_ANSWER)
    form = {"type": "json_object"}
    for model in "minnow-demo", "minnow-demo:quick":
        choice = ask(client, model=model, response_format=form,
                     logit_bias={str(brace): 60, str(end): 100}).choices[0]
        assert choice.finish_reason == "stop", choice
        assert isinstance(json.loads(choice.message.content), dict), choice


run_checks(globals())
