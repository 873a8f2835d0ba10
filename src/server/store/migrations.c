#include "server/store/migrations.h"
#include <stddef.h>

/* What sql_scope named: NULL or '' if nothing, and no partition is called that. */
#define SET(name) "current_setting('raum." name "', true)"
#define PART "(SELECT ref FROM partitions WHERE id = " SET("partition") ")"
#define BOUND(table, rows)                                                                         \
    "ALTER TABLE " table " ENABLE ROW LEVEL SECURITY;"                                             \
    "ALTER TABLE " table " FORCE ROW LEVEL SECURITY;"                                              \
    "CREATE POLICY scope ON " table " USING (" rows ") WITH CHECK (" rows ");"
#define OLD "created < CAST(NULLIF(" SET("before") ", '') AS BIGINT)"
#define SWEPT(table)                                                                               \
    "CREATE POLICY swept ON " table " FOR SELECT USING (" OLD ");"                                 \
    "CREATE POLICY sweep ON " table " FOR DELETE USING (" OLD ");"

/* Never change one that was released: append. Times are milliseconds, truths 0 and 1. */
const struct migration migrations[] = {
    {
    /* Better Auth's user and account, sessions as it keeps them (the token itself: its protocol
     * lists tokens of one's other sessions). */
    "CREATE TABLE accounts ("
    " id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE,"
    " email_verified BIGINT NOT NULL, image TEXT, created BIGINT NOT NULL, updated BIGINT NOT NULL,"
    " disabled BIGINT NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE credentials ("
    " id TEXT PRIMARY KEY, account TEXT NOT NULL UNIQUE REFERENCES accounts (id) ON DELETE CASCADE,"
    " hash TEXT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL);"
    "CREATE TABLE sessions ("
    " token TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,"
    " active_space TEXT, ip TEXT NOT NULL, agent TEXT NOT NULL, remember BIGINT NOT NULL,"
    " created BIGINT NOT NULL, updated BIGINT NOT NULL, expires BIGINT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX sessions_account ON sessions (account);"
    "CREATE INDEX sessions_expires ON sessions (expires);"
    /* Links of mails: `reset-password:<token>`, `verify-email:<token>`, one use each. */
    "CREATE TABLE verifications ("
    " id TEXT PRIMARY KEY, identifier TEXT NOT NULL UNIQUE, value TEXT NOT NULL,"
    " created BIGINT NOT NULL, expires BIGINT NOT NULL);"
    "CREATE TABLE spaces ("
    " id TEXT PRIMARY KEY, name TEXT NOT NULL, slug TEXT NOT NULL UNIQUE, logo TEXT,"
    " type TEXT NOT NULL, tier TEXT NOT NULL DEFAULT 'public', metadata TEXT,"
    " created BIGINT NOT NULL, deleted BIGINT, deleted_by TEXT);"
    "CREATE INDEX spaces_deleted ON spaces (deleted) WHERE deleted IS NOT NULL;"
    /* Slugs a space once had: they lead to it until another space takes them. */
    "CREATE TABLE old_slugs ("
    " slug TEXT PRIMARY KEY, space TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE);"
    /* What an offline-made space of a device became: making it again changes nothing. */
    "CREATE TABLE local_spaces ("
    " account TEXT NOT NULL, local_id TEXT NOT NULL,"
    " space TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,"
    " PRIMARY KEY (account, local_id));"
    "CREATE TABLE members ("
    " id TEXT PRIMARY KEY, space TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,"
    " account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,"
    " role TEXT NOT NULL, created BIGINT NOT NULL, UNIQUE (space, account));"
    "CREATE INDEX members_account ON members (account);"
    /* The account whose personal space it is: at most one each. */
    "CREATE TABLE personal_spaces ("
    " account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,"
    " space TEXT NOT NULL UNIQUE REFERENCES spaces (id) ON DELETE CASCADE);"
    /* secret: hash of what the mail's link carries beside the id. */
    "CREATE TABLE invitations ("
    " id TEXT PRIMARY KEY, space TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,"
    " email TEXT NOT NULL, role TEXT NOT NULL, status TEXT NOT NULL, secret BLOB,"
    " inviter TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL);"
    "CREATE INDEX invitations_space ON invitations (space);"
    "CREATE INDEX invitations_email ON invitations (email);"
    "CREATE INDEX invitations_inviter ON invitations (inviter, created);"
    "CREATE TABLE signing_keys ("
    " id TEXT PRIMARY KEY, public BLOB NOT NULL, secret BLOB NOT NULL, created BIGINT NOT NULL);"
    /* Account pictures: the id is unguessable and dies with the next picture. */
    "CREATE TABLE avatars ("
    " account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,"
    " id TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL, created BIGINT NOT NULL);"
    /* The key ring's copies. kind: `server` (wrapped by the vault key) or `device` (opaque). */
    "CREATE TABLE vault ("
    " account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE, key TEXT NOT NULL,"
    " partition TEXT NOT NULL, kind TEXT NOT NULL, record BLOB NOT NULL, created BIGINT NOT NULL,"
    " PRIMARY KEY (account, key));"
    /* Who has a row here opens the ring with a passphrase: then every key's kind is `device`. */
    "CREATE TABLE vault_phrases ("
    " account TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,"
    " salt BLOB NOT NULL, wrapped BLOB NOT NULL, recovery BLOB NOT NULL, created BIGINT NOT NULL);"
    /* Authors that are no more: their rows stay, shown as gone. */
    "CREATE TABLE gone_accounts (id TEXT PRIMARY KEY, deleted BIGINT NOT NULL);",
    NULL},

    {
    /* What devices wrote, merged (server/relay). Ids of partitions, and names of tables, fields,
     * devices and accounts, are kept once. A record's seq is its place in the partition's order of
     * commits; shared: the last one at which it was not private. */
    "CREATE TABLE relay_state (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE names (ref BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE) WITHOUT ROWID;"
    "CREATE TABLE partitions ("
    " ref BIGINT PRIMARY KEY, id TEXT NOT NULL UNIQUE, seq BIGINT NOT NULL,"
    " records BIGINT NOT NULL DEFAULT 0, bytes BIGINT NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE records ("
    " part BIGINT NOT NULL, tbl BIGINT NOT NULL, id TEXT NOT NULL, seq BIGINT NOT NULL,"
    " shared BIGINT NOT NULL, private BIGINT NOT NULL, author BIGINT NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY (part, tbl, id)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX records_seq ON records (part, seq);"
    /* What a field held before, 30 days: for attribution and undo. In the order of commits, so that
     * writing it is appending, and what is old lies together. */
    "CREATE TABLE history ("
    " part BIGINT NOT NULL, seq BIGINT NOT NULL, tbl BIGINT NOT NULL, id TEXT NOT NULL,"
    " created BIGINT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (part, seq)) WITHOUT ROWID;"
    /* The time that a write without one was given: the same again when it is sent again. */
    "CREATE TABLE receipts ("
    " part BIGINT NOT NULL, digest BLOB NOT NULL, at BIGINT NOT NULL, created BIGINT NOT NULL,"
    " PRIMARY KEY (part, digest)) WITHOUT ROWID;"
    "CREATE INDEX receipts_created ON receipts (created);",
    /* The largest ref is not to be seen there: a sequence gives them. */
    "ALTER TABLE partitions ALTER COLUMN ref ADD GENERATED BY DEFAULT AS IDENTITY;"
    BOUND("partitions", "id = " SET("partition"))
    BOUND("records", "part = " PART)
    BOUND("history", "part = " PART)
    BOUND("receipts", "part = " PART)
    "CREATE POLICY account ON partitions FOR SELECT USING (id = 'user:' || " SET("account")
    " OR id IN (SELECT space FROM members WHERE account = " SET("account") "));"
    SWEPT("history") SWEPT("receipts")},
    {
    /* Pictures (server/media). A picture is of the space it was uploaded to and of who uploaded it:
     * another's same id is another picture. `used`: rows showed it once, so that rows alone decide
     * who sees it; seen: the last time it was known to be wanted. */
    "CREATE TABLE media ("
    " space TEXT NOT NULL, id TEXT NOT NULL, owner TEXT NOT NULL, hash TEXT NOT NULL,"
    " type TEXT NOT NULL, purpose TEXT NOT NULL, bytes BIGINT NOT NULL, width BIGINT NOT NULL,"
    " height BIGINT NOT NULL, used BIGINT NOT NULL DEFAULT 0, created BIGINT NOT NULL,"
    " seen BIGINT NOT NULL, deleted BIGINT, PRIMARY KEY (space, id, owner));"
    "CREATE INDEX media_id ON media (id);"
    "CREATE INDEX media_hash ON media (hash);"
    "CREATE INDEX media_owner ON media (owner);"
    "CREATE INDEX media_seen ON media (seen);"
    /* What the storage holds, once whatever the number of pictures that are these bytes. */
    "CREATE TABLE blobs ("
    " hash TEXT PRIMARY KEY, type TEXT NOT NULL, bytes BIGINT NOT NULL, touched BIGINT NOT NULL);"
    /* Which records show which picture of which uploader, kept in the transaction of the record
     * (server/relay/shows.c). live: the record is not deleted. */
    "CREATE TABLE media_refs ("
    " space TEXT NOT NULL, tbl BIGINT NOT NULL, record TEXT NOT NULL, media TEXT NOT NULL,"
    " owner TEXT NOT NULL, author TEXT NOT NULL, private BIGINT NOT NULL, live BIGINT NOT NULL,"
    " PRIMARY KEY (space, tbl, record, media));"
    "CREATE INDEX media_refs_media ON media_refs (media, space);"
    /* Uploads: their bytes so far are a file of this name. done: it became the picture. */
    "CREATE TABLE uploads ("
    " id TEXT PRIMARY KEY, account TEXT NOT NULL, space TEXT NOT NULL, media TEXT NOT NULL,"
    " purpose TEXT NOT NULL, length BIGINT NOT NULL, metadata TEXT NOT NULL,"
    " done BIGINT NOT NULL DEFAULT 0, created BIGINT NOT NULL, expires BIGINT NOT NULL);"
    "CREATE INDEX uploads_account ON uploads (account);"
    "CREATE INDEX uploads_expires ON uploads (expires);"
    /* Accounts whose room for pictures is another than the server's usual one. */
    "CREATE TABLE media_quotas (account TEXT PRIMARY KEY, bytes BIGINT NOT NULL);",
    NULL},
    {
    /* Pictures that were made (server/generate): who let make what from what, what became of it and
     * what it cost the space; no word of a prompt. units: reserved while state is 'begun', then
     * what was delivered. row: what the pictures' rows are to say, JSON. */
    "CREATE TABLE generations ("
    " id TEXT PRIMARY KEY, space TEXT NOT NULL, account TEXT NOT NULL, agent TEXT,"
    " model TEXT NOT NULL, refs TEXT NOT NULL, size TEXT NOT NULL, quality TEXT NOT NULL,"
    " wanted BIGINT NOT NULL, made BIGINT NOT NULL DEFAULT 0, units BIGINT NOT NULL,"
    " state TEXT NOT NULL, outcome TEXT, row TEXT NOT NULL, created BIGINT NOT NULL,"
    " ended BIGINT);"
    "CREATE INDEX generations_space ON generations (space, created);"
    "CREATE INDEX generations_created ON generations (created);"
    /* Pictures that were delivered and are not yet kept: each is a file of that name. */
    "CREATE TABLE generated ("
    " media TEXT PRIMARY KEY, record TEXT NOT NULL, generation TEXT NOT NULL,"
    " created BIGINT NOT NULL);"
    /* Spaces whose allowance is another than the server's usual one. */
    "CREATE TABLE allowances (space TEXT PRIMARY KEY, units BIGINT NOT NULL);",
    NULL},
    {
    /* Agents: a credential for one space (server/agents). hash: of the token; member: the
     * membership that it hangs on, so that who comes back into a space makes new ones. tools: a
     * JSON array of names, all_writes: what is not named may be written, too. */
    "CREATE TABLE agents ("
    " id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE,"
    " account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,"
    " space TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE, member TEXT NOT NULL,"
    " name TEXT NOT NULL, tools TEXT NOT NULL, read_only BIGINT NOT NULL,"
    " all_writes BIGINT NOT NULL, sealed BIGINT NOT NULL, created BIGINT NOT NULL, expires BIGINT,"
    " revoked BIGINT);"
    "CREATE INDEX agents_account ON agents (account, space);"
    "CREATE INDEX agents_space ON agents (space);"
    /* What they did, 30 days. writes: which fields of which rows, with their times, for undo; never
     * a value. undone: when a person took it back. */
    "CREATE TABLE agent_calls ("
    " id TEXT PRIMARY KEY, space TEXT NOT NULL, agent TEXT NOT NULL, account TEXT NOT NULL,"
    " run TEXT NOT NULL, tool TEXT NOT NULL, digest TEXT NOT NULL, outcome TEXT NOT NULL,"
    " created BIGINT NOT NULL, took BIGINT NOT NULL, changes BIGINT NOT NULL, writes TEXT,"
    " undone BIGINT);"
    "CREATE INDEX agent_calls_space ON agent_calls (space, id);"
    "CREATE INDEX agent_calls_agent ON agent_calls (agent, id);"
    "CREATE INDEX agent_calls_run ON agent_calls (run);"
    "CREATE INDEX agent_calls_created ON agent_calls (created);",
    BOUND("agent_calls", "space = " SET("partition"))
    "CREATE POLICY account ON agent_calls FOR SELECT USING (space IN (SELECT space FROM members "
    "WHERE account = " SET("account") "));"
    SWEPT("agent_calls")},
    {NULL, NULL},
};
