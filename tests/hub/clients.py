"""Real clients in processes of their own, which know the test's Hub from their environment alone."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOKEN = "hf_SecretOfTheTestsThatMustNotShow"
STRANGER = "hf_AnotherSecretThatMustNotShow"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def sentence(self):
        """What an expected failure says: one line."""
        (line,) = self.err.strip().splitlines()
        return line


def environment(url, home):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return kept | {
        "HF_ENDPOINT": url,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0",
        "NO_PROXY": "127.0.0.1",
        "NO_COLOR": "1",
    }


class Client:
    """One process that runs commands; keeps all that they ever printed."""

    def __init__(self, process, home):
        self._process = process
        self.home = home
        self.printed = []

    def run(self, *arguments, token=TOKEN):
        """Runs one command; with token None nobody is logged in."""
        asked = {"arguments": [str(argument) for argument in arguments], "environment": {}, "unset": []}
        if token is None:
            asked["unset"] = ["HF_TOKEN"]
        else:
            asked["environment"] = {"HF_TOKEN": token}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the client died"
        done = Done(**json.loads(answer))
        self.printed += [done.out, done.err]
        return done


@contextmanager
def client(url, home):
    """A process of the real clients for the Hub at `url`, with an empty `home`."""
    driver = Path(__file__).with_name("client_driver.py")
    with subprocess.Popen(
        [sys.executable, str(driver)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(url, home),
        cwd=home,
    ) as process:
        try:
            yield Client(process, home)
        finally:
            process.stdin.close()
            process.wait(timeout=30)
