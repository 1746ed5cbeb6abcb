import sys
from pathlib import Path

from hypothesis import settings

# Time limits per example fail on a busy machine; the tests that are about time measure processor time themselves.
settings.register_profile("harness", deadline=None)
settings.load_profile("harness")
# The benchmarks' pairs of real code are tested on, too.
sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))
