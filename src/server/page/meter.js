// SPDX-License-Identifier: Apache-2.0
// meter.js - the figures below the message, and what the server is doing: reading weights, ready, or gone.

import { find } from "./element.js";
import { health, metrics, props } from "./server.js";

const LOOK_MS = 700; // while something happens
const REST_MS = 5000; // while nothing does
const LARGE_BYTES = 2.5e8; // read a token: more than the caches of any processor that this runs on keep

let contextTokens = 0;
let exceedsMemory = false;

// ---- figures

const figure = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, useGrouping: true });
const count = new Intl.NumberFormat("en");

function amount(bytes) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    const step = bytes > 0 ? Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1) : 0;
    return `${figure.format(bytes / 1000 ** step)} ${units[step]}`;
}

const rate = (tokens) => (Number.isFinite(tokens) && tokens > 0 ? `${figure.format(tokens)} tokens/s` : "–");

function put(id, text) {
    if (find(id).textContent !== text)
        find(id).textContent = text;
}

/** Of an answer that was given, or is being given: `run` is then what makes it. */
export function showFigures(stats, run) {
    const used = (stats?.prompt ?? 0) + (run ? run.nTokens : (stats?.completion ?? 0));
    put("figure-answer", run ? rate(run.rate()) : rate(stats?.answerRate));
    put("figure-prompt", run ? "…" : rate(stats?.promptRate));
    put("figure-cached", run || !stats ? "–" : `${count.format(stats.cached)} of ${count.format(stats.prompt)} tokens`);
    put("figure-context", contextTokens ? `${run && !stats ? "…" : count.format(used)} of ${count.format(contextTokens)}` : "–");
}

const bytesHeld = (now) => now.weight_bytes + now.cache_bytes + now.buffer_bytes;

// ---- what limits the speed

/** Between two readings of the server's counters, while an answer of `nTokens` was given. */
export function limitOf(before, after, nTokens) {
    const reads = Object.entries(after.reads).map(([part, bytes]) => [part, bytes - before.reads[part]]);
    const bytes = reads.reduce((sum, [, n]) => sum + n, 0);
    const seconds = after.generated_seconds_total + after.prompt_seconds_total -
        before.generated_seconds_total - before.prompt_seconds_total;
    if (!(bytes > 0 && seconds > 0 && nTokens > 0))
        return "";
    const [largest] = reads.reduce((most, part) => (part[1] > most[1] ? part : most));
    const each = `a token of the answer reads ${amount(bytes / nTokens)}, most of it ${largest}, at ` +
        `${amount(bytes / seconds)}/s`;
    if (exceedsMemory)
        return `The drive is the limit: not all weights fit in memory; ${each}.`;
    if (bytes / nTokens >= LARGE_BYTES)
        return `Memory is the limit: ${each}.`;
    return `A model this small waits for the cores rather than for memory: ${each}.`;
}

export const showLimit = (text) => put("limit", text || "What limits the speed is told after an answer.");

// ---- the server's state

function showState(state) {
    find("banner").hidden = !state.text;
    if (state.text)
        put("banner-text", state.text);
    find("banner-progress").hidden = state.percent === undefined;
    if (state.percent !== undefined)
        find("banner-progress").value = state.percent;
}

async function look() {
    const now = await health();
    if (now.status === "loading")
        return { status: "loading", percent: now.percent, text: `The weights are being read, ${now.percent} %. ` +
            "What you send meanwhile is answered as soon as they are there." };
    if (now.status === "stopping")
        return { status: "stopping", text: "The server is stopping." };
    const counters = await metrics();
    put("figure-memory", amount(bytesHeld(counters)));
    return { status: "ok", text: "" };
}

/** Looks as long as the page is open. Calls back when the server is ready (with /props) or wants a key. */
export function watchServer(isRunning, onReady, onKey) {
    let wasReady = false, timer = 0;
    async function turn() {
        let state;
        try {
            state = await look();
            if (state.status === "ok" && !wasReady) {
                const known = await props();
                contextTokens = known.default_generation_settings.n_ctx;
                exceedsMemory = known.exceeds_memory;
                onReady(known);
            }
        } catch (error) {
            state = { status: error.status === 401 ? "key" : "gone" };
            state.text = state.status === "gone" ? `Not connected: ${error.message}. Trying again.` : error.message;
            if (state.status === "key")
                onKey();
        }
        wasReady = state.status === "ok";
        showState(state);
        timer = setTimeout(turn, isRunning() || !wasReady ? LOOK_MS : REST_MS);
    }
    turn();
    return () => { // look now: something has changed
        clearTimeout(timer);
        turn();
    };
}

export const counters = () => metrics().catch(() => null);
