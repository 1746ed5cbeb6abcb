"""What an execution of the original says about why its task is not runnable. Pure rules over verdicts and reports.

The reports come from inside the test, so a test can choose its reason; it cannot make itself runnable.
"""

import re

from harness.probing.records import Reason
from sandboxes.spec import ExecResult, Verdict

_BY_VERDICT = {
    Verdict.FAILED: Reason.ORIGINAL_FAILS,
    Verdict.ERROR: Reason.ERROR,
    Verdict.SKIPPED: Reason.SKIPPED,
    Verdict.NOT_COLLECTED: Reason.NOT_COLLECTED,
    Verdict.TIMEOUT: Reason.TIMEOUT,
    Verdict.MEMORY: Reason.MEMORY,
    Verdict.OUTPUT: Reason.OUTPUT,
    Verdict.CRASHED: Reason.CRASHED,
    Verdict.DAMAGED: Reason.DAMAGED,
    Verdict.CONTRADICTION: Reason.CONTRADICTION,
}
_NO_MODULE = re.compile(r"ModuleNotFoundError|No module named|DistributionNotFound|PackageNotFoundError")
_NO_START = re.compile(r"unrecognized arguments|requires pytest-|Missing required plugins|Unknown config option")
# The first that fits, in the errors of the test's own reports or of the file that was not collected.
_BY_ERROR = (
    (
        Reason.NEEDS_NETWORK,
        re.compile(
            r"gaierror|name resolution|NameResolutionError|Name or service not known|getaddrinfo"
            r"|Network is unreachable|No address associated with hostname|Max retries exceeded"
        ),
    ),
    (
        Reason.NEEDS_SERVICE,
        re.compile(
            r"Connection refused|ConnectionRefusedError|could not connect to server|Can't connect to"
            r"|\[Errno 2\] No such file or directory: b?'[\w.+-]+'$|executable (?:file )?(?:was )?not found"
            r"|command not found",
            re.MULTILINE,
        ),
    ),
    (Reason.NEEDS_WRITING, re.compile(r"Read-only file system|\[Errno 30\]")),
    (Reason.ENV_MODULE, _NO_MODULE),
)
_PROGRAM = re.compile(r"FileNotFoundError")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")
_MOST_CHARACTERS = 200
_ERROR_LINES = re.compile(r"^(?:E   |pytest: error: )(.*)$", re.MULTILINE)
_SECONDS = re.compile(r"after \d+\.\d s")


def reason_of(result: ExecResult) -> Reason:
    """Why a task whose original had this result is not runnable.

    Args:
        result: of an execution that did not pass.
    """
    plain = _BY_VERDICT[result.verdict]
    if plain is Reason.NOT_COLLECTED:
        return _uncollected(result)
    if plain not in (Reason.ORIGINAL_FAILS, Reason.ERROR):
        return plain
    errors = "\n".join([result.reason, *(report.error for report in result.reports if report.outcome == "failed")])
    for reason, pattern in _BY_ERROR:
        if pattern.search(errors) and (reason is not Reason.NEEDS_SERVICE or _is_about_a_service(errors)):
            return reason
    not_imported = plain is Reason.ERROR and not result.reports
    return Reason.UNIMPORTABLE if not_imported else plain


def _uncollected(result: ExecResult) -> Reason:
    """Why pytest found no test: it may not have come to looking. Nothing but what it printed tells."""
    if "ImportError while loading conftest" in result.output:
        return Reason.ENV_MODULE if _NO_MODULE.search(result.output) else Reason.UNIMPORTABLE
    return Reason.ENV_PYTEST if _NO_START.search(result.output) else Reason.NOT_COLLECTED


def _is_about_a_service(errors: str) -> bool:
    """Whether a missing file, if that is what the error is about, is one that was to be started."""
    return "[Errno 2]" not in errors or _PROGRAM.search(errors) is not None


def detail_of(result: ExecResult) -> str:
    """The result's reason on one line, without what differs from one time to the next: addresses and seconds."""
    told = _ERROR_LINES.findall(result.output) if result.verdict is Verdict.NOT_COLLECTED else []
    line = " ".join([result.reason, *told[-1:]])
    line = " ".join(line.split())
    line = _SECONDS.sub("at its limit", _ADDRESS.sub("0x…", line))
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 1] + "…"
