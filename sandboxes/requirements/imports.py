"""Distributions that tests need and nobody declares, from what the test files import.

Only imports that no `try` and no `if` surrounds count: those cannot be missing. Guesses are guesses: a builder installs
them from wheels alone and goes on without those that do not exist.
"""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator

from sandboxes.parsing import parse_module

# Modules that are not called as their distribution is. Widely used ones, whoever uses them.
DISTRIBUTIONS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "django_filters": "django-filter",
    "dns": "dnspython",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "flask_sqlalchemy": "flask-sqlalchemy",
    "fitz": "pymupdf",
    "git": "gitpython",
    "google": "protobuf",
    "grpc": "grpcio",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "markdown_it": "markdown-it-py",
    "MySQLdb": "mysqlclient",
    "mpl_toolkits": "matplotlib",
    "nacl": "pynacl",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "pkg_resources": "setuptools<81",
    "psycopg2": "psycopg2-binary",
    "pytest_factoryboy": "pytest-factoryboy",
    "rest_framework": "djangorestframework",
    "serial": "pyserial",
    "setuptools": "setuptools",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "socks": "pysocks",
    "telegram": "python-telegram-bot",
    "usb": "pyusb",
    "websocket": "websocket-client",
    "werkzeug": "werkzeug",
    "wx": "wxpython",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
    "zope": "zope-interface",
}
# What pytest must know before it starts, by the options of a configuration that ask for it.
PLUGINS = {
    "--cov": "pytest-cov",
    "--benchmark": "pytest-benchmark",
    "--timeout": "pytest-timeout",
    "--numprocesses": "pytest-xdist",
    "--dist": "pytest-xdist",
    "--reruns": "pytest-rerunfailures",
    "--random-order": "pytest-random-order",
    "--mypy": "pytest-mypy",
    "--flake8": "pytest-flake8",
    "--isort": "pytest-isort",
    "--pep8": "pytest-pep8",
    "--asyncio-mode": "pytest-asyncio",
    "asyncio_mode": "pytest-asyncio",
    "DJANGO_SETTINGS_MODULE": "pytest-django",
    "--ds": "pytest-django",
    "--doctest-plus": "pytest-doctestplus",
    "--disable-socket": "pytest-socket",
    "--block-network": "pytest-recording",
    "--sugar": "pytest-sugar",
    "--html": "pytest-html",
    "--snapshot": "syrupy",
}
# Fixtures of plugins, and marks of plugins, that tests name without importing anything.
FIXTURES = {"mocker": "pytest-mock", "benchmark": "pytest-benchmark", "requests_mock": "requests-mock"}
MARKS = {"asyncio": "pytest-asyncio", "django_db": "pytest-django", "anyio": "anyio", "trio": "pytest-trio"}
_NEVER = frozenset({"pytest", "_pytest", "py", "test", "tests", "conftest", "distutils", "imp", "asyncore", "asynchat"})
_NEVER_NAMES = frozenset(sys.stdlib_module_names) | _NEVER


class ImportReader:
    """Reads what Python files import; remembers every content, because most files of a commit are those of the last."""

    def __init__(self) -> None:
        """Remembers nothing yet."""
        self._known: dict[bytes, tuple[frozenset[str], frozenset[str]]] = {}

    def read(self, text: str) -> tuple[frozenset[str], frozenset[str]]:
        """Top names of modules that the file cannot do without, and distributions of the plugins that its tests use.

        Nothing for a file that is no Python.
        """
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        if digest not in self._known:
            try:
                module = parse_module(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                self._known[digest] = frozenset(), frozenset()
            else:
                self._known[digest] = frozenset(_imported_modules(module)), frozenset(_used_plugins(module))
        return self._known[digest]


def _imported_modules(module: ast.Module) -> Iterator[str]:
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.stmt) and not isinstance(node, ast.Try | ast.If):
            waiting += (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))
        elif isinstance(node, ast.Module):
            waiting += node.body


def _used_plugins(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name.startswith("test"):
                yield from (FIXTURES[argument.arg] for argument in node.args.args if argument.arg in FIXTURES)
            case ast.Attribute(value=ast.Attribute(attr="mark"), attr=name) if name in MARKS:
                yield MARKS[name]
            case _:
                pass


def configured_plugins(text: str) -> Iterator[str]:
    """Distributions of the pytest plugins whose options a configuration has."""
    words = text.replace('"', " ").replace("'", " ").replace("=", " ").replace(",", " ").split()
    for option, distribution in PLUGINS.items():
        if any(word == option or (option.startswith("--") and word.startswith(f"{option}-")) for word in words):
            yield distribution


def undeclared(modules: Iterable[str], own: Iterable[str]) -> tuple[str, ...]:
    """The modules that neither Python nor the tree has, `own` being the names of all its files and folders."""
    known = _NEVER_NAMES.union(own)
    return tuple(sorted({name for name in modules if name not in known and not name.startswith("_")}))


def distribution_of(module: str) -> str:
    """The distribution that most likely has this module."""
    return DISTRIBUTIONS.get(module, module.replace("_", "-").lower())
