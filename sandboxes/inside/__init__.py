"""What runs inside a box: the supervisor, the test's process, and the pytest plugin. Standard library and pytest only.

The folder is mounted read-only under the name `repobench_inside`; so it imports its own modules relatively, nothing
else of this project, and stays within what Python 3.8 understands.
"""
