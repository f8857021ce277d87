// SPDX-License-Identifier: Apache-2.0
// sidebar.js - the list of conversations: new, choose, rename, delete; and files of them.

import { button, element, find, icon, toast } from "./element.js";
import { deleteChat, exported, imported, newestFirst, saveChat } from "./store.js";

const PENCIL = "M4 20l4-1L19 8l-3-3L5 16z";
const BIN = "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13";

let act; // {onChoose, onDelete, isRunning, shown}

export const nameOf = (chat) => chat.title || "New conversation";

export function showList() {
    const list = newestFirst();
    find("chats").replaceChildren(...list.map(row));
    find("no-chats").hidden = list.length > 0;
}

function row(chat) {
    const isShown = chat.id === act.shown().id;
    const choose = button(nameOf(chat), () => act.onChoose(chat),
        { class: "choose", "aria-current": isShown ? "true" : null, title: nameOf(chat) });
    const rename = button(icon(PENCIL), () => edit(chat, line),
        { class: "icon", "aria-label": `Rename ${nameOf(chat)}`, title: "Rename" });
    const remove = button(icon(BIN), () => drop(chat),
        { class: "icon", "aria-label": `Delete ${nameOf(chat)}`, title: "Delete" });
    const line = element("li", { class: act.isRunning(chat) ? "running" : null }, choose, rename, remove);
    return line;
}

function edit(chat, line) {
    const field = element("input", { "aria-label": "Name of the conversation", maxlength: 200 });
    let isDone = false;
    const leave = (isKept) => {
        if (isDone)
            return;
        isDone = true;
        if (isKept && field.value.trim()) {
            chat.title = field.value.trim();
            saveChat(chat);
        }
        showList();
        act.onRenamed(chat);
    };
    field.value = nameOf(chat);
    field.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== "Escape")
            return;
        event.stopPropagation();
        leave(event.key === "Enter");
        find("chats").querySelector("[aria-current]")?.focus();
    });
    field.addEventListener("blur", () => leave(true));
    line.replaceChildren(field);
    field.select();
}

function drop(chat) {
    act.onDelete(chat);
    deleteChat(chat);
    showList();
    toast(`“${nameOf(chat)}” was deleted.`, "Undo", () => {
        saveChat({ ...chat, busyUntil: 0 });
        showList();
    });
}

// ---- files

function save() {
    const file = new Blob([exported()], { type: "application/json" });
    const link = element("a", { href: URL.createObjectURL(file), download: "fathom-conversations.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function load(event) {
    const [file] = event.target.files;
    event.target.value = "";
    const n = file ? imported(await file.text()) : 0;
    toast(n === null ? "That file holds no conversations." : `${n} conversation${n === 1 ? "" : "s"} came in.`);
    showList();
}

// ---- the sidebar itself: on narrow screens it covers the page, and closes when something was chosen

export function closeSidebar() {
    document.body.classList.remove("menu");
    find("menu").setAttribute("aria-expanded", "false");
}

function toggle() {
    const isOpen = document.body.classList.toggle("menu");
    find("menu").setAttribute("aria-expanded", isOpen);
    if (isOpen)
        find("new-chat").focus();
}

export function openSidebar(actions) {
    act = actions;
    find("menu").addEventListener("click", toggle);
    find("shade").addEventListener("click", closeSidebar);
    find("new-chat").addEventListener("click", actions.onNew);
    find("export").addEventListener("click", save);
    find("import").addEventListener("click", () => find("import-file").click());
    find("import-file").addEventListener("change", load);
    showList();
}
