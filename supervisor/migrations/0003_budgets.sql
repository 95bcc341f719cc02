-- What was used, and a record of each turn: kinds, counts and times, never values (N7, Q9).

-- One row for each turn that ran. Kept for [budgets] records_days, gone with its user. What an access
-- receipt is made of: when, by whom (frontend, origin), why (kind), what of (connection_id), how much was
-- read and changed, and which kinds of fields the model provider saw.
CREATE TABLE turns (
    id opaque_id PRIMARY KEY,
    user_id opaque_id NOT NULL REFERENCES users ON DELETE CASCADE,
    frontend text NOT NULL CHECK (octet_length(frontend) BETWEEN 1 AND 64),
    origin text NOT NULL CHECK (origin IN ('owner', 'customer', 'scheduler')),
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,32}$'),
    connection_id opaque_id, -- no reference: the record outlives the connection
    began_at timestamptz NOT NULL,
    took_ms integer NOT NULL CHECK (took_ms >= 0),
    outcome text NOT NULL CHECK (outcome ~ '^[a-z_]{1,48}$'), -- done, or a code of failures.def
    reported boolean NOT NULL, -- false: it ended without a word; then the tokens are what one may use at most
    tainted boolean NOT NULL,
    refreshed boolean NOT NULL, -- a new access token was fetched from Google
    shown text[] NOT NULL CHECK (array_to_string(shown, ',', '') ~ '^[a-z_,]*$'), -- words of agent/shown.def
    reads integer NOT NULL CHECK (reads >= 0),
    writes integer NOT NULL CHECK (writes >= 0),
    proposals integer NOT NULL CHECK (proposals >= 0),
    model_calls integer NOT NULL CHECK (model_calls >= 0),
    tool_calls integer NOT NULL CHECK (tool_calls >= 0),
    input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    spend bigint NOT NULL CHECK (spend >= 0) -- millionths of the operator's currency, at the prices of then
);
CREATE INDEX turns_of_user ON turns (user_id, began_at);
CREATE INDEX turns_age ON turns (began_at);

-- Sums of a day (UTC), which budgets are held against. Updated in place again and again: room is left on the
-- page, and nothing that changes is indexed.
CREATE TABLE user_days (
    user_id opaque_id NOT NULL REFERENCES users ON DELETE CASCADE,
    day date NOT NULL,
    turns bigint NOT NULL,
    tokens bigint NOT NULL,
    spend bigint NOT NULL,
    PRIMARY KEY (user_id, day)
) WITH (fillfactor = 80);
CREATE INDEX user_days_age ON user_days (day);

-- The row of the empty name is all of them together.
CREATE TABLE frontend_days (
    frontend text NOT NULL CHECK (octet_length(frontend) <= 64),
    day date NOT NULL,
    turns bigint NOT NULL,
    tokens bigint NOT NULL,
    spend bigint NOT NULL,
    PRIMARY KEY (day, frontend)
) WITH (fillfactor = 50);
