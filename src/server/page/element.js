// SPDX-License-Identifier: Apache-2.0
// element.js - elements made of plain values. Text from people and models only ever becomes text nodes; nothing
// here or elsewhere makes elements of a string, and the page's policy would not let it.

export const find = (id) => document.getElementById(id);

/** Attributes: `onclick` and its like are listeners, true is an empty attribute, false and null are none. */
export function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (key.startsWith("on"))
            made.addEventListener(key.slice(2), value);
        else if (value !== false && value != null)
            made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children);
    return made;
}

export function button(label, onclick, attributes = {}) {
    return element("button", { type: "button", onclick, ...attributes }, label);
}

/** A picture of strokes on a grid of 24, where a word would not fit; the button around it has the label. */
export function icon(path) {
    const space = "http://www.w3.org/2000/svg";
    const picture = document.createElementNS(space, "svg");
    const line = document.createElementNS(space, "path");
    picture.setAttribute("viewBox", "0 0 24 24");
    picture.setAttribute("aria-hidden", "true");
    line.setAttribute("d", path);
    picture.append(line);
    return picture;
}

/** For screen readers: whole paragraphs, one after the other, never a text that still grows. */
export function announce(text) {
    const log = find("announcer");
    log.append(element("p", {}, text));
    while (log.children.length > 8)
        log.firstChild.remove();
}

/** A line at the bottom for a few seconds, perhaps with one thing that can be done about it. */
export function toast(text, label, act) {
    const box = find("toast");
    const line = element("p", {}, text);
    if (label)
        line.append(button(label, () => { line.remove(); act(); }));
    box.replaceChildren(line);
    setTimeout(() => line.remove(), 7000);
}

/** Only secure pages have a clipboard. One that came over plain HTTP has an old command, which still works. */
export async function copy(text, from) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        const area = element("textarea", { class: "unseen", readonly: true });
        area.value = text;
        from.after(area);
        area.select();
        document.execCommand("copy");
        area.remove();
        from.focus();
    }
    const label = from.textContent;
    from.textContent = "Copied";
    setTimeout(() => { from.textContent = label; }, 1500);
}

export const copyButton = (text) =>
    button("Copy", (event) => copy(text(), event.currentTarget));
