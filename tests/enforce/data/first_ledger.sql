-- A ledger as the first software wrote it (schema version 1, no migrations): five violations,
-- four citations, three decisions. Made by that software, dumped; never edited.
BEGIN TRANSACTION;
CREATE TABLE citations (
	line INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	number VARCHAR(128) NOT NULL, 
	violation_id VARCHAR(64) NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	camera VARCHAR(64) NOT NULL, 
	type INTEGER NOT NULL, 
	status INTEGER NOT NULL, 
	reviewer VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	violation_stamp BIGINT NOT NULL, 
	stamp BIGINT NOT NULL, 
	previous_hash VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	year INTEGER NOT NULL, 
	serial INTEGER NOT NULL, 
	FOREIGN KEY(violation_id) REFERENCES violations (id), 
	UNIQUE (previous_hash), 
	UNIQUE (hash)
);
INSERT INTO "citations" VALUES(1,'BC-demo-2026-000001','6c07fb43-0444-5881-b288-a7dfcff3fb89','demo','simpang_utara',5,1,'','Usulan tilang diajukan.',1795422600000000000,1795000000000000001,'0000000000000000000000000000000000000000000000000000000000000000','fe49839633caef389ed234d648550572f32e7ac5e458ebab8048ae17719317a2',2026,1);
INSERT INTO "citations" VALUES(2,'BC-demo-2026-000002','225b6d05-95f5-56cb-999f-b8019813bdb7','demo','simpang_utara',5,1,'','Usulan tilang diajukan.',1795422600000000000,1795000000000000002,'fe49839633caef389ed234d648550572f32e7ac5e458ebab8048ae17719317a2','3d78deb17010614b57c778ca5d37dd5e9220e6a79a673e9356cabaaed0b7ff39',2026,2);
INSERT INTO "citations" VALUES(3,'BC-demo-2026-000003','052f0b11-8916-5c4d-bd46-086859b7e7bc','demo','simpang_utara',5,1,'','Usulan tilang diajukan.',1795422600000000000,1795000000000000003,'3d78deb17010614b57c778ca5d37dd5e9220e6a79a673e9356cabaaed0b7ff39','c403a2b874ca3bb545543399c38a06131985a9e1ff5fc0694c0e0869dd6f0a52',2026,3);
INSERT INTO "citations" VALUES(4,'BC-demo-2026-000004','9305db83-fe66-53ed-bb5b-76f77eee4a77','demo','simpang_utara',5,1,'','Usulan tilang diajukan.',1795422600000000000,1795000000000000004,'c403a2b874ca3bb545543399c38a06131985a9e1ff5fc0694c0e0869dd6f0a52','b24d90de3f795aa4de2d941f21d72322d8b502ea2ff0280a75953f32cdcc21d7',2026,4);
INSERT INTO "citations" VALUES(5,'BC-demo-2026-000001','6c07fb43-0444-5881-b288-a7dfcff3fb89','demo','simpang_utara',5,2,'Ipda Sari','',1795422600000000000,1795000000000000100,'b24d90de3f795aa4de2d941f21d72322d8b502ea2ff0280a75953f32cdcc21d7','ff77ca6ff8a269167e79685efcdf6858ab6594182be5c81bc18064d3c0df28de',2026,1);
INSERT INTO "citations" VALUES(6,'BC-demo-2026-000002','225b6d05-95f5-56cb-999f-b8019813bdb7','demo','simpang_utara',5,3,'Ipda Sari','plat tidak terbaca',1795422600000000000,1795000000000000101,'ff77ca6ff8a269167e79685efcdf6858ab6594182be5c81bc18064d3c0df28de','0820ae5188a5da49adf39dd89fd98d3a886e1eb628a0002d8ec859cfc1059926',2026,2);
INSERT INTO "citations" VALUES(7,'BC-demo-2026-000001','6c07fb43-0444-5881-b288-a7dfcff3fb89','demo','simpang_utara',5,4,'AKP Budi','salah kendaraan',1795422600000000000,1795000000000000102,'0820ae5188a5da49adf39dd89fd98d3a886e1eb628a0002d8ec859cfc1059926','0c4ec6c5e9b206fdce51775a8cd2f2bc23db428e36b7a2f8936e53d1e84a9be9',2026,1);
CREATE TABLE measures (
	id VARCHAR(64) NOT NULL, 
	violation_id VARCHAR(64) NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	camera VARCHAR(64) NOT NULL, 
	type INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	mode INTEGER NOT NULL, 
	stamp BIGINT NOT NULL, 
	reason VARCHAR NOT NULL, 
	policy VARCHAR NOT NULL, 
	history INTEGER NOT NULL, 
	due BIGINT NOT NULL, 
	stored BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "measures" VALUES('e06d9002-be1d-5eef-9b4b-c1cc467d8253','6c07fb43-0444-5881-b288-a7dfcff3fb89','demo','simpang_utara',5,1,2,1795422600000000000,'Usulan tilang diajukan.','default.citation',0,0,1795000000000000001);
INSERT INTO "measures" VALUES('2d2dac43-9aac-53ba-bfd7-fc2823fdce9b','6c07fb43-0444-5881-b288-a7dfcff3fb89','demo','simpang_utara',5,4,2,1795422600000000000,'Usulan tilang diajukan.','default.citation',0,0,1795000000000000001);
INSERT INTO "measures" VALUES('ea908f7d-f67d-5de8-851c-d596a5a1f22c','225b6d05-95f5-56cb-999f-b8019813bdb7','demo','simpang_utara',5,1,2,1795422600000000000,'Usulan tilang diajukan.','default.citation',0,0,1795000000000000002);
INSERT INTO "measures" VALUES('ae1fb93c-2fd5-5d9a-bd2e-20d82c7332c5','225b6d05-95f5-56cb-999f-b8019813bdb7','demo','simpang_utara',5,4,2,1795422600000000000,'Usulan tilang diajukan.','default.citation',0,0,1795000000000000002);
INSERT INTO "measures" VALUES('9d24096f-d82e-5022-9383-00c89b8cd838','052f0b11-8916-5c4d-bd46-086859b7e7bc','demo','simpang_utara',5,1,2,1795422600000000000,'Usulan tilang diajukan.','default.citation',0,0,1795000000000000003);
INSERT INTO "measures" VALUES('3faaab2a-8222-54ab-ac69-9661f5fffae4','052f0b11-8916-5c4d-bd46-086859b7e7bc','demo','simpang_utara',5,4,2,1795422600000000000,'Usulan tilang diajukan.','default.citation',0,0,1795000000000000003);
INSERT INTO "measures" VALUES('6606fb9c-e226-50cb-be45-ea1d48d85e3d','9305db83-fe66-53ed-bb5b-76f77eee4a77','demo','simpang_utara',5,1,2,1795422600000000000,'Usulan tilang diajukan.','default.citation',0,0,1795000000000000004);
INSERT INTO "measures" VALUES('5208cf5f-5f07-5f3f-a822-a31c50b8e9ef','9305db83-fe66-53ed-bb5b-76f77eee4a77','demo','simpang_utara',5,4,2,1795422600000000000,'Usulan tilang diajukan.','default.citation',0,0,1795000000000000004);
INSERT INTO "measures" VALUES('4fba7ec2-7384-5d25-80d6-4d610f9d8f85','6508997b-3d48-5464-9775-533fc26cdb83','demo','simpang_utara',5,1,2,1795422600000000000,'Usulan tilang diajukan.','default.citation',0,0,1795000000000000005);
CREATE TABLE schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema" VALUES(1);
CREATE TABLE violations (
	id VARCHAR(64) NOT NULL, 
	type INTEGER NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	camera VARCHAR(64) NOT NULL, 
	zone VARCHAR(64) NOT NULL, 
	stamp BIGINT NOT NULL, 
	started BIGINT NOT NULL, 
	track_id BIGINT NOT NULL, 
	road_user INTEGER NOT NULL, 
	article VARCHAR NOT NULL, 
	basis VARCHAR NOT NULL, 
	catalogue_version VARCHAR NOT NULL, 
	confidence FLOAT, 
	explanation VARCHAR NOT NULL, 
	latitude FLOAT, 
	longitude FLOAT, 
	measured FLOAT, 
	"limit" FLOAT, 
	plate_state INTEGER NOT NULL, 
	plate VARCHAR NOT NULL, 
	evidence JSON NOT NULL, 
	witnesses JSON NOT NULL, 
	missing JSON NOT NULL, 
	manifest VARCHAR NOT NULL, 
	manifest_sha256 VARCHAR NOT NULL, 
	stored BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "violations" VALUES('6c07fb43-0444-5881-b288-a7dfcff3fb89',5,'demo','simpang_utara','bahu',1795422600000000000,1795422540000000000,1,4,'UU 22/2009 Art. 287(3)','sign S-12','2026.1',0.8,'stood 61 s, allowed 60 s',-1.24,116.85,61.0,NULL,0,'','[{"kind": 1, "path": "1/scene.jpg", "sha256": "abababababababababababababababababababababababababababababababab", "stamp": 1795422600000000000}]','[]','[]','1/manifest.json','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd',1795000000000000001);
INSERT INTO "violations" VALUES('225b6d05-95f5-56cb-999f-b8019813bdb7',5,'demo','simpang_utara','bahu',1795422600000000000,1795422540000000000,2,4,'UU 22/2009 Art. 287(3)','sign S-12','2026.1',0.8,'stood 61 s, allowed 60 s',-1.24,116.85,61.0,NULL,0,'','[{"kind": 1, "path": "2/scene.jpg", "sha256": "abababababababababababababababababababababababababababababababab", "stamp": 1795422600000000000}]','[]','[]','2/manifest.json','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd',1795000000000000002);
INSERT INTO "violations" VALUES('052f0b11-8916-5c4d-bd46-086859b7e7bc',5,'demo','simpang_utara','bahu',1795422600000000000,1795422540000000000,3,4,'UU 22/2009 Art. 287(3)','sign S-12','2026.1',0.8,'stood 61 s, allowed 60 s',-1.24,116.85,61.0,NULL,0,'','[{"kind": 1, "path": "3/scene.jpg", "sha256": "abababababababababababababababababababababababababababababababab", "stamp": 1795422600000000000}]','[]','[]','3/manifest.json','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd',1795000000000000003);
INSERT INTO "violations" VALUES('9305db83-fe66-53ed-bb5b-76f77eee4a77',5,'demo','simpang_utara','bahu',1795422600000000000,1795422540000000000,4,4,'UU 22/2009 Art. 287(3)','sign S-12','2026.1',0.8,'stood 61 s, allowed 60 s',-1.24,116.85,61.0,NULL,0,'','[{"kind": 1, "path": "4/scene.jpg", "sha256": "abababababababababababababababababababababababababababababababab", "stamp": 1795422600000000000}]','[]','[]','4/manifest.json','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd',1795000000000000004);
INSERT INTO "violations" VALUES('6508997b-3d48-5464-9775-533fc26cdb83',5,'demo','simpang_utara','bahu',1795422600000000000,1795422540000000000,5,4,'UU 22/2009 Art. 287(3)','sign S-12','2026.1',0.8,'stood 61 s, allowed 60 s',-1.24,116.85,61.0,NULL,0,'','[{"kind": 1, "path": "5/scene.jpg", "sha256": "abababababababababababababababababababababababababababababababab", "stamp": 1795422600000000000}]','[]','[]','5/manifest.json','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd',1795000000000000005);
CREATE INDEX ix_violations_stamp ON violations (stamp);
CREATE INDEX ix_measures_violation_id ON measures (violation_id);
CREATE INDEX ix_citations_violation_id ON citations (violation_id);
CREATE UNIQUE INDEX one_citation_per_number ON citations (site, year, serial) WHERE status = 1;
CREATE INDEX ix_citations_number ON citations (number);
CREATE UNIQUE INDEX one_citation_per_violation ON citations (violation_id) WHERE status = 1;
CREATE TRIGGER citations_no_update BEFORE UPDATE ON citations BEGIN SELECT RAISE(ABORT, 'citations are append-only'); END;
CREATE TRIGGER citations_no_delete BEFORE DELETE ON citations BEGIN SELECT RAISE(ABORT, 'citations are append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('citations',7);
COMMIT;
