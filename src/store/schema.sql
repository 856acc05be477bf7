-- One study. Every number is derived from pictures, networks and configuration alone: no times, no names of machines.

-- What the results depend on beside networks and pictures, as JSON values.
CREATE TABLE configuration (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- One row: whether everything the last command was to do is done.
CREATE TABLE state (
    finished INTEGER NOT NULL
);
INSERT INTO state VALUES (0);

CREATE TABLE network (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    architecture TEXT NOT NULL,         -- the name without its fold
    fold INTEGER,                       -- which training of a cross-validation, if one
    sha256 TEXT NOT NULL,
    input TEXT NOT NULL,                -- how a crop becomes its input, and its outputs probabilities
    classes TEXT NOT NULL               -- of its outputs, in their order, between spaces
);

CREATE TABLE picture (
    number INTEGER PRIMARY KEY,
    path TEXT NOT NULL,                 -- relative to the folder of the study
    label TEXT,                         -- the expression it shows, where known
    subject TEXT,                       -- who it shows, where known
    fold INTEGER,                       -- whose held-out picture it is, where told
    sha256 TEXT,                        -- NULL until it is read
    problem TEXT                        -- why it has no face here
);

-- What a network says of a face. Faces of a picture are numbered from 1, the largest first.
CREATE TABLE answer (
    network INTEGER NOT NULL REFERENCES network,
    picture INTEGER NOT NULL REFERENCES picture,
    face INTEGER NOT NULL,
    expression TEXT NOT NULL,           -- the most probable
    probabilities TEXT NOT NULL,        -- in the order of the network's classes, between spaces
    PRIMARY KEY (network, picture, face)
) WITHOUT ROWID;

-- Pictures that a network has classified (with faces or without).
CREATE TABLE classified (
    network INTEGER NOT NULL REFERENCES network,
    picture INTEGER NOT NULL REFERENCES picture,
    PRIMARY KEY (network, picture)
) WITHOUT ROWID;

-- The faces drawn to be explained; weights is NULL until they are.
CREATE TABLE explanation (
    network INTEGER NOT NULL REFERENCES network,
    picture INTEGER NOT NULL REFERENCES picture,
    face INTEGER NOT NULL,
    expression TEXT NOT NULL,
    place INTEGER NOT NULL,             -- in the order of the draw, from 0
    weights BLOB,                       -- of the superpixels: float64, little-endian
    intercept REAL,
    r2 REAL,
    superpixels BLOB,                   -- zlib of 275 x 224 bytes: which superpixel a pixel of the standard face shows, from 1; 0: none
    moved_mass REAL,                    -- relevance mass and rank accuracy against the region that truly moved, and its
    moved_rank REAL,                    -- share of the crop, where the picture comes with it
    moved_chance REAL,
    curves BLOB,                        -- deletion, insertion, and both in random order; float32, little-endian, one more than
                                        -- superpixels each; for the first faces of a draw, as are
    repeat_correlation REAL,            -- that with an explanation of the same face from other samples, and
    shuffled_correlation REAL,          -- with an explanation by the network with shuffled weights
    problem TEXT,
    PRIMARY KEY (network, picture, face)
) WITHOUT ROWID;

-- Exact sums over the explanations of a network and an expression, zlib of `HeatmapSums`' bytes.
CREATE TABLE heatmap (
    network INTEGER NOT NULL REFERENCES network,
    expression TEXT NOT NULL,
    explanations INTEGER NOT NULL,
    sums BLOB NOT NULL,
    PRIMARY KEY (network, expression)
) WITHOUT ROWID;
