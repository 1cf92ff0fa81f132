"""Secrets and places come from the environment: ``${NAME}`` in a file.

Where NAME is not set, NAME_FILE names a file that holds the value and that nobody else may read.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from bconnect_site.errors import ConfigError
from bconnect_site.fields import ENV

FILE = "_FILE"
MOST = 4096  # bytes of a secret; more is something else
OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def expand_env(text: str, env: Mapping[str, str], key: str) -> str:
    """Text with every ``${NAME}`` replaced; key names it in the error.

    Raises ConfigError naming the variable when it is not set or empty, or its file is no good.
    """
    found, wrong = {}, []
    for name in dict.fromkeys(ENV.findall(text)):
        try:
            found[name] = value_of(name, env, key)
            if not found[name]:
                wrong.append(_sentence(key, name))
        except ConfigError as error:
            wrong += error.sentences
    if wrong:
        raise ConfigError(*wrong)
    return ENV.sub(lambda match: found[match.group(1)], text)


def value_of(name: str, env: Mapping[str, str], key: str) -> str:
    """What NAME is set to, else what the file holds that NAME_FILE names; empty: neither.

    Raises ConfigError: the file cannot be read, or others could read it too.
    """
    given = env.get(name)
    file = "" if given else env.get(f"{name}{FILE}")
    return _read(Path(file), f"{key}: {name}{FILE}") if file else given or ""


def _read(path: Path, key: str) -> str:
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())  # of what is read, not of what is there meanwhile
            if not stat.S_ISREG(about.st_mode):
                raise ConfigError(f"{key}: {path}: is no file")
            if about.st_mode & OPEN_TO_OTHERS:
                mode = stat.S_IMODE(about.st_mode)
                raise ConfigError(
                    f"{key}: {path}: mode {mode:04o} opens it to other users, allowed is 0600; "
                    "run chmod 0600 on it, and change the secret if others could have read it"
                )
            data = file.read(MOST + 1)
    except OSError as error:
        raise ConfigError(f"{key}: {path}: {(error.strerror or str(error)).lower()}") from None
    try:
        text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    if not text or len(data) > MOST or not text.isprintable():
        raise ConfigError(f"{key}: {path}: needs one line of text, at most {MOST} bytes")
    return text


def _sentence(key: str, name: str) -> str:
    return f"{key}: the environment variable {name} is not set; set it to the value meant here"


def hide_password(url: str) -> str:
    """A URL fit for a log: the password between ``:`` and ``@`` becomes ``***``."""
    return re.sub(r"(://[^/@\s:]*:)[^/\s]+@", r"\1***@", url)
