// SPDX-License-Identifier: Apache-2.0
// chat.js - the page: which conversation is shown, what is written in it, and what runs.

import { announce, find, toast } from "./element.js";
import { counters, showFigures, showLimit, watchServer } from "./meter.js";
import { Run } from "./run.js";
import { openSettings, openTheme, showDefaults, showSettings } from "./settings.js";
import { closeSidebar, nameOf, openSidebar, showList } from "./sidebar.js";
import { addTurn, chats, isBusy, newChat, newestFirst, openStore, pathOf, saveChat, showBranch,
    siblingsOf } from "./store.js";
import { modelView, userView } from "./turn.js";

const runs = new Map(); // by the id of their conversation, at most one each
const views = new Map(); // of the turns that are shown, by index
let shown = newChat();
let lookAtServer = () => {};

const prompt = find("prompt");
const runOf = (chat) => runs.get(chat.id);
const isBusyElsewhere = () => !runOf(shown) && isBusy(shown);

// ---- the conversation that is shown

function viewOf(index) {
    const turn = shown.turns[index], versions = siblingsOf(shown, index), chat = shown;
    const actions = {
        versions,
        at: versions.indexOf(index),
        isLive: runOf(chat)?.index === index,
        onVersion(other) {
            if (!isFree())
                return;
            showBranch(chat, other);
            saveChat(chat);
            showChat();
        },
        onEdit: (text) => ask(turn.parent, text),
        onRetry: () => retry(index),
        onGoOn: () => goOn(index),
    };
    return turn.role === "user" ? userView(turn, actions) : modelView(turn, actions);
}

function showChat() {
    const path = pathOf(shown);
    sessionStorage.setItem("fathom.shown", shown.id); // for when this tab is loaded again
    views.clear();
    for (const index of path)
        views.set(index, viewOf(index));
    find("turns").replaceChildren(...[...views.values()].map((view) => view.node));
    find("empty").hidden = path.length > 0;
    find("title").textContent = nameOf(shown);
    document.title = shown.title ? `${shown.title} – Fathom` : "Fathom";
    update();
    scrollToEnd(true);
}

/** All of what may have changed while a turn grows. */
function update() {
    const run = runOf(shown), isWaiting = isBusyElsewhere();
    for (const [index, view] of views)
        view.update(run?.index === index ? run : null, isWaiting);
    find("send").hidden = Boolean(run);
    find("stop").hidden = !run;
    find("send").disabled = isWaiting || !prompt.value.trim();
    const last = shown.turns[pathOf(shown).findLast((at) => shown.turns[at].role === "assistant")];
    showFigures(last?.stats?.prompt === undefined ? null : last.stats, run);
    showLimit(last?.limit);
}

const view = find("view");
const isNearEnd = () => view.scrollHeight - view.scrollTop - view.clientHeight < 80;

function scrollToEnd(isForced) {
    if (isForced)
        view.scrollTop = view.scrollHeight;
    find("to-end").hidden = isNearEnd();
}

/** At most once a frame, however many tokens come; what runs in other conversations draws nothing. */
let isDue = false;
function updateSoon(run) {
    if (run.chat.id !== shown.id || isDue)
        return;
    isDue = true;
    requestAnimationFrame(() => {
        const follows = isNearEnd();
        isDue = false;
        update();
        scrollToEnd(follows);
    });
}

function choose(chat) {
    shown = chat;
    showChat();
    showList();
    closeSidebar();
    prompt.focus();
}

// ---- asking

/** A conversation is written by one tab at a time. */
function isFree() {
    if (runOf(shown))
        return false;
    if (isBusyElsewhere())
        toast("Another tab is answering in this conversation.");
    return !isBusyElsewhere();
}

async function start(index) {
    const chat = shown, run = new Run(chat, index, updateSoon);
    delete run.turn.ended;
    delete run.turn.error;
    runs.set(chat.id, run);
    run.save();
    showChat();
    showList();
    announce("Sent.");
    lookAtServer();
    const isContinued = run.turn.text !== "";
    await run.go();
    runs.delete(chat.id);
    if (run.isKept === false)
        toast("This browser's storage is full: export conversations, and delete some.");
    if (chat.id === shown.id) {
        const follows = isNearEnd();
        update();
        scrollToEnd(follows);
    }
    if (!isContinued && run.turn.ended === "stop")
        announce("The answer is complete.");
    showList();
    lookAtServer();
}

const answerTo = (parent) => start(addTurn(shown, parent, { role: "assistant", text: "" }));

function ask(parent, text) {
    if (!isFree())
        return false;
    shown.title ||= text.replace(/\s+/g, " ").slice(0, 60);
    answerTo(addTurn(shown, parent, { role: "user", text }));
    return true;
}

function retry(index) {
    const turn = shown.turns[index];
    if (!isFree())
        return;
    if (turn.text || turn.reasoning)
        answerTo(turn.parent);
    else // there was nothing to keep
        start(index);
}

function goOn(index) {
    if (isFree())
        start(index);
}

// ---- the message

function fit() {
    prompt.style.height = "auto";
    prompt.style.height = `${prompt.scrollHeight}px`;
    find("send").disabled = isBusyElsewhere() || !prompt.value.trim();
}

function send(event) {
    event?.preventDefault();
    const text = prompt.value.trim();
    if (!text || !ask(shown.tip, text))
        return;
    prompt.value = "";
    fit();
}

function onKey(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing)
        send(event);
}

/** Esc stops what is shown; an open dialog, menu or editor has it first. */
function onEscape(event) {
    if (event.key !== "Escape" || find("settings-dialog").open)
        return;
    if (document.body.classList.contains("menu")) {
        closeSidebar();
        find("menu").focus();
    } else {
        runOf(shown)?.stop();
    }
}

// ---- opening

function onOtherTab(id) {
    const chat = chats.get(id);
    if (!chat)
        runs.get(id)?.abandon();
    showList();
    if (id !== shown.id || runs.has(id))
        return;
    shown = chat ?? newChat();
    showChat();
}

function forget(chat) {
    runOf(chat)?.abandon();
    if (chat.id === shown.id)
        choose(newChat());
}

function openComposer() {
    prompt.addEventListener("input", fit);
    prompt.addEventListener("keydown", onKey);
    find("composer").addEventListener("submit", send);
    find("stop").addEventListener("click", () => { runOf(shown)?.stop(); prompt.focus(); });
    find("to-end").addEventListener("click", () => scrollToEnd(true));
    view.addEventListener("scroll", () => scrollToEnd(false));
    document.addEventListener("keydown", onEscape);
    addEventListener("pagehide", () => runs.forEach((run) => run.save()));
    setInterval(() => { // seconds go by also where no token comes
        if (runOf(shown) || isBusy(shown))
            update();
    }, 250);
}

function openMeter() {
    const meter = find("meter"), kept = localStorage.getItem("fathom.meter");
    meter.open = kept ? kept === "open" : matchMedia("(min-width: 48rem)").matches;
    meter.addEventListener("toggle", () => localStorage.setItem("fathom.meter", meter.open ? "open" : "closed"));
}

function onReady(props) {
    find("model").textContent = props.model_alias;
    showDefaults(props.default_generation_settings.params);
    update();
}

let hasAskedForKey = false;
function onKeyWanted() {
    if (!hasAskedForKey)
        showSettings("key");
    hasAskedForKey = true;
}

openTheme();
openStore(onOtherTab);
shown = chats.get(sessionStorage.getItem("fathom.shown")) ?? shown;
openSidebar({
    shown: () => shown,
    isRunning: (chat) => runs.has(chat.id),
    onNew: () => choose(newChat()),
    onChoose: choose,
    onRenamed: (chat) => { if (chat.id === shown.id) find("title").textContent = nameOf(chat); },
    onDelete: forget,
});
openComposer();
openMeter();
find("open-settings").addEventListener("click", () => showSettings());
openSettings(() => lookAtServer());
lookAtServer = watchServer(() => runs.size > 0, onReady, onKeyWanted);
showChat();
prompt.focus();
