"""The tables of the campaigns' store, the same in SQLite and PostgreSQL."""

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.schema import CreateIndex, CreateTable, DropIndex

#: Whoever changes a table adds a step to `STEPS`: files of earlier versions become new ones by the same steps.
VERSION = 5

METADATA = MetaData()
#: Attempts that somebody has to look after, and that somebody has to say something about. As text and not as values:
#: only so SQLite sees that the index has all that are asked for.
IS_OPEN = text("attempts.state IN ('leased', 'dialling')")
IS_HELD = text("attempts.state = 'held'")
_OPEN = text("state IN ('leased', 'dialling')")
_HELD = text("state = 'held'")
#: Previews that an agent has, or whose end switch has not been told.
IS_PENDING = text("(previews.state = 'offered' OR previews.told = 0)")
_PENDING = text("(state = 'offered' OR told = 0)")

META = Table("meta", METADATA, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

LISTS = Table(
    "lists",
    METADATA,
    Column("key", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("made_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)

CONTACTS = Table(
    "contacts",
    METADATA,
    # In the order of imports.
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("list_key", Integer, ForeignKey("lists.key"), nullable=False),
    Column("id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    #: The open or held attempt.
    Column("attempt", Text),
    Column("disposition", Text),
    Column("zone", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    #: Of what the import said, to see whether a line is another one.
    Column("digest", LargeBinary, nullable=False),
    #: Job and run that saw it last, and the line.
    Column("seen_by", Text, nullable=False),
    Column("seen_line", BigInteger, nullable=False),
    # No index begins with the list: PostgreSQL would take it to look for ids, as long as it has no figures yet of a
    # table that is just being filled, and then each batch of an import would read all of the list.
    Index("contacts_id", "id", "list_key", unique=True),
    Index("contacts_due", "state", "list_key", "priority", "due_ms", "key"),
)

NUMBERS = Table(
    "numbers",
    METADATA,
    Column("contact_key", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("number", Text, nullable=False),
    Column("label", Text, nullable=False),
    Index("numbers_number", "number"),
    sqlite_with_rowid=False,
)

#: Over all campaigns: whoever has the row has the number.
LOCKS = Table(
    "number_locks",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("attempt", Text, nullable=False, unique=True),
    Column("campaign", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("campaign", Text, nullable=False),
    # By name and id: attempts outlive lists.
    Column("listed_in", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("contact_key", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("leased_ms", BigInteger, nullable=False),
    Column("dialled_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("disposition", Text),
    Column("rang_ms", BigInteger),
    Column("answered_ms", BigInteger),
    Column("evidence", Text, nullable=False),
    Index("attempts_number", "number", "leased_ms"),
    Index("attempts_contact", "listed_in", "contact", "leased_ms"),
    Index("attempts_time", "leased_ms", "id"),
    Index("attempts_outcome", "campaign", "ended_ms", "disposition"),
    Index("attempts_open", "owner", "leased_ms", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("attempts_held", "leased_ms", "id", sqlite_where=_HELD, postgresql_where=_HELD),
)

SUPPRESSION_LISTS = Table(
    "suppression_lists",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("loaded_ms", BigInteger, nullable=False),
    #: The edition in force, and the one that is being loaded (0: none).
    Column("edition", Integer, nullable=False),
    Column("loading", Integer, nullable=False),
)

SUPPRESSIONS = Table(
    "suppressions",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("listed_in", Text, primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("edition", Integer, nullable=False),
    Index("suppressions_list", "listed_in", "number"),
    sqlite_with_rowid=False,
)

CONSENTS = Table(
    "consents",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("given_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("withdrawn_ms", BigInteger),
)

CAMPAIGNS = Table(
    "campaigns",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
)

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("file", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("rejects_bytes", BigInteger, nullable=False),
    Column("run", Integer, nullable=False),
    Column("new", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("same", BigInteger, nullable=False),
    Column("kept", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),
)

#: How often the rules did not let a call be made: by run of a dialer, campaign, day (its begin, UTC) and reason.
REFUSALS = Table(
    "refusals",
    METADATA,
    Column("run", Text, primary_key=True),
    Column("campaign", Text, primary_key=True),
    Column("day_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Index("refusals_day", "day_ms"),
)

#: Contacts that agents were shown before they were called. The id is that of the attempt which follows, if one does.
PREVIEWS = Table(
    "previews",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("listed_in", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("contact_key", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("offered_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("reason", Text, nullable=False),
    #: Who ended it: the agent's name, or a user's.
    Column("by", Text, nullable=False),
    #: 1: switch has the event of its end on disk.
    Column("told", Integer, nullable=False),
    Index("previews_contact", "listed_in", "contact", "offered_ms"),
    Index("previews_campaign", "campaign", "ended_ms", "state"),
    Index("previews_pending", "owner", "offered_ms", sqlite_where=_PENDING, postgresql_where=_PENDING),
)

#: What agents said came of their talks. The last one of an attempt counts.
RESULTS = Table(
    "results",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("attempt", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("due_ms", BigInteger),
    Column("note", Text, nullable=False),
    Column("given_ms", BigInteger, nullable=False),
    #: It was followed: the contact goes on as it says.
    Column("followed", Integer, nullable=False),
    Index("results_attempt", "attempt", "given_ms", "id"),
    Index("results_time", "campaign", "given_ms"),
)


#: Appliances that work on this store, or did.
PRESENCES = Table(
    "presences",
    METADATA,
    #: That of the site, which attempts have as their owner.
    Column("name", Text, primary_key=True),
    #: Of what switch remembers: whoever has another one under the same name does not know what was dialled.
    Column("identity", Text, nullable=False),
    #: The run of the appliance that works here now; empty: it has stopped in order.
    Column("run", Text, nullable=False),
    Column("beats", BigInteger, nullable=False),
    #: By its own clock, for people.
    Column("seen_ms", BigInteger, nullable=False),
)


def _first(connection: Connection) -> None:
    METADATA.create_all(connection, checkfirst=False)


def _second(connection: Connection) -> None:
    # A new database has it already, for `_first` makes all the tables that there are.
    connection.execute(CreateTable(REFUSALS, if_not_exists=True))
    for index in REFUSALS.indexes:
        connection.execute(CreateIndex(index, if_not_exists=True))


def _third(connection: Connection) -> None:
    for table in (PREVIEWS, RESULTS):
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            connection.execute(CreateIndex(index, if_not_exists=True))


def _fourth(connection: Connection) -> None:
    connection.execute(CreateTable(PRESENCES, if_not_exists=True))


def _fifth(connection: Connection) -> None:
    # The first databases had them in another order of columns (see there), and nobody had changed those.
    for index in sorted(CONTACTS.indexes, key=lambda one: str(one.name)):
        connection.execute(DropIndex(index, if_exists=True))
        connection.execute(CreateIndex(index))


#: What makes each version from the one before.
STEPS: tuple[Callable[[Connection], None], ...] = (_first, _second, _third, _fourth, _fifth)
