"""Times how long `repobench` takes before it does anything: processor seconds of fresh interpreters, the best of some.

    python benchmarks/startup.py [--repeat 5]

Processor time, not wall time, so that a busy machine does not change the figure much; the first start, which compiles
modules, is not counted.
"""

import argparse
import os
import subprocess
import sys

COMMANDS = {
    "python alone": ("-c", "pass"),
    "repobench --version": ("-c", "from harness.cli import main; main()", "--version"),
    "repobench --help": ("-c", "from harness.cli import main; main()", "--help"),
    "repobench mine --help": ("-c", "from harness.cli import main; main()", "mine", "--help"),
    "repobench run --help": ("-c", "from harness.cli import main; main()", "run", "--help"),
    "repobench report --help": ("-c", "from harness.cli import main; main()", "report", "--help"),
}
"""What is started, by what it is called in the table."""


def cpu_seconds(arguments: tuple[str, ...]) -> float:
    """Processor seconds, of user and system, that one start takes."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5, help="starts of each command that are counted")
    repeat = parser.parse_args().repeat
    print("| command | processor seconds |\n|---|--:|")
    for name, arguments in COMMANDS.items():
        cpu_seconds(arguments)
        print(f"| `{name}` | {min(cpu_seconds(arguments) for _ in range(repeat)):.2f} |", flush=True)


if __name__ == "__main__":
    main()
