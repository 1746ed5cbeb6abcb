"""The attacks as data: what a hostile test does, and what must come of it.

`CONTAINED` are tests that pass only if what they try does not work. `VERDICTS` are tests that try to look like a pass,
or to take the box with them. `PREDICTIONS` are texts in the place of a target, which only `judging` sees through.
"""

from dataclasses import dataclass

from sandboxes.judging import Judgement
from sandboxes.spec import MEBIBYTE, Limits, Verdict

SMALL = Limits(
    wall_seconds=20.0,
    memory_bytes=192 * MEBIBYTE,
    processes=64,
    work_bytes=64 * MEBIBYTE,
    file_bytes=16 * MEBIBYTE,
    open_files=256,
    output_bytes=256 * 1024,
)
HEAD = "import os\nimport sys\nfrom pathlib import Path\n\nimport pytest\n\n"
ANSWER = "def answer():\n    return 42\n\n"
TEST = "tests/test_attack.py::test_attack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """`body` is the test function's body; `conftest` stands beside the test, `limits` differ from the suite's."""

    name: str
    body: str
    verdicts: frozenset[Verdict] = frozenset({Verdict.PASSED})
    conftest: str = ""
    head: str = ""
    limits: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """`text` in the place of TARGET in `assert answer() == TARGET`, where `answer()` is 42."""

    name: str
    text: str
    judgement: Judgement
    head: str = ""
    conftest: str = ""


NETWORK = """
    import errno, socket
    for address in ("1.1.1.1", "169.254.169.254", "172.17.0.1", "10.0.0.1"):
        with socket.socket() as stream, pytest.raises(OSError) as caught:
            stream.settimeout(3)
            stream.connect((address, 80))
        assert caught.value.errno == errno.ENETUNREACH
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, pytest.raises(OSError):
            datagrams.sendto(b"x", (address, 53))
"""
CONTAINED = (
    Attack(name="network-by-address", body=NETWORK),
    Attack(
        name="network-by-name",
        body="""
    import socket, urllib.request
    for name in ("pypi.org", "localhost.localdomain", "metadata.google.internal"):
        with pytest.raises(OSError):
            socket.getaddrinfo(name, 443)
    with pytest.raises(OSError):
        urllib.request.urlopen("http://pypi.org/", timeout=3)
""",
    ),
    Attack(
        name="raw-sockets-and-interfaces",
        body="""
    import socket
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    for kind in ((socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_RAW, 3)):
        with pytest.raises(PermissionError):
            socket.socket(*kind)
""",
    ),
    Attack(
        name="host-environment",
        body="""
    assert "REPOBENCH_CANARY" not in os.environ
    for process in Path("/proc").glob("[0-9]*"):
        try:
            assert b"REPOBENCH_CANARY" not in (process / "environ").read_bytes()
        except OSError:
            pass
""",
    ),
    Attack(
        name="host-files",
        body="""
    for path in CANARY_FILE, "/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/root/.ssh":
        with pytest.raises(OSError):
            os.stat(path)
    with pytest.raises(PermissionError):
        open("/etc/shadow").read()
    assert sorted(os.listdir("/box")) == ["tree"]
    assert not list(Path("/box").rglob(".git"))
""",
    ),
    Attack(
        name="writing-outside-the-work-area",
        body="""
    writable = set()
    for folder, names, _ in os.walk("/"):
        names[:] = [name for name in names if os.path.join(folder, name) not in ("/proc", "/sys", "/tmp")]
        try:
            with open(os.path.join(folder, "planted"), "w"):
                writable.add(folder)
        except OSError:
            pass
    assert writable <= {"/dev/shm", "/dev/mqueue"}
""",
    ),
    Attack(
        name="overwriting-the-test",
        body="""
    for path in (__file__, os.path.join(os.path.dirname(__file__), "conftest.py"), "/repobench/start.py"):
        for change in (lambda: open(path, "a"), lambda: os.unlink(path), lambda: os.chmod(path, 0o777),
                       lambda: os.rename(path, path + "x"), lambda: os.utime(path)):
            with pytest.raises(OSError):
                change()
""",
    ),
    Attack(
        name="symbolic-link-escape",
        body="""
    with pytest.raises(OSError):
        (Path(__file__).parent / "link-to-the-host").read_text()
    os.symlink("/box/tree", "/tmp/tree")
    os.symlink("/", "/tmp/root")
    for path in ("/tmp/tree/planted", "/tmp/root/etc/planted", "/proc/self/root/etc/planted", "/proc/1/root/planted"):
        with pytest.raises(OSError):
            open(path, "w")
""",
    ),
    Attack(
        name="hard-link-escape",
        body="""
    for source in (__file__, "/repobench/start.py", "/etc/passwd"):
        with pytest.raises(OSError):
            os.link(source, "/tmp/linked")
""",
    ),
    Attack(
        name="disk-fill",
        body="""
    written = 0
    with pytest.raises(OSError) as caught:
        for number in range(10000):
            with open(f"/tmp/{number}", "wb") as file:
                written += file.write(bytes(4_000_000))
    assert caught.value.errno == 28 and written < 70_000_000
    os.unlink("/tmp/0")  # pytest itself writes a little when it ends
""",
    ),
    Attack(
        name="one-huge-file",
        body="""
    with pytest.raises(OSError) as caught, open("/tmp/huge", "wb") as file:
        for _ in range(1000):
            file.write(bytes(1_000_000))
            file.flush()
    assert caught.value.errno == 27
""",
        limits=(("file_bytes", 8 * 2**20),),
    ),
    Attack(
        name="shared-memory-fill",
        body="""
    with pytest.raises(OSError), open("/dev/shm/huge", "wb") as file:
        for _ in range(100):
            file.write(bytes(1_000_000))
            file.flush()
""",
    ),
    Attack(
        name="open-files",
        body="""
    import resource
    kept = []
    with pytest.raises(OSError):
        for _ in range(100_000):
            kept.append(os.open("/dev/null", 0))
    for descriptor in kept:
        os.close(descriptor)
    with pytest.raises((ValueError, OSError)):
        resource.setrlimit(resource.RLIMIT_NOFILE, (100_000, 100_000))
""",
    ),
    Attack(
        name="native-code",
        body="""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    for call in (lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None), lambda: libc.unshare(0x10000000),
                 lambda: libc.unshare(0x00020000), lambda: libc.umount2(b"/box", 2), lambda: libc.chroot(b"/tmp"),
                 lambda: libc.setns(0, 0), lambda: libc.ptrace(16, 1, 0, 0), lambda: libc.sethostname(b"x", 1),
                 lambda: libc.swapon(b"/tmp/x", 0), lambda: libc.reboot(0), lambda: libc.acct(b"/tmp/x"),
                 lambda: libc.syscall(321, 0, None, 0), lambda: libc.syscall(250, 0, 0, 0)):
        assert call() == -1
        assert ctypes.get_errno() in (1, 13, 14, 22, 38)
""",
    ),
    Attack(
        name="namespaces-of-its-own",
        body="""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    clone, clone3 = (56, 435) if os.uname().machine == "x86_64" else (220, 435)
    for flags in (0x10000000, 0x10020000, 0x7E020000):
        assert libc.unshare(flags) == -1
        assert libc.syscall(clone, ctypes.c_long(flags | 17), None, None, None, None) == -1
    libc.syscall.restype = ctypes.c_long
    wanted = (ctypes.c_ulonglong * 8)(0x10000000)
    assert libc.syscall(clone3, wanted, 64) == -1
    if os.uname().machine == "x86_64":
        assert libc.syscall(0x40000000 | 272, 0x10000000) == -1
    assert len(os.listdir("/proc/self/task")) == 1
    import threading
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
""",
    ),
    Attack(
        name="native-library-of-its-own",
        body="""
    import ctypes, glob, shutil
    shutil.copy(glob.glob("/lib/*/libm.so.6")[0], "/tmp/mine.so")
    with pytest.raises(OSError):
        ctypes.CDLL("/tmp/mine.so")
""",
    ),
    Attack(
        name="setuid-programs",
        body="""
    import glob, shutil, subprocess
    privileged = [path for path in glob.glob("/bin/*") + glob.glob("/usr/bin/*") + glob.glob("/usr/sbin/*")
                  if os.stat(path).st_mode & 0o6000]
    for path in privileged:
        command = [path, "-c", "id -u"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        assert done.stdout.strip() != "0"
    for change in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.seteuid(0)):
        with pytest.raises(PermissionError):
            change()
    shutil.copy("/bin/sh", "/tmp/sh")
    os.chmod("/tmp/sh", 0o6755)
    with pytest.raises(PermissionError):
        subprocess.run(["/tmp/sh", "-c", "true"])
""",
    ),
    Attack(
        name="proc-and-sys",
        body="""
    for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/kcore",
                 "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max", "/proc/1/oom_score_adj",
                 "/sys/kernel/uevent_helper", "/proc/self/uid_map"):
        with pytest.raises(OSError):
            with open(path, "r+b", buffering=0) as file:
                file.write(b"0 0 1")
    for secret in ("/proc/1/mem", "/proc/1/environ", "/proc/1/fd/0", "/proc/1/fd/1", "/proc/1/maps", "/proc/1/cwd/x"):
        with pytest.raises(OSError):
            open(secret, "rb").read(1)
""",
    ),
    Attack(
        name="device-nodes",
        body="""
    import stat
    with pytest.raises(PermissionError):
        os.mknod("/tmp/disk", stat.S_IFBLK | 0o666, os.makedev(8, 0))
    names = {path.name for path in Path("/dev").iterdir()}
    assert not names & {"mem", "kmem", "sda", "vda", "kvm", "fuse", "mapper"}
""",
    ),
    Attack(
        name="killing-the-parent",
        body="""
    import signal
    parent = os.getppid()
    assert parent == 1
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGHUP):
        os.kill(parent, number)
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass
""",
    ),
    Attack(
        name="processes-that-outlive-the-test",
        body="""
    for _ in range(5):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                import signal, time
                for number in range(1, 32):
                    try:
                        signal.signal(number, signal.SIG_IGN)
                    except (OSError, ValueError):
                        pass
                while True:
                    try:
                        open("/tmp/still-here", "w").close()
                    except OSError:
                        pass
                    time.sleep(0.01)
            os._exit(0)
""",
    ),
    Attack(
        name="traps-left-behind",
        body="""
    os.makedirs("/tmp/a/b")
    open("/tmp/a/b/c", "w").close()
    os.chmod("/tmp/a/b", 0)
    os.chmod("/tmp/a", 0)
    os.symlink("/", "/tmp/everything")
    os.mkfifo("/tmp/pipe")
    open("/tmp/sitecustomize.py", "w").write("raise SystemExit(3)")
    open("/dev/shm/left", "w").close()
    os.environ["PYTHONPATH"] = "/tmp"
""",
    ),
    Attack(
        name="folders-without-end",
        body="""
    os.chdir("/tmp")
    for _ in range(3000):
        os.mkdir("d")
        os.chdir("d")
""",
    ),
    Attack(
        name="kernel-objects-left-behind",
        body="""
    import ctypes
    assert ctypes.CDLL(None).shmget(4711, 4096, 0o1666) >= 0
""",
    ),
)

FORGED = """
    import json
    passed = [{"kind": "report", "test": "tests/test_attack.py::test_attack", "when": when, "outcome": "passed",
               "expected_to_fail": False, "error_type": "", "error": ""} for when in ("setup", "call", "teardown")]
    lines = "".join("0" * 64 + " " + json.dumps(line) + "\\n" for line in [*passed, {"kind": "finished", "status": 0}])
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, lines.encode())
        except OSError:
            pass
    os._exit(0)
"""
NESTED = """
    import gc
    reporter = next(o for o in gc.get_objects() if type(o).__name__ == "Reporter" and hasattr(o, "send"))
    voice = dict(zip(reporter.send.__code__.co_freevars, (cell.cell_contents for cell in reporter.send.__closure__)))
    payload = b'{"kind": "begun", "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    line = voice["chain"].sign(payload).encode() + b" " + payload + b"\\n"
    while line:
        line = line[os.write(voice["channel"], line):]
"""
FAILED, CONTRADICTION, SKIPPED = Verdict.FAILED, Verdict.CONTRADICTION, Verdict.SKIPPED
VERDICTS = (
    Attack(
        name="fork-bomb",
        body="""
    while True:
        try:
            os.fork()
        except OSError:
            pass
""",
        verdicts=frozenset({Verdict.TIMEOUT, Verdict.MEMORY}),
        limits=(("wall_seconds", 2.0),),
    ),
    Attack(
        name="thread-bomb",
        body="""
    import threading
    while True:
        threading.Thread(target=threading.Event().wait).start()
""",
        verdicts=frozenset({FAILED, Verdict.TIMEOUT, Verdict.MEMORY, CONTRADICTION}),
        limits=(("wall_seconds", 3.0),),
    ),
    Attack(
        name="memory-bomb",
        body="""
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1 << 20)) * 8)
""",
        verdicts=frozenset({Verdict.MEMORY}),
    ),
    Attack(
        name="memory-bomb-in-a-child",
        body="""
    if os.fork() == 0:
        kept = []
        while True:
            kept.append(bytearray(os.urandom(1 << 20)) * 8)
    os.wait()
""",
        verdicts=frozenset({Verdict.MEMORY}),
    ),
    Attack(
        name="output-flood",
        body="""
    while True:
        for descriptor in range(1, 64):
            if descriptor != 3:
                try:
                    os.write(descriptor, b"x" * 65536)
                except OSError:
                    pass
""",
        verdicts=frozenset({Verdict.OUTPUT, Verdict.MEMORY}),
    ),
    Attack(
        name="channel-flood",
        body="""
    while True:
        os.write(3, b"x" * 65536)
""",
        verdicts=frozenset({CONTRADICTION}),
    ),
    Attack(
        name="endless-loop",
        body="""
    while True:
        pass
""",
        verdicts=frozenset({Verdict.TIMEOUT}),
        limits=(("wall_seconds", 1.5),),
    ),
    Attack(
        name="ignoring-signals",
        body="""
    import signal, time
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
""",
        verdicts=frozenset({Verdict.TIMEOUT}),
        limits=(("wall_seconds", 1.5),),
    ),
    Attack(name="exit-at-once", body="\n    os._exit(0)\n", verdicts=frozenset({CONTRADICTION})),
    Attack(name="exit-while-collecting", head="os._exit(0)", body="\n    pass\n", verdicts=frozenset({CONTRADICTION})),
    Attack(name="system-exit", body="\n    raise SystemExit(0)\n", verdicts=frozenset({FAILED})),
    Attack(
        name="pytest-exit",
        body="\n    pytest.exit('all is well', 0)\n",
        verdicts=frozenset({CONTRADICTION}),
    ),
    Attack(
        name="exit-status-after-a-failure",
        body="\n    import atexit\n    atexit.register(os._exit, 0)\n    assert False\n",
        verdicts=frozenset({CONTRADICTION}),
    ),
    Attack(
        name="printed-results",
        body="""
    sys.__stdout__.write("1 passed in 0.01s\\n{'seal': '0', 'seen': {}}\\n")
    os.write(1, b'{"ended": true}\\n{"seal": "0", "seen": {"status": 0}}\\n')
    assert False
""",
        verdicts=frozenset({FAILED}),
    ),
    Attack(name="forged-channel", body=FORGED, verdicts=frozenset({CONTRADICTION})),
    Attack(name="nested-beyond-reading", body=NESTED, verdicts=frozenset({CONTRADICTION})),
    Attack(
        name="result-changed-by-conftest",
        body="\n    assert False\n",
        conftest="""
def pytest_sessionfinish(session):
    session.exitstatus = 0
""",
        verdicts=frozenset({CONTRADICTION}),
    ),
    Attack(
        name="another-test-in-its-place",
        head="def test_easy():\n    pass\n",
        body="\n    assert False\n",
        conftest="""
def pytest_collection_modifyitems(session, items):
    items[:] = [item.parent.collect()[0] for item in items]
""",
        verdicts=frozenset({CONTRADICTION}),
    ),
    Attack(
        name="no-test-left",
        body="\n    assert False\n",
        conftest="""
def pytest_collection_modifyitems(items):
    items[:] = []
def pytest_sessionfinish(session):
    session.exitstatus = 0
""",
        verdicts=frozenset({CONTRADICTION}),
    ),
    Attack(
        name="nothing-is-called",
        body="\n    assert False\n",
        conftest="""
def pytest_runtest_protocol(item, nextitem):
    return True
""",
        verdicts=frozenset({CONTRADICTION}),
    ),
    Attack(
        name="expected-to-fail",
        body="\n    assert False\n",
        conftest="""
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xfail(strict=False))
""",
        verdicts=frozenset({SKIPPED}),
    ),
    Attack(name="skipping", body="\n    pytest.skip('not today')\n", verdicts=frozenset({SKIPPED})),
    Attack(
        name="huge-exception-text",
        body="\n    raise AssertionError('x' * 3_000_000)\n",
        verdicts=frozenset({FAILED, Verdict.OUTPUT}),
    ),
    Attack(
        name="exception-that-cannot-be-shown",
        body="""
    class Odd(Exception):
        def __str__(self):
            os._exit(0)
        __repr__ = __str__
    raise Odd
""",
        verdicts=frozenset({CONTRADICTION}),
    ),
    Attack(
        name="deep-recursion",
        body="\n    def deeper():\n        deeper()\n    deeper()\n",
        verdicts=frozenset({FAILED}),
    ),
    Attack(
        name="stack-overflow",
        body="""
    import threading
    sys.setrecursionlimit(10**9)
    def deeper(*rest):
        return sorted([1], key=deeper)
    deeper()
""",
        verdicts=frozenset({Verdict.CRASHED, FAILED, Verdict.MEMORY}),
    ),
    Attack(
        name="segmentation-fault",
        body="\n    import ctypes\n    ctypes.string_at(0)\n",
        verdicts=frozenset({Verdict.CRASHED}),
    ),
    Attack(name="killing-itself", body="\n    os.kill(os.getpid(), 9)\n", verdicts=frozenset({Verdict.CRASHED})),
    Attack(
        name="input",
        body="\n    input()\n",
        verdicts=frozenset({FAILED}),
    ),
)

# The process of a test can be made to say anything: these pass, and only the tripwire finds them out.
PATCHED_REPORT = """
import pytest
@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.outcome, report.longrepr = "passed", None
"""
STOLEN_VOICE = """
import gc, os
def steal(name="tests/test_attack.py::test_attack"):
    reporter = next(o for o in gc.get_objects() if type(o).__name__ == "Reporter" and hasattr(o, "send"))
    for when in ("call", "teardown"):
        reporter.send({"kind": "report", "test": name, "when": when, "outcome": "passed", "expected_to_fail": False,
                       "error_type": "", "error": ""})
    reporter.send({"kind": "finished", "status": 0})
    os._exit(0)
"""
LENIENT = """
class Anything:
    def __eq__(self, other):
        return True
    __hash__ = None
ANYTHING = Anything()
LOOSE = pytest.approx(0, abs=float("inf"))
"""
PASSED, REFUSED, CHEATED, UNPROVEN = Judgement.PASSED, Judgement.REFUSED, Judgement.CHEATED, Judgement.UNPROVEN
PREDICTIONS = (
    Prediction(name="right", text="42", judgement=PASSED),
    Prediction(name="right-in-other-words", text="6 * 7", judgement=PASSED),
    Prediction(name="wrong", text="41", judgement=Judgement.FAILED),
    Prediction(name="the-other-side", text="answer()", judgement=CHEATED),
    Prediction(name="mock-any", text="ANY", head="from unittest.mock import ANY", judgement=CHEATED),
    Prediction(name="class-made-on-the-spot", text="type('E', (), {'__eq__': lambda a, b: True})()", judgement=CHEATED),
    Prediction(name="object-equal-to-everything", text="ANYTHING", head=LENIENT, judgement=CHEATED),
    Prediction(name="infinite-tolerance", text="pytest.approx(0, abs=float('inf'))", judgement=CHEATED),
    Prediction(name="infinite-tolerance-by-name", text="LOOSE", head=LENIENT, judgement=CHEATED),
    Prediction(name="walrus", text="(x := answer())", judgement=CHEATED),
    Prediction(name="second-statement", text="42\n    assert True", judgement=REFUSED),
    Prediction(name="return-first", text="41; return", judgement=REFUSED),
    Prediction(name="closing-and-opening", text="41) or (True", judgement=REFUSED),
    Prediction(name="or-true", text="41 or True", judgement=REFUSED),
    Prediction(name="message", text="42, 'message'", judgement=REFUSED),
    Prediction(name="comment", text="42 #", judgement=PASSED),
    Prediction(name="chain", text="answer() == 42", judgement=REFUSED),
    Prediction(
        name="patching-equality",
        text="setattr(Answer, '__eq__', lambda a, b: True)",
        head="class Answer(int):\n    pass\n\ndef answer():\n    return Answer(42)\n",
        judgement=CHEATED,
    ),
    Prediction(name="skipping", text="pytest.skip('no')", judgement=Judgement.FAILED),
    Prediction(name="exit", text="__import__('os')._exit(0)", judgement=Judgement.FAILED),
    Prediction(name="report-patched-by-conftest", text="41", conftest=PATCHED_REPORT, judgement=UNPROVEN),
    Prediction(name="voice-of-the-plugin", text="steal()", head=STOLEN_VOICE, judgement=UNPROVEN),
    Prediction(
        name="swallowed-failure",
        text="41",
        conftest="""
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    outcome = yield
    outcome.force_result(True)
""",
        judgement=UNPROVEN,
    ),
)
