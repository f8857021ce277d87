# SPDX-License-Identifier: Apache-2.0
"""A person at the page of `fathom serve`.

usage: page_client.py BROWSER PROFILE MINNOW TINY LOCKED [PICTURES]
The last three before it are addresses: Minnow's, a tiny random model's, and one that wants the key "key".
"""

import json
import os
import sys

from browser import Browser

HOSTILE = (
    "<img src=x onerror=alert(1)><script>window.broken = 1</script> &lt;b&gt; [a](javascript:alert(1))"
)
MARKDOWN = f"""# Head

Some **bold**, *soft*, `<b>code</b>` and a formula $a_1 * b_1 * c$ and \\(x_2 * y_2\\).

- one
  1. inner
- two {HOSTILE}

| a | b |
|---|--:|
| 1 | **2** |

> said

```html
{HOSTILE}
```

[good](https://example.org/a_b_c) and {HOSTILE}"""

# In place of the server's answers: `script` is a list of pieces, sent as they are; with "wait" the answer
# goes on by push(), and at "break" the connection ends.
MADE_UP = """
const real = window.fetch;
window.bodies = [];
window.fetch = (path, options) => {
    if (path.includes("v1/requests/"))
        window.asked = path;
    if (!path.includes("chat/completions") || !window.script)
        return real(path, options);
    bodies.push(JSON.parse(options.body));
    const pieces = window.script;
    return Promise.resolve(new Response(new ReadableStream({
        start(stream) {
            options.signal.addEventListener("abort", () => stream.error(new DOMException("", "AbortError")));
            for (const piece of pieces)
                if (piece === "break") setTimeout(() => stream.error(new TypeError("network error")), 50);
                else if (piece !== "wait") stream.enqueue(new TextEncoder().encode(piece));
            if (!pieces.includes("break") && !pieces.includes("wait")) stream.close();
            window.push = (piece) => stream.enqueue(new TextEncoder().encode(piece));
        },
    })));
};
"""

BUSY = "document.querySelector('.turn[aria-busy=true]') !== null"
IDLE = f"!({BUSY})"


def delta(**fields):
    return (
        "data: " + json.dumps({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": fields}]}) + "\n\n"
    )


DONE = (
    "data: "
    + json.dumps({"id": "1", "choices": [{"delta": {}, "finish_reason": "stop"}]})
    + "\n\ndata: [DONE]\n\n"
)


def say(page, text, waits=True):
    """As a person does, by the keyboard alone."""
    n = len(page.text(".turn.model"))
    page.value("document.querySelector('#prompt').focus()")
    page.type(text)
    page.press("Enter")
    page.wait(f"document.querySelectorAll('.turn.model').length > {n}")
    if waits:
        page.wait(IDLE)


def button(page, label, at=-1):
    found = (
        f"[...document.querySelectorAll('button')].filter(one => one.textContent === {json.dumps(label)})"
    )
    page.value(f"{found}.at({at}).click()")


def make_up(page, *pieces):
    page.value(f"window.script = {json.dumps(pieces)}; 0")


def is_whole(page):
    """Nothing was complained of, nothing was made of text, nothing sticks out."""
    assert not page.complaints, page.complaints
    assert page.value("window.broken") is None
    made = "#turns :is(script, img, iframe, form, [onerror], a[href^=javascript])"
    assert page.value(f"document.querySelectorAll({json.dumps(made)}).length") == 0
    assert page.value(
        "document.documentElement.scrollWidth <= innerWidth"
    ), "the page is wider than the screen"
    parts = "[...document.querySelectorAll('main, main > *, .turn')]"
    wide = f"{parts}.filter(one => one.scrollWidth > one.clientWidth + 1)"
    assert page.value(f"{wide}.map(one => one.className + one.id)") == []


def picture(page, name):
    if len(sys.argv) > 6:
        os.makedirs(sys.argv[6], exist_ok=True)
        page.picture(f"{sys.argv[6]}/{name}.png")


def check_chat(browser, minnow, tiny, locked):
    """Words come, reasoning is folded, figures are told; all is there again after a reload."""
    page = browser.open(minnow)
    page.wait("document.querySelector('#model').textContent === 'minnow-demo'")
    picture(page, "empty")
    say(page, "Count from one to ten in French.")
    assert "un, deux, trois" in page.text(".answer")[0], page.text(".answer")
    assert page.text(".thoughts")[0] and page.value("!document.querySelector('.reasoning').open")
    assert page.text(".reasoning summary")[0].startswith("Thought for")
    assert "tokens/s" in page.text("#figure-answer")[0] and "of 2,048" in page.text("#figure-context")[0]
    page.wait("document.querySelector('#limit').textContent.includes('a token of the answer reads')")
    say(page, "Now give pronunciation tips.")
    page.wait("!document.querySelector('#figure-cached').textContent.startsWith('0')")
    turns = page.text(".turn .text, .turn .answer")
    page.load()
    page.wait("document.querySelectorAll('.turn').length === 4")
    assert page.text(".turn .text, .turn .answer") == turns
    picture(page, "chat")
    is_whole(page)


def check_versions(browser, minnow, tiny, locked):
    """Another try and another wording stand beside the first; nothing is lost."""
    page = browser.open(minnow)
    say(page, "Hello")
    button(page, "Retry")
    page.wait("document.querySelector('.turn.model .versions')?.textContent.includes('2 of 2')")
    page.wait(IDLE)
    button(page, "Edit")
    page.wait("document.activeElement.tagName === 'TEXTAREA' && document.activeElement.value === 'Hello'")
    page.value("document.activeElement.value = ''")
    page.type("Count from one to ten in French.")
    page.press("Enter")
    page.wait("document.querySelector('.turn.user .versions')?.textContent.includes('2 of 2')")
    page.wait(IDLE)
    assert "un, deux" in page.text(".answer")[0] and len(page.text(".turn")) == 2
    page.click(".turn.user [aria-label='Earlier version']")
    assert page.text(".turn.user .text") == ["Hello"]
    is_whole(page)


def check_stopping(browser, minnow, tiny, locked):
    """Escape stops an answer, and so does the button; and it can be told to think no more."""
    page = browser.open(tiny)
    for stop in lambda: page.press("Escape"), lambda: page.click("#stop"):
        say(page, "On and on", waits=False)
        page.wait("[...document.querySelectorAll('.answer')].at(-1).textContent !== ''")
        stop()
        page.wait(IDLE)
        assert page.text(".note")[-1] in ("Stopped.", ""), page.text(".note")  # "": it was at its end
    is_whole(page)


def check_thinking(browser, minnow, tiny, locked):
    """It is open while it lasts, folded once the answer begins, and can be ended."""
    page = browser.open(minnow, MADE_UP)
    make_up(page, "wait", ": working, 0 waiting\n\n")
    say(page, "Think", waits=False)
    page.wait("document.querySelector('.note').textContent.startsWith('Reading the prompt, ')")
    page.value(f"window.push({json.dumps(delta(reasoning_content='Well. ' * 400))})")
    page.wait(
        "document.querySelector('.reasoning').open && document.querySelector('.thoughts').textContent !== ''"
    )
    page.wait("document.querySelector('.reasoning summary').textContent === 'Thinking, 1 s'")
    picture(page, "thinking")
    button(page, "Answer now")
    page.wait("window.asked === 'v1/requests/chatcmpl-1/answer'")
    page.value(f"window.push({json.dumps(delta(content='So'))})")
    page.wait(
        "document.querySelector('.answer').textContent === 'So' && !document.querySelector('.reasoning').open"
    )
    page.press("Escape")
    page.wait(IDLE)
    assert page.text(".reasoning summary")[0].startswith("Thought for ") and page.text(".note") == [
        "Stopped."
    ]
    is_whole(page)


def check_hostile_text(browser, minnow, tiny, locked):
    """What people and models write stays text, and Markdown becomes elements."""
    page = browser.open(minnow, MADE_UP)
    make_up(page, delta(reasoning_content=HOSTILE), *(delta(content=one) for one in MARKDOWN), DONE)
    say(page, HOSTILE)
    assert page.text(".turn.user .text") == [HOSTILE] and page.text(".thoughts") == [HOSTILE]
    shown = page.text(".answer")[0]
    assert (
        "<script>window.broken = 1</script>" in shown
        and "$a_1 * b_1 * c$" in shown
        and "x_2 * y_2" in shown
    )
    made = [
        "h3",
        "strong",
        "em",
        "ul > li > ol > li",
        "table td[align=right] strong",
        "blockquote p",
        "figure pre code",
    ]
    for selector in made:
        assert page.text(f".answer {selector}"), (
            selector,
            page.value("document.querySelector('.answer').innerHTML"),
        )
    assert page.value("document.querySelector('.answer a').href") == "https://example.org/a_b_c"
    assert page.value("window.script = undefined") is None
    picture(page, "markdown")
    is_whole(page)


def check_odd_text(browser, minnow, tiny, locked):
    """Nothing that a model may write takes long."""
    page = browser.open(minnow)
    odd = [
        "*" * 20000,
        "`" * 20000,
        "$" * 20000,
        "_a" * 10000,
        "[" * 20000,
        "| " * 20000,
        "> " * 2000 + "x",
        "- " * 2000,
        "a|b\\n" + "-|" * 9999,
        "```",
        "1. a\\n\\n\\n",
        "\\\\[ x",
        "**a",
        "~~~~~~",
    ]
    for text in odd:
        took = page.value(f"""import("./page/markdown.js").then(({{showMarkdown}}) => {{
            const begun = performance.now();
            showMarkdown(document.createElement("div"), {json.dumps(text)}.replaceAll("\\\\n", "\\n"));
            return performance.now() - begun; }})""")
        assert took < 2000, (text[:20], took)
    is_whole(page)


def check_a_broken_connection(browser, minnow, tiny, locked):
    """It is told, what came is kept and can be gone on with; errors are the server's words."""
    page = browser.open(minnow, MADE_UP)
    make_up(page, delta(content="Half of an "), "break")
    say(page, "Break")
    assert page.text(".answer") == ["Half of an "]
    assert page.text(".note") == [
        "Interrupted: the connection broke. What came so far is kept."
    ], page.text(".note")
    picture(page, "broken")
    make_up(page, delta(content="answer"), DONE)
    button(page, "Go on")
    page.wait(f"document.querySelector('.answer').textContent === 'Half of an answer' && {IDLE}")
    assert (
        page.value("bodies.at(-1).continue_final_message && bodies.at(-1).messages.at(-1).content")
        == "Half of an "
    )
    make_up(page, delta(content="More"), 'data: {"error": {"message": "no memory"}}\n\ndata: [DONE]\n\n')
    say(page, "Refuse")
    assert page.text(".note")[-1] == "The server says: no memory." and page.text(".answer")[-1] == "More"
    make_up(page, delta(content="Another"), DONE)
    button(page, "Retry")
    page.wait(f"[...document.querySelectorAll('.answer')].at(-1).textContent === 'Another' && {IDLE}")
    page.click("[aria-label='Earlier version']")
    assert page.text(".answer")[-1] == "More"
    is_whole(page)


def check_conversations(browser, minnow, tiny, locked):
    """While one is answered another is opened; two tabs; names; deleting and taking it back."""
    page = browser.open(minnow, MADE_UP)
    page.value("localStorage.clear()")
    page.load()
    make_up(page, "wait", ": working, 0 waiting\n\n", delta(content="First "))
    say(page, "One", waits=False)
    page.value("window.first = window.push, 0")
    page.click("#new-chat")
    make_up(page, delta(content="Second"), DONE)
    say(page, "Two")
    assert page.text(".answer") == ["Second"]
    page.value(f"window.first({json.dumps(delta(content='part'))}) ?? 0")
    page.click("#chats .choose", 1)
    page.wait("document.querySelector('.answer').textContent === 'First part'")
    other = browser.open(minnow)
    assert sorted(other.text("#chats .choose")) == ["One", "Two"]
    other.value(
        "[...document.querySelectorAll('#chats .choose')].find(one => one.textContent === 'One').click()"
    )
    other.wait("document.querySelector('.note').textContent === 'Another tab is writing this.'")
    page.call("Page.bringToFront")
    page.press("Escape")
    page.wait(IDLE)
    other.wait("document.querySelector('.note').textContent === 'Stopped.'")
    other.call("Page.bringToFront")
    other.click("#chats [aria-label='Rename One']")
    other.type("Uno")
    other.press("Enter")
    page.wait("document.querySelector('#chats').textContent.includes('Uno')")
    other.click("#chats [aria-label='Delete Two']")
    page.wait("!document.querySelector('#chats').textContent.includes('Two')")
    button(other, "Undo")
    page.wait("document.querySelector('#chats').textContent.includes('Two')")
    is_whole(page)
    is_whole(other)


def check_keys(browser, minnow, tiny, locked):
    """The page asks for the key by itself, and keeps it only where that is wanted."""
    page = browser.open(locked)
    page.wait("document.querySelector('#settings-dialog').open && document.activeElement.name === 'key'")
    picture(page, "settings")
    page.type("key")
    page.press("Enter")
    page.wait("document.querySelector('#model').textContent === 'tiny'")
    page.value(  # random weights may end an answer at any token but, greedily, not at the first
        "localStorage.setItem('fathom.settings', "
        "JSON.stringify({max_tokens: '1', temperature: '0', thinking: 'off'}))"
    )
    say(page, "Hi")
    assert "Cut here" in page.text(".note")[0], page.text(".turn")
    assert page.value("JSON.stringify(localStorage).includes('fathom.key')") is False
    is_whole(page)


def check_keyboard(browser, minnow, tiny, locked):
    """Everything can be reached by Tab, in the order in which it is seen, and shows that it has the focus."""
    page = browser.open(minnow)
    say(page, "Hello")
    page.value("document.activeElement.blur(); document.querySelector('.skip').focus()")
    seen = []
    for _ in range(40):
        seen.append(
            page.value(
                """(() => { const one = document.activeElement; return one.id || one.textContent; })()"""
            )
        )
        if seen[-1] not in ("prompt", ""):
            outline = page.value("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", seen[-1]
        if seen[-1] == "meter" or "Answer" in seen[-1]:
            break
        page.press("Tab")
    order = [
        "To the message",
        "new-chat",
        "export",
        "import",
        "theme",
        "open-settings",
        "Edit",
        "Copy",
        "Retry",
        "prompt",
    ]
    found = [seen.index(name) for name in order]
    assert found == sorted(found), seen
    page.value("document.querySelector('#prompt').focus()")
    page.type("a")
    page.press("Enter", shift=True)
    page.type("b")
    assert page.value("document.querySelector('#prompt').value") == "a\nb"
    named = (
        "[...document.querySelectorAll('button, input, textarea, select')]"
        ".filter(one => one.checkVisibility() && "
        "!one.textContent.trim() && !one.getAttribute('aria-label') && "
        "!one.labels?.length).map(one => one.outerHTML)"
    )
    assert page.value(named) == []


def check_looks(browser, minnow, tiny, locked):
    """Light and dark follow the system, or the choice; a phone shows all of it without a zoom."""
    page = browser.open(minnow)
    paper = "getComputedStyle(document.body).backgroundColor"
    page.colours("light")
    light = page.value(paper)
    page.colours("dark")
    assert page.value(paper) != light
    page.click("#theme")
    assert page.value(paper) == light, "chosen: light"
    page.click("#theme")
    dark = page.value(paper)
    page.colours("light")
    assert page.value(paper) == dark != light, "chosen: dark"
    page.load()
    assert page.value(paper) == dark, "and kept"
    page.click("#theme")
    page.size(360, 740, is_phone=True)
    say(page, "Count from one to ten in French. " + "x" * 200)
    is_whole(page)
    picture(page, "phone")
    page.click("#menu")
    page.wait("document.activeElement.id === 'new-chat'")
    page.wait("document.querySelector('aside').getBoundingClientRect().left === 0")
    picture(page, "phone-menu")
    page.press("Escape")
    page.wait("document.activeElement.id === 'menu'")
    fields = "[...document.querySelectorAll('textarea, select, input:not([type=checkbox], [type=file])')]"
    sizes = f"{fields}.map(one => parseFloat(getComputedStyle(one).fontSize))"
    assert min(page.value(sizes)) >= 16, "a phone zooms into smaller fields"
    for scheme in "light", "dark":
        page.colours(scheme)
        page.size(1280, 800)
        picture(page, f"looks-{scheme}")


def main():
    browser = Browser(*sys.argv[1:3])
    try:
        for name, check in list(globals().items()):
            if name.startswith("check_"):
                print(name, flush=True)
                check(browser, *sys.argv[3:6])
    finally:
        browser.close()


if __name__ == "__main__":
    main()
