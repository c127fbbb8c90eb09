BEGIN TRANSACTION;
CREATE TABLE dead (
    number INTEGER PRIMARY KEY, message_id TEXT NOT NULL UNIQUE, header TEXT NOT NULL,
    payload BLOB NOT NULL, condition TEXT NOT NULL, detail TEXT NOT NULL);
INSERT INTO "dead" VALUES(1,'r-2/3/0','{"version":1,"requestId":"r-2","namespace":"default","functionName":"hello","qualifier":"","traceId":"","acceptedAt":1764324000.5,"attempt":3,"deferrals":0,"dueAt":0.0}',X'5B325D','RetriesExhausted','said "no"');
CREATE TABLE events (
    number INTEGER PRIMARY KEY, header TEXT NOT NULL, payload BLOB NOT NULL,
    due_at REAL NOT NULL, token INTEGER NOT NULL DEFAULT 0);
INSERT INTO "events" VALUES(1,'{"version":1,"requestId":"r-1","namespace":"default","functionName":"hello","qualifier":"live","traceId":"Root=1-2-3","acceptedAt":1764324000.25,"attempt":2,"deferrals":3,"dueAt":0.0}',X'7B226E223A317D',0.0,0);
CREATE TABLE published (message_id TEXT PRIMARY KEY, at REAL NOT NULL);
INSERT INTO "published" VALUES('r-1/2/3',1764324000.0);
CREATE INDEX events_by_due ON events (due_at);
COMMIT;
