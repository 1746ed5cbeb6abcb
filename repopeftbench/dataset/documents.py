"""The documents that go with published data, by the path they have on the Hub: card, Croissant, attribution, licences.

Equal datasets give equal bytes: the only date is an argument.
"""

import datetime as dt
import json
from collections.abc import Sequence

from repopeftbench.audit.findings import Findings
from repopeftbench.dataset.attribution import ATTRIBUTION_NAME, attribution_file
from repopeftbench.dataset.card import card_of
from repopeftbench.dataset.croissant import CROISSANT_NAME, croissant_of
from repopeftbench.dataset.description import Description
from repopeftbench.dataset.hub_records import HubConfig
from repopeftbench.dataset.licences import licence_files

CARD_NAME = "README.md"


def hub_documents(
    description: Description,
    findings: Findings | None,
    repo_id: str,
    configs: Sequence[HubConfig],
    published: dt.date | None = None,
) -> dict[str, bytes]:
    """The documents of a dataset: path on the Hub to content, by path.

    The list of what was taken down is not among them (`tombstones.tombstones_toml`).

    Args:
        description: of the dataset, with the manifest that is published.
        findings: of its audit, None where it was not audited.
        repo_id: the name that it has on the Hub (`ORG/NAME`).
        configs: what is published.
        published: the day it was published for the first time (`croissant.first_published`).
    """
    croissant = croissant_of(description, repo_id, configs, published)
    texts = {
        CARD_NAME: card_of(description, findings, repo_id, configs),
        CROISSANT_NAME: json.dumps(croissant, indent=2, ensure_ascii=False) + "\n",
        ATTRIBUTION_NAME: attribution_file(description.attributions, repo_id.rpartition("/")[2]),
        **{file.path: file.text for file in licence_files(description.licences)},
    }
    return {path: texts[path].encode() for path in sorted(texts)}
