cimport cython

@cython.locals(ax=double, ay=double, bx=double, by=double)
cpdef double distance(a, b) except? -1
@cython.locals(x0=double, y0=double, x1=double, y1=double, wide=double, high=double)
cpdef double area(box) except? -1
cpdef double size(box) except? -1
@cython.locals(
    ax0=double, ay0=double, ax1=double, ay1=double, bx0=double, by0=double, bx1=double,
    by1=double, wide=double, high=double,
)
cpdef double intersection(a, b) except? -1
@cython.locals(overlap=double)
cpdef double iou(a, b) except? -1
@cython.locals(x0=double, y0=double, x1=double, y1=double)
cpdef bint clipped(box, double width, double height, double margin=*) except *
@cython.locals(i=cython.Py_ssize_t, flags="unsigned char[::1]")
cpdef inside(const double[:, :] points, const double[:, :] polygon)
@cython.locals(
    k=cython.Py_ssize_t, n=cython.Py_ssize_t, other=cython.Py_ssize_t, odd=bint, ax=double,
    ay=double, bx=double, by=double,
)
cdef bint _holds(const double[:, :] polygon, double x, double y) noexcept
@cython.locals(
    i=cython.Py_ssize_t, k=cython.Py_ssize_t, hits=cython.Py_ssize_t, width=float, height=float,
    down=float, y=float, tenth=float, out="double[::1]", steps="double[::1]",
)
cpdef base_shares(const float[:, :] boxes, const double[:, :] polygon)
@cython.locals(
    i=cython.Py_ssize_t, k=cython.Py_ssize_t, ax0=double, ay0=double, ax1=double, ay1=double,
    bx0=double, by0=double, bx1=double, by1=double, wide=double, high=double, both=double,
    out="double[:, ::1]",
)
cpdef overlaps(boxes, anchors)

@cython.locals(
    i=cython.Py_ssize_t, x_low=double, y_low=double, x_high=double, y_high=double, x_least=double,
    y_least=double, aside=double, down=double, x=float, y=float, flags="unsigned char[::1]",
)
cpdef around(const float[:, :] boxes, low, high, float times, least)
@cython.locals(
    i=cython.Py_ssize_t, x_low=double, y_low=double, x_high=double, y_high=double, reach=float,
    x=float, y=float, inside=bint, flags="unsigned char[::1]",
)
cpdef near(const float[:, :] boxes, low, high)

@cython.locals(
    i=cython.Py_ssize_t, k=cython.Py_ssize_t, n=cython.Py_ssize_t, left=double, top=double,
    right=double, bottom=double, down=double, aside=double, wide=double, some=bint,
    hidden="double[::1]", flags="unsigned char[::1]",
)
cpdef covered(const double[:, :] boxes, double share, double edge, double slack)
@cython.locals(
    k=cython.Py_ssize_t, half=cython.Py_ssize_t, whole=cython.Py_ssize_t, total=double, a=double,
    b=double, c=double, d=double, e=double, f=double, g=double, h=double,
)
cdef double _total(double[::1] values, Py_ssize_t begin, Py_ssize_t n) noexcept
@cython.locals(
    i=cython.Py_ssize_t, k=cython.Py_ssize_t, n=cython.Py_ssize_t, wide=double, high=double,
    one=double, two=double, flags="unsigned char[::1]",
)
cpdef confusable(
    const double[:, :] boxes, const float[:, :] places, const float[:, :] speeds, double touch,
    double near, double other,
)
@cython.locals(x=float, y=float, square=float)
cdef float _apart(const float[:, :] values, Py_ssize_t i, Py_ssize_t k) noexcept
