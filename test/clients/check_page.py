# Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The page at /, in Chromium without a window, by the keyboard alone; page.png and page-dark.png in the
folder for files show it."""

import pathlib
import urllib.parse

from playwright.sync_api import sync_playwright

from client import Client

PROMPT = "let rec map f = "
PIECES = "[...document.querySelectorAll('#out span span')].map(s => [s.textContent, s.style.color])"
OUTLINE = "getComputedStyle(document.activeElement).outlineStyle"


class Page:
    """The page, and keys that are pressed in it."""

    def __init__(self, client, browser):
        self.page = browser.new_page(viewport={"width": 1100, "height": 900})
        self.problems, self.hosts = [], set()
        self.page.on("console", lambda message: self.problems.append(message.text)
                     if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(
            urllib.parse.urlsplit(request.url).netloc))
        self.page.goto(client.url + "/")
        self.page.wait_for_selector("#legend span")
        self.keys = self.page.keyboard

    def focus(self):
        return self.page.evaluate("document.activeElement.id")

    def go(self, name, back=False):
        """Moves to an element by Tab alone."""
        stops = []
        while self.focus() != name:
            self.keys.press("Shift+Tab" if back else "Tab")
            stops.append(self.focus())
            if len(stops) > 20:
                raise LookupError(f"Tab comes to {stops}, not to {name}")
        return stops

    def fill(self, name, text, back=False):
        self.go(name, back)
        self.keys.press("Control+A")
        self.keys.type(text)

    def write(self, text):
        self.fill("text", text, back=True)

    def done(self):
        """Waits until a text is complete; what is shown of it."""
        self.page.wait_for_selector("#stop", state="hidden", timeout=60000)
        return self.page.text_content("#out")

    def complete(self):
        self.keys.press("Control+Enter")
        return self.done()

    def state(self):
        return self.page.inner_text("#state")

    def value(self):
        return self.page.input_value("#text")


def colours(client, page, prompt, count, *more):
    """Each piece of text has to have the colour of its expert, as `generate --show-experts` tells it:
    the name in brackets, where it changes."""
    legend = dict(page.page.evaluate(
        "[...document.querySelectorAll('#legend span')].map(s => [s.style.color, "
        "s.textContent.slice(2)])"))
    shown, last = "", None
    for text, colour in page.page.evaluate(PIECES):
        # The last token was not read, and has no expert yet.
        name = legend[colour] if colour else last
        shown += (f"[{name}]" if name != last else "") + text
        last = name
    told = client.generate(prompt, count, "--temperature", 0, "--show-experts", "--color", "never",
                           *more)
    client.equal(shown, told, "the colours of the experts")


def completes(client, page):
    client.equal(page.focus(), "text", "the cursor is in the text from the start")
    page.write(PROMPT)
    stops = page.go("language")
    client.equal(stops, ["go", "tokens", "temperature", "language"], "Tab comes to everything")
    client.check(page.page.evaluate(OUTLINE) != "none", "where it is can be seen",
                 page.page.evaluate(OUTLINE))
    page.fill("tokens", "24", back=True)
    greedy = client.generate(PROMPT, 24)
    client.equal(page.complete(), PROMPT + greedy, "Ctrl+Enter completes")
    client.check(page.state().startswith("24 tokens, the first after"), "it says how long it took",
                 page.state())
    colours(client, page, PROMPT, 24)
    page.page.screenshot(path=client.work / "page.png")
    page.page.emulate_media(color_scheme="dark")
    page.page.screenshot(path=client.work / "page-dark.png")
    page.page.emulate_media(color_scheme="light")
    page.keys.press("Control+i")
    client.equal((page.value(), page.focus()), (PROMPT + greedy, "text"), "Ctrl+I inserts")
    page.keys.type("!")
    client.equal(page.value(), PROMPT + greedy + "!", "the cursor is behind what was inserted")


def by_buttons(client, page):
    page.write(PROMPT)
    for key in ("Enter", "Space"):
        page.go("go")
        page.keys.press(key)
        client.equal(page.done(), PROMPT + client.generate(PROMPT, 24), f"the button, by {key}")
    page.go("take")
    page.keys.press("Enter")
    client.equal(page.value(), PROMPT + client.generate(PROMPT, 24), "the button Insert")
    page.write(PROMPT)
    page.go("language")
    page.keys.press("ArrowDown")
    name = page.page.input_value("#language")
    client.equal(page.complete(), PROMPT + client.generate(PROMPT, 24, "--temperature", 0,
                                                           "--language", name), f"language {name}")
    colours(client, page, PROMPT, 24, "--language", name)
    page.keys.press("ArrowUp")
    client.equal(page.page.input_value("#language"), "", "automatic again")


def fills_in(client, page):
    before, behind = client.work / "before", client.work / "behind"
    before.write_text("main = do\n  let x = ")
    behind.write_text("\n  print x\n")
    page.write(before.read_text() + behind.read_text())
    for key in ("ArrowUp", "ArrowUp", "End"):
        page.keys.press(key)
    filled = client.output("complete", "--prefix-file", before, "--suffix-file", behind, "-n", 24,
                           "--temperature", 0)
    client.equal(page.complete(), before.read_text() + filled + behind.read_text(),
                 "the middle, at the cursor")
    page.page.screenshot(path=client.work / "page-middle.png")
    page.keys.press("Control+i")
    client.equal(page.value(), before.read_text() + filled + behind.read_text(), "it is inserted there")


def stops(client, page):
    page.write(PROMPT)
    page.fill("tokens", "900")
    page.fill("temperature", "2")
    page.keys.press("Control+Enter")
    page.page.wait_for_selector('#state:text-matches("^[0-9]+ tokens$")')
    page.keys.press("Escape")
    page.done()
    client.check(page.state().startswith("Stopped after"), "Esc stops", page.state())


def tells_errors(client, page):
    page.fill("temperature", "500", back=True)
    page.keys.press("Control+Enter")
    page.page.wait_for_selector("#state.bad")
    client.check("'temperature' is 500" in page.state(), "an error is told", page.state())
    # Chromium itself notes every status that is an error.
    client.equal([problem for problem in page.problems if "400" not in problem], [],
                 "no errors in the console")
    client.equal(page.hosts, {urllib.parse.urlsplit(client.url).netloc}, "no other site is asked")


def checks(client):
    if not pathlib.Path(client.chromium).exists():
        raise FileNotFoundError(f"there is no {client.chromium}: install Debian's chromium, or name "
                                "another with --chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=client.chromium, args=["--no-sandbox"])
        page = Page(client, browser)
        client.equal(page.page.text_content("#name"), "nano", "the name of the model")
        completes(client, page)
        by_buttons(client, page)
        fills_in(client, page)
        stops(client, page)
        tells_errors(client, page)
        browser.close()


if __name__ == "__main__":
    Client("page").run(checks)
