// SPDX-License-Identifier: Apache-2.0
// run.js - one answer while it is made. It writes into its own turn of its own conversation and knows nothing of
// what is shown, so that many run beside each other and none is mixed with another.

import { answerNow, Refused, streamChat } from "./server.js";
import { requestFields, systemMessage } from "./settings.js";
import { markBusy, pathOf, saveChat } from "./store.js";
import { counters, limitOf } from "./meter.js";

const SAVE_MS = 1000;
const RATE_MS = 3000; // the speed that is shown is of the last few seconds

/** The turns up to `last` as a request has them. Reasoning stays here: the model's template would drop it. */
function messagesOf(chat, last) {
    const path = pathOf({ turns: chat.turns, tip: last }).map((at) => chat.turns[at]);
    const said = path.filter((turn) => turn.text !== "").map((turn) => ({ role: turn.role, content: turn.text }));
    return systemMessage() ? [{ role: "system", content: systemMessage() }, ...said] : said;
}

export class Run {
    /** The answer is `chat.turns[index]`; with a text already, it is gone on with. */
    constructor(chat, index, onChange) {
        this.chat = chat;
        this.index = index;
        this.turn = chat.turns[index];
        this.onChange = onChange;
        this.begun = performance.now();
        this.waiting = "";
        this.nTokens = 0;
        this.nBefore = this.turn.text.length;
        this.times = []; // of the last pieces
        this.isAbandoned = false; // its conversation was deleted
        this.controller = new AbortController();
    }

    get isThinking() {
        return this.thinkingSince !== undefined && this.turn.text.length === this.nBefore;
    }

    /** Tokens a second. A piece is a token, but for the few that are only part of a character. */
    rate() {
        const now = performance.now();
        this.times = this.times.filter((time) => now - time < RATE_MS);
        return this.times.length > 1 ? ((this.times.length - 1) * 1000) / (now - this.times[0]) : 0;
    }

    stop() {
        this.controller.abort();
    }

    abandon() {
        this.isAbandoned = true;
        this.stop();
    }

    /** It may have begun to answer a moment ago; then there is nothing to be done. */
    async answerNow() {
        await answerNow(this.id).catch(() => {});
    }

    async go() {
        const isContinued = this.turn.text !== "";
        const messages = messagesOf(this.chat, isContinued ? this.index : this.turn.parent);
        const body = { messages, ...requestFields(), stream: true, stream_options: { include_usage: true } };
        if (isContinued)
            body.continue_final_message = true;
        try {
            for await (const event of streamChat(body, this.controller.signal))
                this.take(event);
        } catch (error) {
            this.fail(error);
        }
        await this.tell();
        this.chat.busyUntil = 0;
        this.chat.changed = Date.now();
        this.save();
    }

    take(event) {
        const { turn } = this, now = performance.now();
        this.id = event.id ?? this.id;
        this.waiting = event.waiting ?? this.waiting;
        if (event.reasoning || event.content) {
            this.before ??= counters();
            this.nTokens++;
            this.times.push(now);
        }
        if (event.reasoning) {
            this.thinkingSince ??= now;
            turn.reasoning = (turn.reasoning ?? "") + event.reasoning;
        }
        if (this.isThinking)
            turn.thought = (now - this.thinkingSince) / 1000;
        turn.text += event.content ?? "";
        turn.ended = event.finish ?? turn.ended;
        this.count(event);
        if (now - (this.savedAt ?? 0) > SAVE_MS)
            this.save();
        this.onChange(this);
    }

    count({ timings, usage }) {
        const stats = (this.turn.stats ??= {});
        if (timings) {
            stats.answerRate = timings.predicted_per_second;
            stats.promptRate = timings.prompt_per_second;
            stats.cached = timings.cache_n;
        }
        if (usage) {
            stats.prompt = usage.prompt_tokens;
            stats.completion = usage.completion_tokens;
        }
    }

    fail(error) {
        if (error.name === "AbortError") {
            this.turn.ended = "stopped";
            return;
        }
        this.turn.ended = "error";
        this.turn.error = error.message;
        this.turn.isRefused = error instanceof Refused;
    }

    /** What limited it. */
    async tell() {
        const [before, after] = await Promise.all([this.before, counters()]);
        if (before && after)
            this.turn.limit = limitOf(before, after, this.nTokens - 1) || undefined;
    }

    save() {
        if (this.isAbandoned)
            return;
        if (this.turn.ended === undefined)
            markBusy(this.chat);
        this.savedAt = performance.now();
        this.isKept = saveChat(this.chat);
    }
}
