"""One outside thing each: a socket, a serial line, an NMEA library."""
