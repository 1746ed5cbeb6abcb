"""The `paper` protocol: the published benchmark rebuilt as its authors' code built it, defects included.

Rules and defects are those of the authors' repository RepoPeftData (folder `create_dataset`, commit 0e2c523); each
module names the script it follows. Nothing here is shared with the clean protocol except reading git and sources.
"""
