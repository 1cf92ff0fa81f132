"""What a referral needs from around the case: the site's words, and the law of that day."""

from pathlib import Path
from zoneinfo import ZoneInfo

from bconnect_enforce.bookkeeping import local_day
from bconnect_enforce.core.records import Violation
from bconnect_enforce.core.referral import Setting
from bconnect_site.errors import ConfigError
from bconnect_site.law import load_catalogue


def setting_of(
    seen: Violation, title: str, zone: ZoneInfo, law: str, config: Path | None = None
) -> Setting:
    """`law`: the catalogue's name; the law as it stood on the day of the offence."""
    day = local_day(seen.offence.stamp, zone)
    try:
        catalogue = load_catalogue(law, config_dir=config)
        article = catalogue.explain(seen.offence.article, day)
        version = catalogue.version(day)
    except ConfigError as error:
        return Setting(title, zone, law_note=f"katalog hukum: {error}")
    changed = article.version != seen.catalogue_version
    note = f"Katalog kini menyebut versi {article.version} untuk hari itu." if changed else ""
    return Setting(title, zone, article, catalogue.title, version.source, note)
