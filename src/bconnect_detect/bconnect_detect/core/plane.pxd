cimport cython

cdef double _NAN, _INF
cdef int _ROUNDS

@cython.locals(weight=double)
cdef (double, double) _through(double[::1] m, double x, double y) noexcept

@cython.locals(i=cython.Py_ssize_t, out=double[:, ::1])
cdef object _all_through(double[::1] m, const double[:, :] points)

@cython.final
cdef class Plane:
    cdef double[::1] _to
    cdef double[::1] _back
    cdef double[:, ::1] _ends

    cpdef (double, double) place(self, double x, double y) noexcept
    cpdef (double, double) pixel(self, double x, double y) noexcept
    @cython.locals(i=cython.Py_ssize_t, ax=double, ay=double, bx=double, by=double, inside=bint)
    cpdef bint covers(self, double x, double y) noexcept
    cpdef places(self, const double[:, :] points)
    cpdef pixels(self, const double[:, :] ground)
    @cython.locals(i=cython.Py_ssize_t, flags=cython.uchar[::1])
    cpdef cover(self, const double[:, :] points)
    @cython.locals(i=cython.Py_ssize_t, out=double[:, ::1])
    cpdef known(self, const double[:, :] points)
    @cython.locals(i=cython.Py_ssize_t, k=cython.Py_ssize_t, known=bint, out="double[:, :, ::1]")
    cpdef middles(self, const double[:, :] feet, const double[:, :] ahead, const double[:, :] spans)
    @cython.locals(
        _=cython.int, corner=cython.int, half=double, side=double, seen_x=double, seen_y=double,
        ux=double, uy=double, vx=double, vy=double, x=double, y=double, dx=double, dy=double,
        left=double, right=double, low=double, px=double, py=double, at_x=double, at_y=double,
    )
    cpdef (double, double) middle(
        self, double foot_x, double foot_y, double ax, double ay, double length, double width
    ) noexcept
    @cython.locals(at_x=double, at_y=double, ux=double, uy=double, vx=double, vy=double)
    cpdef double step(self, double x, double y, double ax, double ay) noexcept
    @cython.locals(
        at_x=double, at_y=double, ax=double, ay=double, bx=double, by=double, cx=double, cy=double,
        squares=double, area=double, rest=double,
    )
    cpdef double scale(self, double x, double y) noexcept
