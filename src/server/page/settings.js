// SPDX-License-Identifier: Apache-2.0
// settings.js - what a person chose: the fields that every request of this browser carries, the key, the theme.

import { find } from "./element.js";

const SETTINGS = "fathom.settings";
const KEY = "fathom.key";
const THEME = "fathom.theme";
const THEMES = { auto: "as the system has it", light: "light", dark: "dark" };

// ---- the key: kept beyond this tab only where that was asked for

export const key = () => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";

function setKey(text, isKept) {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
    if (text)
        (isKept ? localStorage : sessionStorage).setItem(KEY, text);
}

// ---- fields

function read() {
    try {
        return JSON.parse(localStorage.getItem(SETTINGS)) ?? {};
    } catch {
        return {};
    }
}

const number = (text) => (text === "" || text === undefined ? undefined : Number(text));

/** Of the body of a request; what was left empty is the server's to choose. */
export function requestFields() {
    const chosen = read();
    return {
        temperature: number(chosen.temperature),
        top_p: number(chosen.top_p),
        max_tokens: number(chosen.max_tokens),
        thinking_budget: chosen.thinking === "off" ? undefined : number(chosen.thinking_budget),
        enable_thinking: { on: true, off: false }[chosen.thinking],
    };
}

export const systemMessage = () => read().system?.trim() ?? "";

/** Shows what the server does where a field is empty. */
export function showDefaults(params) {
    find("settings").elements.temperature.placeholder = params.temperature;
    find("settings").elements.top_p.placeholder = params.top_p;
}

// ---- the dialog

const FIELDS = ["system", "temperature", "top_p", "max_tokens", "thinking", "thinking_budget"];

export function showSettings(focused = "system") {
    const dialog = find("settings-dialog"), { elements } = find("settings"), chosen = read();
    for (const name of FIELDS)
        elements[name].value = chosen[name] ?? "";
    elements.key.value = key();
    elements.keep_key.checked = localStorage.getItem(KEY) !== null;
    dialog.returnValue = "";
    dialog.showModal();
    elements[focused].focus();
}

export function openSettings(onSaved) {
    const dialog = find("settings-dialog"), { elements } = find("settings");
    find("settings-cancel").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
        if (dialog.returnValue !== "save")
            return;
        const chosen = Object.fromEntries(FIELDS.map((name) => [name, elements[name].value]));
        localStorage.setItem(SETTINGS, JSON.stringify(chosen));
        setKey(elements.key.value.trim(), elements.keep_key.checked);
        onSaved();
    });
}

// ---- the theme

function showTheme() {
    const theme = localStorage.getItem(THEME) ?? "auto", label = `Theme: ${THEMES[theme]}`;
    document.documentElement.dataset.theme = theme;
    find("theme").setAttribute("aria-label", label);
    find("theme").title = label;
}

export function openTheme() {
    showTheme();
    find("theme").addEventListener("click", () => {
        const names = Object.keys(THEMES), at = names.indexOf(document.documentElement.dataset.theme);
        localStorage.setItem(THEME, names[(at + 1) % names.length]);
        showTheme();
    });
}
