cimport cython

cdef double _NOISE, _DRIFT, _NOMINAL, _MOST
cdef long long _UNMATCHED

cdef object _longer(object column, Py_ssize_t room)

@cython.final
cdef class Follower:
    cdef double _rate, _lost, _new, _last
    cdef float _high, _overlap
    cdef long long _confirm, _next
    cdef Py_ssize_t _n, _room
    cdef object _assign
    cdef double[:, ::1] _place, _speed, _spread
    cdef double[::1] _unseen
    cdef long long[::1] _missed, _run, _id
    cdef Py_ssize_t[::1] _rows, _columns, _best, _taken

    @cython.locals(i=cython.Py_ssize_t, k=cython.int, elapsed=double, out="long long[::1]")
    cpdef update(self, const double[:, ::1] boxes, const float[::1] sure, double seconds)
    @cython.locals(
        j=cython.Py_ssize_t, k=cython.int, kept=cython.Py_ssize_t, step=double, square=double,
        drift=double, both_drift=double, speed_drift=double, place=double, both=double,
        speed=double, turned=double,
    )
    cdef void _predict(self, double elapsed) noexcept
    @cython.locals(
        i=cython.Py_ssize_t, j=cython.Py_ssize_t, r=cython.Py_ssize_t, n=cython.Py_ssize_t,
        m=cython.Py_ssize_t, whole=bint, tracks="Py_ssize_t[::1]", columns="Py_ssize_t[::1]",
        pairs="Py_ssize_t[::1]", share="float[:, ::1]",
    )
    cdef void _look(
        self, const double[:, ::1] boxes, const float[::1] sure, long long[::1] ids, bint high
    ) except *
    @cython.locals(p=cython.Py_ssize_t, found="Py_ssize_t[::1]", given="Py_ssize_t[::1]")
    cdef void _assigned(
        self, float[:, ::1] share, const double[:, ::1] boxes, long long[::1] ids
    ) except *
    @cython.locals(
        r=cython.Py_ssize_t, c=cython.Py_ssize_t, i=cython.Py_ssize_t, j=cython.Py_ssize_t,
        some=bint, left=double, top=double, right=double, bottom=double, wide=double, high=double,
        both=double, area=double, whole=double,
    )
    cdef bint _share(
        self, const double[:, ::1] boxes, float[:, ::1] share, Py_ssize_t n, Py_ssize_t m
    ) noexcept
    @cython.locals(
        r=cython.Py_ssize_t, c=cython.Py_ssize_t, at=cython.Py_ssize_t, most=float, twice=bint,
        best="Py_ssize_t[::1]", taken="Py_ssize_t[::1]",
    )
    cdef int _plain(self, float[:, ::1] share, Py_ssize_t n, Py_ssize_t m) except -1
    @cython.locals(
        k=cython.int, place=double, both=double, speed=double, weight=double, gain=double,
        turn=double, off=double, rest=double, crossed=double,
    )
    cdef void _see(
        self, Py_ssize_t j, const double[:, ::1] boxes, Py_ssize_t i, long long[::1] ids
    ) noexcept
    @cython.locals(j=cython.Py_ssize_t, kept=cython.Py_ssize_t)
    cdef void _forget(self) noexcept
    @cython.locals(j=cython.Py_ssize_t, k=cython.int)
    cdef void _begin(self, const double[:, ::1] boxes, Py_ssize_t i) except *
    @cython.locals(k=cython.int)
    cdef void _move(self, Py_ssize_t j, Py_ssize_t to) noexcept
    cdef void _grow(self, Py_ssize_t room) except *

@cython.locals(i=cython.Py_ssize_t, value="long long", most="long long")
cpdef long long numbered(
    const long long[::1] raw, const Py_ssize_t[::1] rows, long long[::1] ids, long long base,
    long long step,
) except -1

@cython.locals(
    i=cython.Py_ssize_t, k=cython.Py_ssize_t, mine=list, most=double, value=double,
    best=cython.Py_ssize_t, out="unsigned char[::1]",
)
cpdef settled(list votes, const unsigned char[::1] kind, const float[::1] sure, double fade)
