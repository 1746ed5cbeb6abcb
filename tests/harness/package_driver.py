"""Scores pairs with the `codebleu` package: JSON list of [prediction, target] in, list of five numbers each out."""

import json
import logging
import sys

from codebleu import calc_codebleu

logging.disable(logging.WARNING)
NAMES = ("codebleu", "ngram_match_score", "weighted_ngram_match_score", "syntax_match_score", "dataflow_match_score")
found = [calc_codebleu([target], [prediction], lang="python") for prediction, target in json.load(sys.stdin)]
json.dump([[scores[name] for name in NAMES] for scores in found], sys.stdout)
