"""When somebody may be making way for a vehicle on duty (UU 22/2009 Art. 134, 135).

A siren is heard before its vehicle comes into a picture, and a gap closes only after it has gone:
who crosses a line while one is or was about may have made way, and who drives over a solid line
before one comes through the queue may have made room. Rules refuse then, and the truth of a
simulation calls it undecidable, by the same numbers.
"""

NEAR = 70.0  # m from where it happened
AFTER = 3.0  # s since one was last there
AHEAD = 15.0  # s until one comes there, of who made room sideways
