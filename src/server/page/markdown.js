// SPDX-License-Identifier: Apache-2.0
// markdown.js - a model's text as elements: headings, lists, tables, quotes, code, emphasis, links. Formulas
// stay text. A text is cut into blocks first, so that while it grows only its last block is made anew.

import { copyButton, element } from "./element.js";

const FENCE = /^ *(`{3,}|~{3,}) *([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6}) +(.*?)(?: +#+)? *$/;
const RULE = /^ {0,3}([-*_])(?: *\1){2,} *$/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)]) +(.*)$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const TABLE_RULE = /^ *\|?(?: *:?-+:? *\|)+(?: *:?-+:? *)?$/;
const FORMULA = /^ *(\\\[|\$\$)/;

// ---- blocks

const endsParagraph = (line) =>
    !line.trim() || FENCE.test(line) || HEADING.test(line) || RULE.test(line) || ITEM.test(line) || QUOTE.test(line);

/** Where the block of `lines[at]` ends: the first index behind it. */
const ENDS = {
    code(lines, at) {
        const mark = lines[at].match(FENCE)[1];
        let end = at + 1;
        while (end < lines.length && !(lines[end].trim().startsWith(mark) && !lines[end].trim().slice(mark.length)))
            end++;
        return Math.min(end + 1, lines.length);
    },
    formula(lines, at) {
        const close = lines[at].match(FORMULA)[1] === "$$" ? "$$" : "\\]";
        let end = at;
        while (end < lines.length && !lines[end].includes(close, end === at ? lines[at].search(/\S/) + 2 : 0))
            end++;
        return Math.min(end + 1, lines.length);
    },
    list(lines, at) {
        const [, indent, mark] = lines[at].match(ITEM);
        let end = at + 1;
        for (; end < lines.length; end++) {
            const item = lines[end].match(ITEM);
            const isDeeper = lines[end].startsWith(indent + "  ");
            if (item && !isDeeper && (/\d/.test(item[2]) !== /\d/.test(mark) || RULE.test(lines[end])))
                break; // a list of the other kind
            if (item || isDeeper || !lines[end].trim())
                continue;
            if (!lines[end - 1].trim() || endsParagraph(lines[end]))
                break;
        }
        return end;
    },
    quote: (lines, at) => endOf(lines, at, (line) => !QUOTE.test(line)),
    table: (lines, at) => endOf(lines, at, (line) => !line.includes("|")),
    paragraph: (lines, at) => endOf(lines, at, endsParagraph),
    heading: (lines, at) => at + 1,
    rule: (lines, at) => at + 1,
};

function endOf(lines, at, isOutside) {
    let end = at + 1;
    while (end < lines.length && !isOutside(lines[end]))
        end++;
    return end;
}

function kindOf(lines, at) {
    const line = lines[at];
    if (FENCE.test(line)) return "code";
    if (HEADING.test(line)) return "heading";
    if (RULE.test(line)) return "rule";
    if (ITEM.test(line)) return "list";
    if (QUOTE.test(line)) return "quote";
    if (FORMULA.test(line)) return "formula";
    return line.includes("|") && TABLE_RULE.test(lines[at + 1] ?? "") ? "table" : "paragraph";
}

function blocksOf(lines) {
    const blocks = [];
    for (let at = 0; at < lines.length;) {
        if (!lines[at].trim()) {
            at++;
            continue;
        }
        const kind = kindOf(lines, at);
        const end = ENDS[kind](lines, at);
        blocks.push({ kind, lines: lines.slice(at, end) });
        at = end;
    }
    return blocks;
}

// ---- blocks as elements

function list(lines) {
    const [, indent, mark] = lines[0].match(ITEM);
    const isOrdered = /\d/.test(mark);
    const items = [];
    let margin = 0; // where the item's own text begins
    for (const line of lines) {
        const item = line.match(ITEM);
        if (item && item[1].length < indent.length + 2) {
            margin = line.length - item[3].length;
            items.push([item[3]]);
        } else {
            const spaces = line.search(/\S|$/);
            items.at(-1).push(line.slice(Math.min(spaces, margin)));
        }
    }
    const made = items.map((item) => {
        const blocks = blocksOf(item);
        // Items of one paragraph are set tight.
        const isTight = blocks.length > 0 && blocks[0].kind === "paragraph";
        const rest = (isTight ? blocks.slice(1) : blocks).map(elementOf);
        return element("li", {}, ...(isTight ? inline(blocks[0].lines.join("\n")) : []), ...rest);
    });
    return element(isOrdered ? "ol" : "ul", { start: isOrdered ? parseInt(mark, 10) : null }, ...made);
}

function table(lines) {
    const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim());
    const sides = cells(lines[1]).map((cell) => (cell.endsWith(":") ? (cell[0] === ":" ? "center" : "right") : null));
    const row = (line, name) =>
        element("tr", {}, ...cells(line).map((cell, i) => element(name, { align: sides[i] }, ...inline(cell))));
    return element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Table" },
        element("table", {},
            element("thead", {}, row(lines[0], "th")),
            element("tbody", {}, ...lines.slice(2).map((line) => row(line, "td")))));
}

function code(lines) {
    const [, mark, language] = lines[0].match(FENCE);
    const isClosed = lines.length > 1 && lines.at(-1).trim() === mark;
    const text = lines.slice(1, isClosed ? -1 : undefined).join("\n");
    return element("figure", { class: "code" },
        element("figcaption", {}, element("span", {}, language.trim() || "text"), copyButton(() => text)),
        element("pre", { tabindex: 0 }, element("code", {}, text)));
}

const MAKERS = {
    code,
    list,
    table,
    rule: () => element("hr"),
    // The page's own headings are above; a model's begin below them.
    heading([line]) {
        const [, marks, text] = line.match(HEADING);
        return element(`h${Math.min(marks.length + 2, 6)}`, { class: `level${marks.length}` }, ...inline(text));
    },
    quote: (lines) =>
        element("blockquote", {}, ...blocksOf(lines.map((line) => line.match(QUOTE)[1])).map(elementOf)),
    formula: (lines) => element("p", { class: "formula" }, lines.join("\n")),
    paragraph: (lines) => element("p", {}, ...inline(lines.join("\n"))),
};

const elementOf = (block) => MAKERS[block.kind](block.lines);

// ---- inside of a block

const wrap = (name) => (match) => element(name, {}, ...inline(match.at(-1)));
const link = (address, ...children) =>
    element("a", { href: address, title: address, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);

/** Tried in this order where a character may begin one. Lengths are bounded, so that no text takes long. */
const SPANS = [
    [/(`+)(?!`)([^]{0,2000}?[^`])\1(?!`)/y, (match) => element("code", {}, match[2])],
    [/\\\([^]{1,2000}?\\\)|\\\[[^]{1,2000}?\\\]|\$\$[^]{1,2000}?\$\$|\$(?![\s$])[^$\n]{0,500}?[^\s$]\$(?!\d)/y,
        (match) => match[0]], // formulas
    [/\\([!-/:-@[-`{-~])/y, (match) => match[1]],
    [/\*\*(?=[^\s*])([^]{0,1000}?[^\s])\*\*(?!\*)/y, wrap("strong")],
    [/\*(?=[^\s*])((?:[^*]|\*\*[^*]{1,500}\*\*){1,1000}?)(?<!\s)\*(?!\*)/y, wrap("em")],
    [/(?<!\w)__(?=[^\s_])([^]{0,1000}?[^\s])__(?!\w)/y, wrap("strong")],
    [/(?<!\w)_(?=[^\s_])([^_]{0,1000}?[^\s_])_(?!\w)/y, wrap("em")],
    [/~~(?=[^\s~])([^~]{0,1000}?[^\s~])~~/y, wrap("s")],
    [/\[([^[\]\n]{1,500})\]\((https?:\/\/[^\s()<>]{1,2000})\)/y, (match) => link(match[2], ...inline(match[1]))],
    [/(?<!\w)https?:\/\/[^\s<>"'`)\]]{1,2000}(?<![.,;:!?])/y, (match) => link(match[0], match[0])],
];
const BEGINS = /[`\\$*_~[h]/g;

/** Nodes and strings. */
function inline(text) {
    const parts = [];
    let plain = "";
    for (let at = 0; at < text.length;) {
        BEGINS.lastIndex = at;
        const next = BEGINS.exec(text)?.index ?? text.length;
        plain += text.slice(at, next);
        at = next;
        if (at === text.length)
            break;
        const [match, make] = spanAt(text, at);
        const part = match ? make(match) : text[at];
        at += match ? match[0].length : 1;
        if (typeof part === "string") {
            plain += part;
        } else {
            parts.push(plain, part);
            plain = "";
        }
    }
    return [...parts, plain].filter((part) => part !== "");
}

function spanAt(text, at) {
    for (const [pattern, make] of SPANS) {
        pattern.lastIndex = at;
        const match = pattern.exec(text);
        if (match)
            return [match, make];
    }
    return [null, null];
}

// ---- a text that grows

/** Shows `text` in `node`, and keeps the elements of blocks that are as they were. Returns how many there are. */
export function showMarkdown(node, text) {
    const blocks = blocksOf(text.split("\n"));
    const sources = blocks.map((block) => block.lines.join("\n"));
    const shown = node.sources ?? [];
    let same = 0;
    while (same < sources.length && same < shown.length && sources[same] === shown[same])
        same++;
    while (node.children.length > same)
        node.lastChild.remove();
    node.append(...blocks.slice(same).map(elementOf));
    node.sources = sources;
    return blocks.length;
}
