"""Runs commands of `repobench` in one process, one line of JSON each, so that clients are imported once.

The clients are the real ones. Only their waiting between attempts is left out.
"""

import contextlib
import io
import json
import os
import sys
import time

time.sleep = lambda _seconds: None

from harness.cli import run_command  # noqa: E402 - after the clock was stopped

for line in sys.stdin:
    asked = json.loads(line)
    os.environ.update(asked["environment"])
    for name in asked["unset"]:
        os.environ.pop(name, None)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command(asked["arguments"])
    sys.stdout.write(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}) + "\n")
    sys.stdout.flush()
