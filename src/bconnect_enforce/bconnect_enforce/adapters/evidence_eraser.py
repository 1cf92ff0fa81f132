"""Erases the sealed evidence of one violation; what stays proves that it was there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bconnect_enforce.adapters import evidence_store
from bconnect_site.keys import Keyring


def eraser(root: Path, keys: str) -> Callable[[str, str, str, int], None]:
    """Erases a manifest's files under `root`, signed with the site's keys; asked again it
    finishes what was interrupted. It raises ValueError or ConfigError where they are still
    there."""
    opened: list[Keyring] = []

    def erase(manifest: str, why: str, rule: str, stamp: int) -> None:
        if not (root / manifest).parent.is_dir():
            return
        if not opened:
            if not keys:
                raise ValueError("keys_dir: empty; an erasure is signed with the site's key")
            opened.append(Keyring.open(Path(keys)))
        evidence_store.erase(root, manifest, why, stamp, opened[0], rule)

    return erase
