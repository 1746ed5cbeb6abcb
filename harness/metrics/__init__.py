"""Scores of one prediction, pure functions of texts; each module says exactly what its metric counts.

| score | module | of which texts |
|---|---|---|
| `em_strict` | `exact`: equal tokens, but for layout, quotes and numeric underscores | stopped |
| `em_ast` | `exact_ast`: equal syntax trees | stopped |
| `em_paper` | `published`: the paper's rule, cut by what the target looks like | raw |
| `edit_similarity` | `editsim`: 2 LCS / (a + b) | stopped |
| `edit_similarity_paper` | `published`: `difflib`, after the same cut | raw |
| `codebleu` | `codebleu`: the mean of the components that have something to measure | stopped |
| `codebleu_paper` | `codebleu_paper`: the `codebleu` package's numbers, after the same cut | raw |

The target is raw where the prediction is, and stopped where it is: a published target may hold more than an expression
(`2)`), which no stopped prediction does.

A module's VERSION rises whenever a value may change. A value that does not exist is `Unscored` with its reason; no
formula ever stands in for another.
"""
