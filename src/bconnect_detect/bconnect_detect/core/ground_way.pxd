cimport cython

cdef double _NAN, _INF, _BORDER, _FOOT, _SECOND
cdef int KEPT

@cython.final
cdef class Lay:
    cdef double _wide, _high, _jitter, _drift, _least
    cdef double[::1] _in
    cdef double[:, ::1] _sides

    @cython.locals(
        i=cython.Py_ssize_t, left=double, top=double, right=double, bottom=double, x=double,
        y=double, weight=double, seen=double, ground_x=double, ground_y=double, width=double,
        height=double, h="double[::1]",
    )
    cpdef feet(
        self, const double[:, ::1] boxes, double[:, ::1] places, double[:, :, ::1] slopes,
        double[:, ::1] jitter, double[:, ::1] drift,
    )
    @cython.locals(k=cython.Py_ssize_t, inside=bint)
    cdef bint _covers(self, double x, double y) noexcept
    @cython.locals(aside=double, below=double, inside=bint)
    cdef bint _cut(self, double left, double top, double right, double bottom) noexcept

@cython.locals(
    i=cython.Py_ssize_t, k=cython.Py_ssize_t, across=double, down=double, xx=double, xy=double,
    yx=double, yy=double, a=double, b=double,
)
cpdef doubts(
    const double[:, :, :] slopes, const double[:, :] jitter, const double[:, :] drift,
    double[:, ::1] spread, double[:, :, ::1] shape, double[:, ::1] near,
)

@cython.final
cdef class Way:
    cdef long long[::1] stamps
    cdef double[:, ::1] at
    cdef long long count, last

    @cython.locals(k=cython.Py_ssize_t)
    cpdef put(
        self, long long stamp, double x, double y, double jitter_x, double jitter_y, long long gap
    )

@cython.final
cdef class Slopes:
    cdef double _window, _seconds, _lasting, _wild
    cdef Py_ssize_t _least
    cdef Py_ssize_t[::1] _known
    cdef double[::1] _times, _values, _spread, _plain, _weights, _z, _sorted

    @cython.locals(
        k=cython.Py_ssize_t, axis=cython.Py_ssize_t, count=cython.Py_ssize_t, span=double,
        seconds=double,
    )
    cpdef of(
        self, Way way, long long stamp, double drift_x, double drift_y, double[:, ::1] made,
        double[:, ::1] doubt, Py_ssize_t i,
    )
    @cython.locals(
        k=cython.Py_ssize_t, n=cython.Py_ssize_t, _=cython.int, slope=double, power=double,
        unit=double, total=double, early=double, off=double, changed=double,
        times="double[::1]", values="double[::1]", spread="double[::1]", weights="double[::1]",
        plain="double[::1]", z="double[::1]",
    )
    cdef void _one(
        self, Way way, Py_ssize_t axis, Py_ssize_t count, double span, double drift,
        double[:, ::1] made, double[:, ::1] doubt, Py_ssize_t i,
    ) noexcept
    @cython.locals(
        k=cython.Py_ssize_t, n=cython.Py_ssize_t, value=double, a0=double, a1=double, a2=double,
        a3=double, a4=double, a5=double, a6=double, a7=double,
    )
    cdef double _sum(self, Py_ssize_t count, int what, double early, double off) noexcept
    @cython.locals(k=cython.Py_ssize_t, n=cython.Py_ssize_t, value=double, ordered="double[::1]")
    cdef double _middle(self, Py_ssize_t count) noexcept
