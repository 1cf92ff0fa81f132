"""Is a folder encrypted at rest? Asks the kernel: dm-crypt below its disk, or an fscrypt policy.

A pulled disk of a stolen vehicle then tells nothing. That the disk is unlocked without its key
lying beside it (TPM, a person) is the installer's, and cannot be seen from here.
"""

import fcntl
import os
from pathlib import Path

from bconnect_site.errors import ConfigError

_GET_POLICY = 0xC0096616  # FS_IOC_GET_ENCRYPTION_POLICY_EX
_DEEP = 8  # devices below one another


def protection(folder: Path, sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> str:
    """What encrypts a folder that exists: "dm-crypt", "fscrypt"; empty: nothing is known to.

    Raises OSError: the folder is not there.
    """
    if _has_policy(folder):
        return "fscrypt"
    device = os.stat(folder).st_dev
    found = _crypted(f"{os.major(device)}:{os.minor(device)}", sys, _DEEP)
    return "dm-crypt" if found or _crypted(_mounted(folder, proc), sys, _DEEP) else ""


def check(folder: Path, key: str) -> None:
    """Raises ConfigError: a folder that must be encrypted at rest is not. ``key``: who asks."""
    folder.mkdir(parents=True, exist_ok=True)
    if not protection(folder):
        raise ConfigError(
            f"{key}: found encrypted, but {folder} lies on a disk that is not: neither dm-crypt "
            "(LUKS) nor fscrypt is below it; move the state folder there, or say any"
        )


def _has_policy(folder: Path) -> bool:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # struct fscrypt_get_policy_ex_arg: the size of what follows, then the policy.
        answer = bytearray((24).to_bytes(8, "little") + bytes(24))
        fcntl.ioctl(handle, _GET_POLICY, answer)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _crypted(device: str, sys: Path, deep: int) -> bool:
    """Whether a block device (major:minor), or all that lies below it, is a dm-crypt target."""
    base = sys / "dev" / "block" / device
    try:
        if (base / "dm" / "uuid").read_text().startswith("CRYPT-"):
            return True
    except OSError:
        pass
    try:
        below = [(base / "slaves" / name / "dev").read_text().strip() for name in _slaves(base)]
    except OSError:
        return False
    return bool(below) and deep > 0 and all(_crypted(name, sys, deep - 1) for name in below)


def _slaves(base: Path) -> list[str]:
    return sorted(os.listdir(base / "slaves"))


def _mounted(folder: Path, proc: Path) -> str:
    """major:minor of the device a folder's file system was mounted from; btrfs shows another."""
    best, source = "", ""
    where = str(folder.resolve())
    try:
        lines = (proc / "self" / "mountinfo").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        fields = line.split()
        if "-" not in fields or len(fields) < fields.index("-") + 3:
            continue
        at = fields[4]
        inside = where == at or where.startswith(at.rstrip("/") + "/")
        if inside and len(at) >= len(best):
            best, source = at, fields[fields.index("-") + 2]
    try:
        device = os.stat(source).st_rdev if source.startswith("/dev/") else 0
    except OSError:
        return ""
    return f"{os.major(device)}:{os.minor(device)}" if device else ""
