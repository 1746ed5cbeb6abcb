from hypothesis import settings

# Time limits per example fail on a busy machine; the tests that are about time measure processor time themselves.
settings.register_profile("harness", deadline=None)
settings.load_profile("harness")
