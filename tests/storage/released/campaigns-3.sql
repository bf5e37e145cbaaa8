BEGIN TRANSACTION;
CREATE TABLE attempts (
	id TEXT NOT NULL, 
	campaign TEXT NOT NULL, 
	listed_in TEXT NOT NULL, 
	contact TEXT NOT NULL, 
	contact_key BIGINT NOT NULL, 
	number TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	state TEXT NOT NULL, 
	leased_ms BIGINT NOT NULL, 
	dialled_ms BIGINT, 
	ended_ms BIGINT, 
	disposition TEXT, 
	rang_ms BIGINT, 
	answered_ms BIGINT, 
	evidence TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "attempts" VALUES('open','spring','customers','c1',2,'+493000000010','a','leased',1790000000000,NULL,NULL,NULL,NULL,NULL,'{}');
INSERT INTO "attempts" VALUES('held','spring','customers','c2',3,'+493000000020','a','held',1790000000000,NULL,1790000000000,'held',NULL,NULL,'{"held":"test"}');
INSERT INTO "attempts" VALUES('done','spring','customers','c3',4,'+493000000030','a','ended',1790000000000,NULL,1790000000000,'connected',NULL,NULL,'{}');
CREATE TABLE campaigns (
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	since_ms BIGINT NOT NULL, 
	"by" TEXT NOT NULL, 
	why TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "campaigns" VALUES('spring','running',1790000000000,'','');
CREATE TABLE consents (
	number TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	given_ms BIGINT NOT NULL, 
	expires_ms BIGINT NOT NULL, 
	evidence TEXT NOT NULL, 
	withdrawn_ms BIGINT, 
	PRIMARY KEY (number, kind, given_ms)
);
CREATE TABLE contacts (
	"key" BIGINT NOT NULL, 
	list_key INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	priority INTEGER NOT NULL, 
	due_ms BIGINT NOT NULL, 
	position INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	attempt TEXT, 
	disposition TEXT, 
	zone TEXT NOT NULL, 
	language TEXT NOT NULL, 
	attributes TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	seen_by TEXT NOT NULL, 
	seen_line BIGINT NOT NULL, 
	PRIMARY KEY ("key"), 
	FOREIGN KEY(list_key) REFERENCES lists ("key")
);
INSERT INTO "contacts" VALUES(1,1,'c0','waiting',0,1790000000000,0,0,NULL,NULL,'','','{}',X'AB9F2488982C38AB612B89A521AC6032','',2);
INSERT INTO "contacts" VALUES(2,1,'c1','open',0,1790000000000,0,1,'open',NULL,'','','{}',X'2DDD1FA52C183964DC740CAC50CAA2F6','',3);
INSERT INTO "contacts" VALUES(3,1,'c2','held',0,1790000000000,0,1,'held',NULL,'','','{}',X'4081A6805BFC7CF4D83CB517AE6965C9','',4);
INSERT INTO "contacts" VALUES(4,1,'c3','done',0,1790000000000,0,1,NULL,'connected','','','{}',X'5D65268FD02FD37C1927AF7F6DE0057C','',5);
CREATE TABLE jobs (
	id TEXT NOT NULL, 
	file TEXT NOT NULL, 
	target TEXT NOT NULL, 
	started_ms BIGINT NOT NULL, 
	lines BIGINT NOT NULL, 
	rejects_bytes BIGINT NOT NULL, 
	run INTEGER NOT NULL, 
	new BIGINT NOT NULL, 
	changed BIGINT NOT NULL, 
	same BIGINT NOT NULL, 
	kept BIGINT NOT NULL, 
	refused BIGINT NOT NULL, 
	finished_ms BIGINT, 
	PRIMARY KEY (id)
);
CREATE TABLE lists (
	"key" INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	made_ms BIGINT NOT NULL, 
	changed_ms BIGINT NOT NULL, 
	PRIMARY KEY ("key"), 
	UNIQUE (name)
);
INSERT INTO "lists" VALUES(1,'customers',1790000000000,1790000000000);
CREATE TABLE meta (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('next_contact','5');
CREATE TABLE number_locks (
	number TEXT NOT NULL, 
	attempt TEXT NOT NULL, 
	campaign TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	since_ms BIGINT NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (attempt)
);
INSERT INTO "number_locks" VALUES('+493000000010','open','spring','a',1790000000000);
INSERT INTO "number_locks" VALUES('+493000000020','held','spring','a',1790000000000);
CREATE TABLE numbers (
	contact_key BIGINT NOT NULL, 
	position INTEGER NOT NULL, 
	number TEXT NOT NULL, 
	label TEXT NOT NULL, 
	PRIMARY KEY (contact_key, position)
)
 WITHOUT ROWID

;
INSERT INTO "numbers" VALUES(1,0,'+493000000000','mobile');
INSERT INTO "numbers" VALUES(1,1,'+493000000001','home');
INSERT INTO "numbers" VALUES(2,0,'+493000000010','mobile');
INSERT INTO "numbers" VALUES(2,1,'+493000000011','home');
INSERT INTO "numbers" VALUES(3,0,'+493000000020','mobile');
INSERT INTO "numbers" VALUES(3,1,'+493000000021','home');
INSERT INTO "numbers" VALUES(4,0,'+493000000030','mobile');
INSERT INTO "numbers" VALUES(4,1,'+493000000031','home');
CREATE TABLE previews (
	id TEXT NOT NULL, 
	campaign TEXT NOT NULL, 
	listed_in TEXT NOT NULL, 
	contact TEXT NOT NULL, 
	contact_key BIGINT NOT NULL, 
	number TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	agent TEXT NOT NULL, 
	state TEXT NOT NULL, 
	offered_ms BIGINT NOT NULL, 
	until_ms BIGINT NOT NULL, 
	ended_ms BIGINT, 
	reason TEXT NOT NULL, 
	"by" TEXT NOT NULL, 
	told INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE refusals (
	run TEXT NOT NULL, 
	campaign TEXT NOT NULL, 
	day_ms BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	calls BIGINT NOT NULL, 
	PRIMARY KEY (run, campaign, day_ms, reason)
);
CREATE TABLE results (
	id TEXT NOT NULL, 
	attempt TEXT NOT NULL, 
	campaign TEXT NOT NULL, 
	agent TEXT NOT NULL, 
	code TEXT NOT NULL, 
	step TEXT NOT NULL, 
	due_ms BIGINT, 
	note TEXT NOT NULL, 
	given_ms BIGINT NOT NULL, 
	followed INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE suppression_lists (
	name TEXT NOT NULL, 
	loaded_ms BIGINT NOT NULL, 
	edition INTEGER NOT NULL, 
	loading INTEGER NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE suppressions (
	number TEXT NOT NULL, 
	listed_in TEXT NOT NULL, 
	since_ms BIGINT NOT NULL, 
	edition INTEGER NOT NULL, 
	PRIMARY KEY (number, listed_in)
)
 WITHOUT ROWID

;
CREATE INDEX numbers_number ON numbers (number);
CREATE INDEX attempts_contact ON attempts (listed_in, contact, leased_ms);
CREATE INDEX attempts_time ON attempts (leased_ms, id);
CREATE INDEX attempts_outcome ON attempts (campaign, ended_ms, disposition);
CREATE INDEX attempts_open ON attempts (owner, leased_ms) WHERE state IN ('leased', 'dialling');
CREATE INDEX attempts_held ON attempts (leased_ms, id) WHERE state = 'held';
CREATE INDEX attempts_number ON attempts (number, leased_ms);
CREATE INDEX suppressions_list ON suppressions (listed_in, number);
CREATE INDEX refusals_day ON refusals (day_ms);
CREATE INDEX previews_campaign ON previews (campaign, ended_ms, state);
CREATE INDEX previews_pending ON previews (owner, offered_ms) WHERE (state = 'offered' OR told = 0);
CREATE INDEX previews_contact ON previews (listed_in, contact, offered_ms);
CREATE INDEX results_attempt ON results (attempt, given_ms, id);
CREATE INDEX results_time ON results (campaign, given_ms);
CREATE INDEX contacts_due ON contacts (state, list_key, priority, due_ms, "key");
CREATE UNIQUE INDEX contacts_id ON contacts (id, list_key);
COMMIT;
PRAGMA user_version = 3;
