// SPDX-License-Identifier: Apache-2.0
// turn.js - a turn as it is shown. Views are kept while their turn grows, and change only where it did.

import { announce, button, copyButton, element } from "./element.js";
import { showMarkdown } from "./markdown.js";

const thought = (n) => (n < 1 ? "Thought for a moment" : `Thought for ${Math.round(n)} s`);

/** ‹ 2 of 3 ›, where a turn has other versions. */
function versionButtons({ versions, at, onVersion }) {
    if (versions.length < 2)
        return [];
    const step = (label, text, to) =>
        button(text, () => onVersion(versions[to]), { "aria-label": label, disabled: to < 0 || to >= versions.length });
    return [element("span", { class: "versions" }, step("Earlier version", "‹", at - 1),
        `${at + 1} of ${versions.length}`, step("Later version", "›", at + 1))];
}

// ---- a person's

export function userView(turn, actions) {
    const text = element("div", { class: "text" }, turn.text);
    const row = element("div", { class: "actions" },
        button("Edit", edit), copyButton(() => turn.text), ...versionButtons(actions));
    const node = element("article", { class: "turn user", "aria-label": "You" }, text, row);

    function edit() {
        const area = element("textarea", { "aria-label": "Edit your message", rows: 3 });
        area.value = turn.text;
        const leave = () => { form.replaceWith(text, row); row.firstChild.focus(); };
        const send = () => { if (area.value.trim()) actions.onEdit(area.value.trim()); };
        const form = element("div", { class: "editor" }, area,
            element("div", { class: "actions" }, button("Send", send, { class: "primary" }), button("Cancel", leave)));
        area.addEventListener("keydown", (event) => {
            if (event.key === "Escape") {
                event.stopPropagation();
                leave();
            } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
                event.preventDefault();
                send();
            }
        });
        text.remove();
        row.replaceWith(form);
        area.focus();
    }
    return { node, update() {} };
}

// ---- the model's

const WAITING = [
    [/^loading (.*)%/, (match) => `The weights are being read, ${match[1]} %`],
    [/^working, ([1-9]\d*) waiting/, (match) => `Working; ${match[1]} more wait`],
    [/^/, () => "Reading the prompt"],
];

function waitingText(run) {
    const [pattern, say] = WAITING.find(([one]) => one.test(run.waiting));
    return `${say(run.waiting.match(pattern))}, ${Math.floor((performance.now() - run.begun) / 1000)} s`;
}

function endText(turn, isBusyElsewhere) {
    if (turn.ended === "error")
        return (turn.isRefused ? `The server says: ${turn.error}.` :
            `Interrupted: ${turn.error}.${turn.text || turn.reasoning ? " What came so far is kept." : ""}`)
            .replace("..", ".");
    if (turn.ended === "length")
        return "Cut here: the limit of tokens was reached, or the context is full.";
    if (turn.ended === "stopped")
        return "Stopped.";
    if (turn.ended === undefined)
        return isBusyElsewhere ? "Another tab is writing this." : "Cut off: the page was closed while this was written.";
    return "";
}

export function modelView(turn, actions) {
    const summary = element("summary");
    const thoughts = element("div", { class: "thoughts", tabindex: 0 });
    const reasoning = element("details", { class: "reasoning", hidden: true }, summary, thoughts);
    const answer = element("div", { class: "answer" });
    const note = element("p", { class: "note" });
    const row = element("div", { class: "actions" });
    const node = element("article", { class: "turn model", "aria-label": "Model" }, reasoning, answer, note, row);
    let nAnnounced = 0, wasThinking = false, buttons = "";

    function showReasoning(run) {
        const isThinking = run?.isThinking ?? false;
        const text = turn.reasoning?.trim() ?? "";
        reasoning.hidden = !text;
        if (!text)
            return;
        summary.textContent = isThinking ?
            `Thinking, ${Math.floor((performance.now() - run.thinkingSince) / 1000)} s` : thought(turn.thought ?? 0);
        if (thoughts.textContent !== text) {
            const isAtEnd = thoughts.scrollHeight - thoughts.scrollTop - thoughts.clientHeight < 40;
            thoughts.textContent = text;
            if (isAtEnd)
                thoughts.scrollTop = thoughts.scrollHeight;
        }
        if (isThinking !== wasThinking) { // opens when it begins, folds when the answer does
            reasoning.open = isThinking;
            wasThinking = isThinking;
        }
        reasoning.classList.toggle("live", isThinking);
    }

    /** Paragraphs that are complete; the one that grows waits. */
    function announceBlocks(run, nBlocks) {
        if (!actions.isLive)
            return;
        const blocks = [...answer.children].slice(nAnnounced, run ? nBlocks - 1 : nBlocks);
        for (const block of blocks)
            announce(block.textContent);
        nAnnounced += blocks.length;
    }

    function showButtons(run) {
        const isIncomplete = turn.text !== "" && turn.ended !== "stop";
        const wanted = run ? (run.isThinking && run.id ? "now" : "none") : isIncomplete ? "incomplete" : "all";
        if (wanted === buttons)
            return;
        buttons = wanted;
        row.replaceChildren(...{
            none: () => [],
            now: () => [button("Answer now", () => run.answerNow(), { title: "End the thinking and answer" })],
            incomplete: () => [button("Go on", actions.onGoOn, { title: "Continue this answer" }), ...ended()],
            all: ended,
        }[wanted]());
    }
    const ended = () =>
        [button("Retry", actions.onRetry), copyButton(() => turn.text), ...versionButtons(actions)];

    function showNote(run, isBusyElsewhere) {
        const text = run ? (turn.text || turn.reasoning ? "" : waitingText(run)) : endText(turn, isBusyElsewhere);
        note.hidden = !text;
        note.classList.toggle("error", !run && turn.ended === "error");
        note.classList.toggle("waiting", Boolean(run));
        if (note.textContent !== text)
            note.textContent = text;
        if (text && !run && actions.isLive && nAnnounced >= 0) {
            announce(text);
            nAnnounced = -1;
        }
    }

    return {
        node,
        /** `run`: what writes the turn, or nothing does. */
        update(run, isBusyElsewhere = false) {
            showReasoning(run);
            announceBlocks(run, showMarkdown(answer, turn.text));
            showNote(run, isBusyElsewhere);
            showButtons(run);
            node.setAttribute("aria-busy", Boolean(run));
        },
    };
}
