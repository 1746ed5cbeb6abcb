"""Reads what a source tree asks for: requirements, Python, and what its own package would add. Nothing of it is run.

`asked` decides, `declared` knows where requirements are declared, `lists` reads requirements files and tox.ini,
`scripts` setup.py, `imports` what tests need and nobody declares, `own` the tree's own package, `tree` the files.
"""
