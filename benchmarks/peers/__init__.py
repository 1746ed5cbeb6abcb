"""What `benchmarks/mining.py` measures beside `repobench`: the same job written with other tools.

The job, for every commit of the first-parent history, oldest first:

1. which assertion statements are new, per test file: the multiset of the new version's statements minus that of the
   first parent's version, renames of `.py` files followed, an old version that does not parse counting as empty;
2. for each commit that has some, the diff of the production `.py` files since the previous such commit.

`statements.py` says what an assertion, a test file and a production file are: the definition of `repobench`, in the
standard library's `ast`. Nothing here imports `repobench`.
"""
