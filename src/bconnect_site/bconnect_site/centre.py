"""The command centre a site sends its sealed violations to."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bconnect_site.fields import Reference, Strict, Text, fault

_AGE = re.compile(r"age1[02-9ac-hj-np-z]{58}")


def _url(value: str) -> str:
    if not value.startswith(("https://", "http://", "${")):
        raise fault(f'found "{value}", needs https://host/path or ${{NAME}}')
    return value


def _bridge(value: str) -> str:
    if not value.startswith(("tls/", "tcp/127.0.0.1:", "tcp/localhost:")):
        raise fault(f'found "{value}", needs tls/host:port')
    return value


def _recipient(value: str) -> str:
    if _AGE.fullmatch(value) is None:
        raise fault(f'found "{value[:16]}", needs an age public key ("age1" and 58 characters)')
    return value


class CentreSettings(Strict):
    """Where the spool goes, and whom it trusts there."""

    url: Annotated[Reference, AfterValidator(_url)] = Field(
        description="the centre's intake, https://host/path or ${NAME}"
    )
    key: Text = Field(description="file with the public key that signs its receipts (PEM)")
    recipient: Annotated[str, AfterValidator(_recipient)] = Field(
        description="the age public key parcels are encrypted to"
    )
    since: date | None = Field(
        default=None,
        description="local day of offences from which on the centre decides and not this site's "
        "own ledger, and from which on they are sent; none: all",
    )
    ca: Text | None = Field(default=None, description="certificate to trust (PEM); none: system's")
    bridge: Annotated[Text, AfterValidator(_bridge)] | None = Field(
        default=None,
        description="the centre's end of the live wire, tls/host:port; none: nothing is told live",
    )
    certificate: Text | None = Field(
        default=None, description="this site's certificate there (PEM); ca is trusted there, too"
    )
    certificate_key: Text | None = Field(default=None, description="its private key (PEM)")
    rate: float = Field(default=0.0, ge=0.0, description="bytes/s at most; 0: no cap")
    most_bytes: int = Field(default=20 << 30, ge=1 << 20, description="bytes that may wait")
    erase: Literal["never", "received", "packed"] = Field(
        default="never",
        description="when sealed folders are erased here: by retention only; after the centre's "
        "signed receipt; or once they wait in the spool, encrypted to the centre",
    )
    erase_hours: float = Field(
        default=24.0, ge=0.0, le=87600.0, description="h a sealed folder is kept after that"
    )

    def decides(self, day: date) -> bool:
        """Whether cases of a local day are the centre's."""
        return self.since is None or day >= self.since
