"""The centre's own tables, beside the ledger's. Stamps are int nanoseconds since 1970 UTC."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

from bconnect_enforce.adapters.ledger.tables import week_table

metadata = MetaData()

version = Table("center_version", metadata, Column("version", Integer, primary_key=True))

accounts = Table(
    "center_accounts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("shown", String(128), nullable=False),
    Column("role", String(16), nullable=False),
    Column("sites", JSON, nullable=False),
    Column("password", String(256)),  # Argon2id; none: not set yet, or signs in elsewhere
    Column("active", Boolean, nullable=False),
    Column("made", BigInteger, nullable=False),
)

# A link that sets a password, once. Only the hash of what is in the link is kept.
invitations = Table(
    "center_invitations",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("account", String(64), nullable=False, index=True),
    Column("expires", BigInteger, nullable=False),
)

sessions = Table(
    "center_sessions",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("account", String(64), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("address", String(64), nullable=False),
)

# Failed sign-ins, so that every server of a centre counts the same.
attempts = Table(
    "center_attempts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(160), nullable=False, index=True),
    Column("stamp", BigInteger, nullable=False, index=True),
)

audit = Table(
    "center_audit",
    metadata,
    Column("line", Integer, primary_key=True, autoincrement=True),
    Column("stamp", BigInteger, nullable=False, index=True),
    Column("who", String(64), nullable=False, index=True),
    Column("what", String(64), nullable=False),
    Column("subject", String(160), nullable=False, index=True),
    Column("site", String(64), nullable=False),
    Column("detail", String, nullable=False),
    Column("address", String(64), nullable=False),
    Column("previous", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False, unique=True),
    sqlite_autoincrement=True,
)

# What happened on the road, newest last; forgotten after some days.
feed = Table(
    "center_feed",
    metadata,
    Column("line", Integer, primary_key=True, autoincrement=True),
    Column("id", String(96), nullable=False, unique=True),  # kind:id, so that nothing comes twice
    Column("kind", String(24), nullable=False),  # finding, violation, announcement, ...
    Column("site", String(64), nullable=False, index=True),
    Column("camera", String(64), nullable=False),
    Column("type", Integer, nullable=False),  # ViolationType
    Column("stamp", BigInteger, nullable=False, index=True),
    Column("heard", BigInteger, nullable=False),
    Column("told", JSON, nullable=False),
    sqlite_autoincrement=True,
)

# The last word of everything that has a state: cameras, speakers, nodes, sites, vehicles.
states = Table(
    "center_states",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("kind", String(24), primary_key=True),  # camera, speaker, node, site, vehicle, listener
    Column("name", String(96), primary_key=True),
    Column("stamp", BigInteger, nullable=False),
    Column("heard", BigInteger, nullable=False, index=True),
    Column("told", JSON, nullable=False),
)

# Road users that passed, per camera, hour (ns, its beginning) and kind: what numbers are per.
traffic = Table(
    "center_traffic",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("camera", String(64), primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("road_user", Integer, primary_key=True),  # RoadUserKind
    Column("count", Integer, nullable=False),
)

# The same by week, kept with it: what pages read. Made anew by `traffic_weeks.count`.
traffic_weeks = week_table(
    "center_traffic_weeks",
    metadata,
    Column("road_user", Integer, primary_key=True, autoincrement=False),
)

# What officers had said on the road: who, where, why, and whether a speaker began.
spoken = Table(
    "center_spoken",
    metadata,
    Column("id", String(64), primary_key=True),  # Announcement.id
    Column("stamp", BigInteger, nullable=False, index=True),
    Column("account", String(64), nullable=False),
    Column("site", String(64), nullable=False),
    Column("speaker", String(64), nullable=False),
    Column("phrase", String(128), nullable=False),
    Column("why", String, nullable=False),
    Column("began", BigInteger, nullable=False),  # 0: not heard to begin, -1: not given
)

# Who has a case open, until when, and how long cases took.
claims = Table(
    "center_claims",
    metadata,
    Column("number", String(128), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("opened", BigInteger, nullable=False),  # 0: fetched ahead, not looked at yet
)
decisions = Table(
    "center_decisions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("number", String(128), nullable=False, index=True),
    Column("account", String(64), nullable=False, index=True),
    Column("decision", String(16), nullable=False),
    Column("reason", String, nullable=False),
    Column("stamp", BigInteger, nullable=False, index=True),
    Column("due", BigInteger, nullable=False),  # when it is written to the ledger; undo until then
    # waiting, first (of two officers), seconded, writing, written, undone, refused
    Column("state", String(16), nullable=False),
    Column("seconds", Float, nullable=False),  # at the case, from opening to deciding
    Column("told", JSON, nullable=False),
)
Index("center_decisions_waiting", decisions.c.state, decisions.c.due)

# What a site's own ledger calls a case that is here, too, and what became of it there.
site_citations = Table(
    "center_site_citations",
    metadata,
    Column("violation_id", String(64), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("number", String(128), nullable=False),
    Column("status", Integer, nullable=False),  # CitationStatus
    Column("stamp", BigInteger, nullable=False),
)

# The pending citations of the ledger in the order they are to be looked at.
queue = Table(
    "center_queue",
    metadata,
    Column("number", String(128), primary_key=True),
    Column("violation_id", String(64), nullable=False, index=True),
    Column("site", String(64), nullable=False),
    Column("camera", String(64), nullable=False),
    Column("type", Integer, nullable=False),  # ViolationType
    Column("stamp", BigInteger, nullable=False),  # of the offence
    Column("opened", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),  # NEVER where none is known
    Column("rank", Integer, nullable=False),  # the dangerous first
)
_ORDER = (queue.c.deadline, queue.c.rank, queue.c.stamp, queue.c.number)
Index("center_queue_order", *_ORDER)
Index("center_queue_site", queue.c.site, *_ORDER)

# Up to which line of somebody else's table something was followed.
marks = Table(
    "center_marks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("line", BigInteger, nullable=False),
)

# The still a camera's zones are drawn on: the newest that was taken or uploaded.
stills = Table(
    "center_stills",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("camera", String(64), primary_key=True),
    Column("state", String(16), nullable=False),  # taking, there, failed
    Column("began", BigInteger, nullable=False),  # of the attempt
    Column("sentence", String, nullable=False),  # why it failed
    Column("origin", String(16), nullable=False),  # source, upload; of the picture that is there
    Column("account", String(64), nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("data", LargeBinary),  # JPEG
)

# What a drawing would have found in a bag; judged by a child of the server that was asked.
previews = Table(
    "center_previews",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("camera", String(64), nullable=False),
    Column("account", String(64), nullable=False),
    Column("began", BigInteger, nullable=False, index=True),
    Column("heard", BigInteger, nullable=False),  # sign of life of the server that judges
    Column("state", String(16), nullable=False),  # judging, done, failed, cancelled
    Column("share", Float, nullable=False),  # 0 to 1
    Column("sentence", String, nullable=False),
    Column("told", JSON, nullable=False),
)
