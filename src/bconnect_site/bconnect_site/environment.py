"""Secrets and places come from the environment: ``${NAME}`` in a file."""

import re
from collections.abc import Mapping

from bconnect_site.errors import ConfigError
from bconnect_site.fields import ENV


def expand_env(text: str, env: Mapping[str, str], key: str) -> str:
    """Text with every ``${NAME}`` replaced; key names it in the error.

    Raises ConfigError naming the variable when it is not set or empty.
    """
    missing = [name for name in ENV.findall(text) if not env.get(name)]
    if missing:
        raise ConfigError(*(_sentence(key, name) for name in dict.fromkeys(missing)))
    return ENV.sub(lambda match: env[match.group(1)], text)


def _sentence(key: str, name: str) -> str:
    return f"{key}: the environment variable {name} is not set; set it to the value meant here"


def hide_password(url: str) -> str:
    """A URL fit for a log: the password between ``:`` and ``@`` becomes ``***``."""
    return re.sub(r"(://[^/@\s:]*:)[^/\s]+@", r"\1***@", url)
