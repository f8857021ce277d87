// SPDX-License-Identifier: Apache-2.0
// store.js - conversations, which live in this browser alone: one entry of its storage each, so that tabs do not
// overwrite each other's.
//
// A conversation is a tree of turns. Another try at an answer, or another wording of a question, is a sibling of
// the first, and nothing is lost; `tip` is the last turn of the branch that is shown.
//   chat: {id, title, changed, turns, tip, busyUntil}
//   turn: {parent, role, text} and of the model's {reasoning, thought, ended, error, stats}

const PREFIX = "fathom.chat.";
const BUSY_MS = 15000; // longer than the server is ever silent

export const chats = new Map(); // by id
let changed = () => {};

// ---- reading and writing

const isText = (value) => typeof value === "string";
const isTurn = (turn, i) =>
    turn && (turn.role === "user" || turn.role === "assistant") && isText(turn.text) &&
    Number.isInteger(turn.parent) && turn.parent >= -1 && turn.parent < i &&
    (turn.reasoning === undefined || isText(turn.reasoning));
const isChat = (chat) =>
    chat && isText(chat.id) && isText(chat.title) && Array.isArray(chat.turns) && chat.turns.every(isTurn) &&
    Number.isInteger(chat.tip) && chat.tip >= -1 && chat.tip < chat.turns.length;

function parse(text) {
    try {
        const chat = JSON.parse(text);
        return isChat(chat) ? chat : null;
    } catch {
        return null;
    }
}

/** Calls back when another tab has changed something: the id of the conversation. */
export function openStore(onChange) {
    changed = onChange;
    for (const name of Object.keys(localStorage)) {
        const chat = name.startsWith(PREFIX) && parse(localStorage.getItem(name));
        if (chat)
            chats.set(chat.id, chat);
    }
    addEventListener("storage", (event) => {
        if (event.key === null || !event.key.startsWith(PREFIX))
            return;
        const id = event.key.slice(PREFIX.length), chat = parse(event.newValue);
        if (chat)
            chats.set(id, chat);
        else
            chats.delete(id);
        changed(id);
    });
}

/** False: the browser keeps no more. */
export function saveChat(chat) {
    chats.set(chat.id, chat);
    try {
        localStorage.setItem(PREFIX + chat.id, JSON.stringify(chat));
        return true;
    } catch {
        return false;
    }
}

export function deleteChat(chat) {
    chats.delete(chat.id);
    localStorage.removeItem(PREFIX + chat.id);
}

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => byte.toString(36)).join("");

/** It is kept once something is said in it. */
export const newChat = () => ({ id: newId(), title: "", changed: Date.now(), turns: [], tip: -1, busyUntil: 0 });

export const newestFirst = () => [...chats.values()].sort((a, b) => b.changed - a.changed);

// ---- tabs

export const markBusy = (chat) => { chat.busyUntil = Date.now() + BUSY_MS; };
export const isBusy = (chat) => chat.busyUntil > Date.now();

// ---- the tree

/** Indices of the turns that are shown, first to last. */
export function pathOf(chat) {
    const path = [];
    for (let at = chat.tip; at >= 0; at = chat.turns[at].parent)
        path.unshift(at);
    return path;
}

export function addTurn(chat, parent, turn) {
    chat.turns.push({ parent, ...turn });
    chat.tip = chat.turns.length - 1;
    chat.changed = Date.now();
    return chat.tip;
}

/** A turn and its other versions, oldest first. */
export const siblingsOf = (chat, index) =>
    chat.turns.flatMap((turn, i) => (turn.parent === chat.turns[index].parent ? [i] : []));

/** Shows the branch of that turn, to its newest end. */
export function showBranch(chat, index) {
    for (let next = index; next >= 0;) {
        chat.tip = next;
        next = chat.turns.findLastIndex((turn) => turn.parent === chat.tip);
    }
}

// ---- files

export const exported = () => JSON.stringify({ fathom: 1, chats: newestFirst() }, null, 1);

/** Returns how many conversations came in, or null: the text is none of ours. */
export function imported(text) {
    let file;
    try {
        file = JSON.parse(text);
    } catch {
        return null;
    }
    if (file?.fathom !== 1 || !Array.isArray(file.chats))
        return null;
    const found = file.chats.filter(isChat);
    for (const chat of found)
        saveChat({ ...chat, changed: Number(chat.changed) || 0, busyUntil: 0,
            id: chats.has(chat.id) ? newId() : chat.id });
    return found.length;
}
