"""The C allocator, told to keep image buffers instead of giving each back to the kernel."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
MMAP_THRESHOLD = 32 << 20  # bytes: above any image
TRIM_THRESHOLD = 256 << 20  # bytes


def tune_allocator() -> bool:
    """Tells glibc to serve image buffers from its heap and to keep them.

    Otherwise each 1080p image costs some 4500 page faults. Returns False where the C
    library is not glibc; everything works there, only slower.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    done = [mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD), mallopt(_M_TRIM_THRESHOLD, TRIM_THRESHOLD)]
    return all(done)
