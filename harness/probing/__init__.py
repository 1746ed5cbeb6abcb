"""Executes predictions: which tasks can be judged by running their test, and what running says of a prediction.

`trees` writes the tree of a commit, `remembering` executes nothing twice, `mutants` and `evidence` are pure rules,
`runnable` applies them to one task, `prober` to all, `execution_table` and `funnel` keep and count what came of it.
"""
