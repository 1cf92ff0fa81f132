"""A site out of the YAML text that it tells of itself."""

import tempfile
from pathlib import Path

from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError
from bconnect_site.model import Site
from bconnect_site.yamlfile import read_yaml


def site_of(text: str) -> Site | None:
    """The site, read as strictly as a site file; None: it cannot be read by this software."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.yaml"
        path.write_text(text, encoding="utf-8", errors="replace")
        try:
            plain, lines, _ = read_yaml(path, "site_info")
            return validate(Site, plain, "site_info", lines)
        except ConfigError:
            return None
