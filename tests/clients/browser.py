# SPDX-License-Identifier: Apache-2.0
"""A Chromium without a window, driven over its own protocol through two pipes: nothing but Python is needed.

What goes wrong in a page (an exception, a line the policy refuses) is kept in `Page.complaints`."""

import base64
import json
import os
import select
import subprocess
import time

PATIENCE = 60  # seconds; a server under a sanitizer or an emulator is slow


class Browser:
    def __init__(self, program, folder):
        """`folder` is for its profile; it goes with whoever made it."""
        to_browser, self.requests = os.pipe()
        self.answers, from_browser = os.pipe()
        options = [
            "--headless=new",
            "--no-sandbox",
            "--remote-debugging-pipe",
            "--no-first-run",
            "--disable-gpu",
        ]
        options += [
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
        ]
        options += [f"--user-data-dir={folder}", "about:blank"]
        # The browser reads what is its descriptor 3 and writes to 4.
        move = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        self.process = subprocess.Popen(
            ["bash", "-c", move, program, *options],
            pass_fds=[to_browser, from_browser],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.rest, self.n_calls, self.pages = b"", 0, {}

    def close(self):
        try:
            self.call("Browser.close")
            self.process.wait(20)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self.process.kill()

    def read(self):
        """One message."""
        while b"\0" not in self.rest:
            assert select.select([self.answers], [], [], PATIENCE)[0], "the browser says nothing"
            piece = os.read(self.answers, 1 << 16)
            assert piece, "the browser ended"
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.n_calls += 1
        message = {"id": self.n_calls, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.requests, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.n_calls:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.hear(answer)

    def hear(self, event):
        page = self.pages.get(event.get("sessionId"))
        if page and event["method"] == "Runtime.exceptionThrown":
            page.complaints.append(event["params"]["exceptionDetails"])
        if (
            page
            and event["method"] == "Log.entryAdded"
            and event["params"]["entry"]["source"] != "network"
        ):
            page.complaints.append(event["params"]["entry"]["text"])

    def open(self, url, before=""):
        """A new page of the same profile. `before` is a script that runs in it before its own."""
        return Page(self, url, before)


class Page:
    def __init__(self, browser, url, before):
        self.browser, self.complaints = browser, []
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.pages[self.session] = self
        for domain in "Page", "Runtime", "Log":
            self.call(f"{domain}.enable")
        if before:
            self.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        self.url = url
        self.size(1280, 800)
        self.call("Page.bringToFront")
        self.load()

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def load(self):
        """Opens its address, or opens it again."""
        self.call("Page.navigate", url="about:blank")
        self.wait("location.href === 'about:blank'")
        self.call("Page.navigate", url=self.url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def value(self, expression):
        """Of an expression in the page, which may be a promise."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, expression, seconds=PATIENCE):
        """Until it is true."""
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"never true: {expression}; {self.complaints}"
            time.sleep(0.03)

    def text(self, selector):
        return self.value(
            f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.textContent)"
        )

    def click(self, selector, at=0):
        self.value(f"document.querySelectorAll({json.dumps(selector)})[{at}].click()")

    def type(self, text):
        """Into whatever has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key, shift=False):
        codes = {"Enter": 13, "Escape": 27, "Tab": 9, " ": 32}
        options = {
            "key": key,
            "code": key,
            "windowsVirtualKeyCode": codes[key],
            "modifiers": 8 if shift else 0,
        }
        text = {"Enter": "\r", " ": " "}.get(key)
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.call("Input.dispatchKeyEvent", **down, **options)
        self.call("Input.dispatchKeyEvent", type="keyUp", **options)

    def size(self, width, height, is_phone=False):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if is_phone else 1,
            mobile=is_phone,
        )

    def colours(self, scheme):
        self.call(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
