"""Hands out a confirmed case: the referral for the police, and the copies for outside."""

import json
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from bconnect_center.adapters.folders import Folders
from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.adapters.referral_package import Package, Tampered, pack
from bconnect_enforce.adapters.referral_pdf import UnreadablePicture
from bconnect_enforce.core.case import Case
from bconnect_enforce.core.citation import Refused
from bconnect_enforce.core.events import REFERRAL
from bconnect_enforce.core.records import Event
from bconnect_enforce.core.referral import refer
from bconnect_enforce.referring import setting_of
from bconnect_site.loader import LoadedSite

LAW = "uu22_2009"  # of a site whose file is not here
WHY = "validation by the police"


class NothingToHand(ValueError):
    """A case that cannot go out; str() is the sentence."""


class Handout:
    """Safe from any thread."""

    def __init__(
        self, ledger: Ledger, folders: Folders, sites: Mapping[str, LoadedSite], zone: ZoneInfo
    ) -> None:
        self._ledger, self._folders, self._sites, self._zone = ledger, folders, sites, zone

    def package(self, case: Case, title: str, who: str, now: int) -> Package:
        """Everything checked, noted in the ledger's events first. Without any original where
        there are copies for outside. Raises NothingToHand, LedgerError."""
        folder = self._folders.find(case.violation)
        if not folder.seal.stands:
            raise NothingToHand(f"{case.number}: its evidence is {folder.seal.state}")
        site = self._sites.get(case.violation.offence.site)
        law, config = (site.site.law, site.config_dir) if site else (LAW, None)
        publics = self._folders.keys_folder(folder.root, case.violation.manifest)
        try:
            setting = setting_of(case.violation, title, self._zone, law, config)
            made = pack(refer(case, setting), case.violation, folder.root, publics, originals=False)
        except (Refused, Tampered, UnreadablePicture) as error:
            raise NothingToHand(str(error)) from None
        detail = {
            "zip_sha256": made.sha256,
            "manifest_sha256": case.violation.manifest_sha256,
            "originals": made.originals,
        }
        told = json.dumps(detail, sort_keys=True)
        line = Event(REFERRAL, case.violation.offence.site, case.number, who, WHY, now, told)
        self._ledger.note(line)
        return made
