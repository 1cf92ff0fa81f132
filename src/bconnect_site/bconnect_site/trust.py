"""The keys a site file trusts beside the site's own."""

from typing import Annotated, Literal

from pydantic import Field

from bconnect_site.fields import Strict, Text

Right = Literal["announce", "measure", "tow_order", "sticker", "review", "violation"]


class TrustedSettings(Strict):
    """A key beside the site's own whose orders are followed, e.g. the command centre's."""

    key: Text = Field(description="file with its public key (PEM, Ed25519), from the site file")
    rights: Annotated[tuple[Right, ...], Field(strict=False, min_length=1)] = Field(
        description="what it may order: announce, measure, tow_order, sticker, review; violation: "
        "may say what was sealed, for the evidence of another machine"
    )
