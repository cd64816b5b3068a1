-- The tables of the ledger; see ledger.py for the order in which a load writes them and ledger_schema.py for how
-- files of earlier versions come to this shape: only add columns here, and raise VERSION there.
create table if not exists ledger.meta (
    version integer not null
);

create table if not exists ledger.runs (
    run_id varchar not null,
    org_id varchar not null,
    target varchar,
    command varchar,
    marts varchar,            -- JSON list
    state varchar,            -- running, done, stopped (at a gate), failed, interrupted, resumed (killed, ended by a later run)
    git_commit varchar,
    manifest_hash varchar,
    mapping_hash varchar,
    started_at timestamp,
    ended_at timestamp,
    exit_code integer,
    counts varchar            -- JSON, one object a mart
);

create table if not exists ledger.jobs (
    job_key varchar not null, -- run/mart/round/operation/file
    job_no integer not null,
    run_id varchar not null,
    org_id varchar not null,
    mart varchar,
    object varchar,
    operation varchar,
    result_columns varchar,   -- JSON list: the columns of the part that tell its rows apart
    part_file varchar,
    sha256 varchar,
    bytes bigint,
    rows bigint,
    job_id varchar,
    job_created_at varchar,   -- by the org's clock
    state varchar,            -- prepared, created, closed, then complete, failed, aborted or lost
    error_text varchar,
    created_at timestamp,
    updated_at timestamp,
    purpose varchar,          -- load (or null), rollback
    finished_at varchar,      -- by the org's clock
    user_id varchar           -- who wrote: the user of the load
);

-- the rows of the jobs that are not settled yet
create table if not exists ledger.sent (
    job_no integer not null,
    record_key varchar not null,
    result_key varchar,       -- what tells the row apart in the results
    payload_hash varchar,
    is_new boolean,
    filled varchar            -- names of the fields that get a value, as `,Name,Website,`
);

create table if not exists ledger.records (
    org_id varchar not null,
    mart varchar not null,
    record_key varchar not null,
    sf_id varchar,
    payload_hash varchar,     -- of what the org holds
    filled varchar,           -- names of the fields that we wrote a value into, as `,Name,Website,`
    status varchar,           -- accepted, refused, found (in the org, content unknown), rolled_back
    error_code varchar,
    error_class varchar,      -- transient, permanent
    error_text varchar,
    refused_hash varchar,     -- of what the org refused last
    run_id varchar,
    job_id varchar,
    updated_at timestamp,
    written varchar           -- JSON, field to text, as we wrote each last; an emptied field is ''
);

-- the rows that the last decision about a mart held back
create table if not exists ledger.blocked (
    org_id varchar not null,
    mart varchar not null,
    record_key varchar,
    reason varchar,
    field varchar,
    missing_mart varchar,
    missing_key varchar,
    detail varchar,
    run_id varchar,
    updated_at timestamp
);

-- one line a record and run that wrote it
create table if not exists ledger.before_images (
    org_id varchar not null,
    run_id varchar not null,
    mart varchar not null,
    record_key varchar not null,
    sf_id varchar,
    payload varchar,          -- JSON, field to text, as the org held it before the run; an empty field is ''
    taken_at timestamp,
    job_no integer,           -- the job that carried the row last
    operation varchar,        -- insert, update
    modstamp varchar,         -- SystemModstamp of the record before the run
    state varchar,            -- prepared, written, undone
    undo_job integer,         -- the job of a rollback that carries it
    undone_by varchar,        -- run that rolled it back
    undo_error varchar,       -- what the org said to the last attempt to roll it back
    undo_class varchar        -- transient, permanent
);

-- cells that a person changed after we had written them, and that later loads therefore left alone
create table if not exists ledger.edits (
    org_id varchar not null,
    mart varchar not null,
    record_key varchar not null,
    sf_id varchar,
    field varchar,
    ours varchar,
    theirs varchar,
    run_id varchar,
    noted_at timestamp
);
