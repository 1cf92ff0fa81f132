"""Where a vehicle is: fixes of gpsd or an NMEA receiver, doubted before they are told."""

__version__ = "0.1.0"
