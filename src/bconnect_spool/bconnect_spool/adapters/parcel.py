"""A sealed folder as one file and back. The same folder gives the same bytes."""

import errno
import tarfile
from pathlib import Path, PurePosixPath

MOST_FILES = 200
MOST_BYTES = 2 << 30  # of all files of a parcel
# What names make of the disk: a file below a file, one too long, one twice.
_NAMES = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


class BadParcel(ValueError):
    """A parcel that is not one; str() is the sentence."""


def pack(folder: Path, target: Path) -> None:
    """All files of a folder as a tar file; neither owners nor times. Raises OSError."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as parcel:
        for file in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            info = tarfile.TarInfo(str(PurePosixPath(*file.relative_to(folder).parts)))
            info.size = file.stat().st_size
            info.mode = 0o444
            with file.open("rb") as stream:
                parcel.addfile(info, stream)


def unpack(source: Path, folder: Path) -> None:
    """The files of a parcel into the new folder. Raises BadParcel for anything that is more
    than plain files below it, OSError."""
    folder.mkdir(parents=True)
    try:
        with tarfile.open(source, "r:") as parcel:
            files = total = 0
            for info in parcel:
                files, total = files + 1, total + info.size
                name = PurePosixPath(info.name)
                if name.is_absolute() or ".." in name.parts:
                    raise BadParcel(f"{info.name[:80]}: leads out of the parcel")
                if not info.isreg():
                    raise BadParcel(f"{info.name[:80]}: is no plain file")
                if files > MOST_FILES or total > MOST_BYTES:
                    raise BadParcel(f"more than {MOST_FILES} files or {MOST_BYTES} bytes")
                parcel.extract(info, folder, set_attrs=False, filter="data")
    except OSError as error:
        if error.errno not in _NAMES:
            raise
        raise BadParcel(f"holds a name that is none here ({error.strerror})") from None
    except (tarfile.TarError, UnicodeError, ValueError) as error:
        if isinstance(error, BadParcel):
            raise
        raise BadParcel(" ".join(str(error).split())[:200] or type(error).__name__) from None
