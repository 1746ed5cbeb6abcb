"""Scores pairs with the `codebleu` package: JSON list of [prediction, target] in, list of five numbers each out.

package_driver.py plain       as it is: what its sets hold comes in an order that depends on the hash seed
package_driver.py ordered     its sets keep the order in which things were put in
"""

import json
import logging
import sys

from codebleu import calc_codebleu, dataflow_match
from codebleu.parser import DFG


class Ordered(dict):
    """As much of a set as the package uses, in the order of insertion."""

    def __init__(self, items=()):
        super().__init__(dict.fromkeys(items))

    def add(self, item):
        self[item] = None


NAMES = ("codebleu", "ngram_match_score", "weighted_ngram_match_score", "syntax_match_score", "dataflow_match_score")
logging.disable(logging.WARNING)
for module in (dataflow_match, DFG):
    module.set = {"plain": set, "ordered": Ordered}[sys.argv[1]]
found = [calc_codebleu([target], [prediction], lang="python") for prediction, target in json.load(sys.stdin)]
json.dump([[scores[name] for name in NAMES] for scores in found], sys.stdout)
