"""Firefox, as far as the tests need it: open a page, ask it something, press a key.

Spoken to by WebDriver BiDi, which Firefox brings along; Playwright drives only its own build of it.
"""

import itertools
import json
import re
import subprocess
import time

import websocket


class Firefox:
    """A headless Firefox with a profile of its own in `folder`."""

    def __init__(self, path, folder):
        words = [path, "--headless", "--no-remote", "--remote-debugging-port=0"]
        log = folder / "log"
        with log.open("w") as file:
            self.process = subprocess.Popen([*words, "--profile", str(folder)], stderr=file)
        address = f"{self.listening(log)}/session"
        self.socket = websocket.create_connection(address, timeout=120, suppress_origin=True)
        self.numbers = itertools.count(1)
        self.ask("session.new", capabilities={})
        self.tab = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def listening(self, log):
        """The address that Firefox says it listens at, once it does."""
        end = time.monotonic() + 180
        while time.monotonic() < end and self.process.poll() is None:
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", log.read_text()):
                return found[1]
            time.sleep(0.1)
        raise RuntimeError(f"Firefox did not start: {log.read_text()[-300:]}")

    def ask(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['message']}")
                return answer["result"]

    def goto(self, url):
        self.ask("browsingContext.navigate", context=self.tab, url=url, wait="complete")

    def evaluate(self, text):
        """The JSON value of an expression, waited for if it is a promise."""
        whole = f"Promise.resolve({text}).then((value) => JSON.stringify(value ?? null))"
        target = {"context": self.tab}
        answer = self.ask("script.evaluate", expression=whole, target=target, awaitPromise=True)
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def press(self, key):
        """A key by its WebDriver code, such as "\\ue014", the arrow to the right."""
        moves = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        keys = [{"type": "key", "id": "keys", "actions": moves}]
        self.ask("input.performActions", context=self.tab, actions=keys)

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(timeout=30)
