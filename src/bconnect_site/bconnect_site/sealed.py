"""What a sealed folder of evidence is called by, and the one byte string of its JSON. Pure.

Two rooms read sealed folders and never import each other: detection seals and verifies,
enforcement reads and erases. ``docs/evidence.md`` tells of the format.
"""

import hashlib
import json
from typing import Any

Json = dict[str, Any]

FORMAT = "bconnect-evidence/2"
OLD_FORMAT = "bconnect-evidence/1"  # unsigned, the finding inside the manifest; still read
VIOLATION_FORMAT = "bconnect-violation/1"
ERASED_FORMAT = "bconnect-erased/1"

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
VIOLATION = "violation.json"
FACTS = "facts.json"
ERASED = "erased.json"
CHAIN = "chain.json"
RELEASE = "release"  # folder of the copies for outside
PARTIAL = ".partial"  # suffix of a folder that is not sealed yet
SET_ASIDE = "set_aside"
STAYS = (MANIFEST, SIGNATURE, ERASED)  # what an erasure leaves


def canonical(plain: Json) -> bytes:
    """The one byte string of some JSON. Raises ValueError for NaN or infinity."""
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    return text.encode() + b"\n"


def sha256(data: bytes) -> str:
    """Digest in hex."""
    return hashlib.sha256(data).hexdigest()


def parse(data: bytes, name: str) -> Json:
    """A JSON object. Raises ValueError with a sentence that begins with the file's name."""
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} was touched: it is no JSON any more ({error})") from None
    if not isinstance(plain, dict):
        raise ValueError(f"{name} was touched: it is no JSON object")
    return plain
