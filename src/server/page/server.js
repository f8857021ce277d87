// SPDX-License-Identifier: Apache-2.0
// server.js - the server as the page sees it: questions with the key, and a streamed answer as events. Addresses
// are relative to the page's, so that it may lie below any path of a proxy.

import { key } from "./settings.js";

/** What the server said no to, in its own words. */
export class Refused extends Error {
    constructor(message, status) {
        super(message);
        this.status = status;
    }
}

/** Nobody answers, or no longer. */
export class Broken extends Error {}

async function send(path, options = {}) {
    const headers = { ...options.headers };
    if (key())
        headers.Authorization = `Bearer ${key()}`;
    let answer;
    try {
        answer = await fetch(path, { ...options, headers, cache: "no-store" });
    } catch (error) {
        throw error.name === "AbortError" ? error : new Broken("the server cannot be reached");
    }
    if (answer.ok)
        return answer;
    const said = await answer.json().catch(() => null);
    throw new Refused(said?.error?.message ?? `the server answered ${answer.status}`, answer.status);
}

const post = (path, body, signal) =>
    send(path, { method: "POST", body: JSON.stringify(body), signal, headers: { "Content-Type": "application/json" } });

export const health = async () => (await send("health")).json();
export const props = async () => (await send("props")).json();
export const answerNow = (id) => post(`v1/requests/${encodeURIComponent(id)}/answer`, {});

/** Prometheus' lines as numbers by name; `reads` are bytes by the part of the model. */
export async function metrics() {
    const found = { reads: {} };
    for (const line of (await (await send("metrics")).text()).split("\n")) {
        const [, name, part, value] = line.match(/^fathom_(\w+)(?:\{part="([^"]*)"\})? (\S+)$/) ?? [];
        if (part !== undefined)
            found.reads[part] = Number(value);
        else if (name)
            found[name] = Number(value);
    }
    return found;
}

async function* linesOf(body, signal) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    try {
        for (;;) {
            const { value, done } = await reader.read();
            if (done)
                return;
            const lines = (rest + value).split("\n");
            rest = lines.pop();
            yield* lines;
        }
    } catch (error) {
        throw signal.aborted ? error : new Broken("the connection broke");
    } finally {
        reader.cancel().catch(() => {});
    }
}

/** An answer as it comes: {waiting}, {id, reasoning, content, finish, timings, usage}, each perhaps undefined. */
export async function* streamChat(body, signal) {
    const answer = await post("v1/chat/completions", body, signal);
    for await (const line of linesOf(answer.body, signal)) {
        if (line.startsWith(":"))
            yield { waiting: line.slice(1).trim() };
        if (!line.startsWith("data: "))
            continue;
        if (line === "data: [DONE]")
            return;
        const chunk = JSON.parse(line.slice("data: ".length));
        if (chunk.error)
            throw new Refused(chunk.error.message);
        const choice = chunk.choices[0];
        yield {
            id: chunk.id,
            reasoning: choice?.delta.reasoning_content,
            content: choice?.delta.content,
            finish: choice?.finish_reason,
            timings: chunk.timings,
            usage: chunk.usage,
        };
    }
    throw new Broken("the connection broke");
}
