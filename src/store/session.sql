-- What one or more sessions of `ferscope run` saw: sums over visits, nothing of one visit, no time, no name of a machine.

-- What the sums depend on, as JSON values.
CREATE TABLE configuration (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The sessions that are in it, so that none is added twice. An id is drawn at random when a session begins.
CREATE TABLE session (
    id TEXT NOT NULL PRIMARY KEY,
    visits INTEGER NOT NULL,            -- faces followed, explained or not
    explanations INTEGER NOT NULL
) WITHOUT ROWID;

-- Sums of an expression. part: `visits` (a map per visit: the mean of its explanations), `pooled` (a map per explanation), both zlib of
-- `HeatmapSums`' bytes; `group-0` to `group-7` (the visits' signed maps, dealt to eight groups), zlib of `SignedSums`' bytes.
CREATE TABLE sums (
    expression TEXT NOT NULL,
    part TEXT NOT NULL,
    maps INTEGER NOT NULL,
    sums BLOB NOT NULL,
    PRIMARY KEY (expression, part)
) WITHOUT ROWID;
