"""What was heard as messages. The only file that knows both."""

from math import cos, hypot, isfinite, nan, radians, sin

from bconnect_msgs.msg import ClockState
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistWithCovarianceStamped
from sensor_msgs.msg import Imu, NavSatFix, NavSatStatus

from bconnect_gnss.core.report import SECOND
from bconnect_gnss.core.timing import ClockLook
from bconnect_gnss.listening import Heard

_GPS = 1  # NavSatStatus.SERVICE_GPS


def fix_to_msg(heard: Heard, frame_id: str) -> NavSatFix:
    """A fix; STATUS_NO_FIX and NaN where it is refused. Covariance in m², east, north, up."""
    report = heard.report
    made = nothing_to_msg(heard.stamp, frame_id)
    if heard.refused:
        return made
    made.status.status = (
        NavSatStatus.STATUS_SBAS_FIX if report.augmented else NavSatStatus.STATUS_FIX
    )
    made.latitude, made.longitude = report.latitude, report.longitude
    made.altitude = report.altitude
    spread = [hypot(s, heard.doubt) for s in (report.east_stddev, report.north_stddev)]
    if all(map(isfinite, spread)):
        made.position_covariance_type = (
            NavSatFix.COVARIANCE_TYPE_DIAGONAL_KNOWN
            if report.measured
            else NavSatFix.COVARIANCE_TYPE_APPROXIMATED
        )
        up = report.up_stddev if isfinite(report.up_stddev) else 1e3
        made.position_covariance[0] = spread[0] ** 2
        made.position_covariance[4] = spread[1] ** 2
        made.position_covariance[8] = up**2
    return made


def nothing_to_msg(stamp: int, frame_id: str) -> NavSatFix:
    """No fix at a moment [ns]."""
    made = NavSatFix(latitude=nan, longitude=nan, altitude=nan)
    made.header.stamp = Time(sec=stamp // SECOND, nanosec=stamp % SECOND)
    made.header.frame_id = frame_id
    made.status.status, made.status.service = NavSatStatus.STATUS_NO_FIX, _GPS
    return made


def velocity_to_msg(heard: Heard, frame_id: str) -> TwistWithCovarianceStamped | None:
    """The velocity over ground, m/s east (x) and north (y); None: not known."""
    east, north = heard.report.velocity
    stddev = heard.report.speed_stddev
    if heard.refused or not (isfinite(east) and isfinite(north)):
        return None
    made = TwistWithCovarianceStamped()
    made.header.stamp = Time(sec=heard.stamp // SECOND, nanosec=heard.stamp % SECOND)
    made.header.frame_id = frame_id
    made.twist.twist.linear.x, made.twist.twist.linear.y = east, north
    variance = stddev**2 if isfinite(stddev) else -1.0  # -1: not known, as elsewhere in ROS
    for axis in range(6):
        made.twist.covariance[axis * 7] = variance if axis < 2 else -1.0
    return made


def clock_to_msg(look: ClockLook, now: int) -> ClockState:
    """What is known of this machine's clock, at a moment of it [ns]."""
    made = ClockState(
        offset=look.offset, uncertainty=look.uncertainty, age=look.age, source=look.source
    )
    made.header.stamp = Time(sec=now // SECOND, nanosec=now % SECOND)
    return made


def heading_to_msg(degrees: float, stddev: float, stamp: int, frame_id: str) -> Imu:
    """Which way the front looks (degrees from north, clockwise) as an orientation in ENU."""
    yaw = radians(90.0 - degrees)
    made = Imu()
    made.header.stamp = Time(sec=stamp // SECOND, nanosec=stamp % SECOND)
    made.header.frame_id = frame_id
    made.orientation.z, made.orientation.w = sin(yaw / 2), cos(yaw / 2)
    made.orientation_covariance[0] = made.orientation_covariance[4] = radians(180.0) ** 2
    made.orientation_covariance[8] = radians(stddev) ** 2
    made.angular_velocity_covariance[0] = made.linear_acceleration_covariance[0] = -1.0
    return made
