-- Users, their connections to Google, and what is remembered for them. Tokens and preferences are
-- sealed under keys that this database never sees (Q4); link, cookie, state and code tokens are kept as
-- BLAKE2b hashes only.

CREATE DOMAIN opaque_id AS text CHECK (VALUE ~ '^[0-9a-f]{32}$');
CREATE DOMAIN token_hash AS bytea CHECK (octet_length(VALUE) = 32);

CREATE TABLE users (
    id opaque_id PRIMARY KEY,
    frontend text NOT NULL CHECK (octet_length(frontend) BETWEEN 1 AND 64),
    name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 128),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (frontend, name)
);

-- pending        the consent is under way, or its code waits to be redeemed
-- active         the user's one connection
-- broken         still the user's, but Google refuses the token
-- disconnecting  to be revoked at Google, then as discarded
-- discarded      its key is to be destroyed, then the row
-- A user with connections cannot be deleted: their keys must go first.
CREATE TABLE connections (
    id opaque_id PRIMARY KEY,
    user_id opaque_id REFERENCES users ON DELETE RESTRICT,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'active', 'broken', 'disconnecting', 'discarded')),
    frontend text NOT NULL,
    features text[] NOT NULL,
    return_to text NOT NULL CHECK (octet_length(return_to) BETWEEN 1 AND 1024),
    scopes text[] NOT NULL DEFAULT '{}',
    sealed_refresh bytea CHECK (octet_length(sealed_refresh) <= 4096),
    token_version bigint NOT NULL DEFAULT 0 CHECK (token_version >= 0),
    subject_tag bytea CHECK (octet_length(subject_tag) <= 64),
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    connected_at timestamptz,
    CHECK (state NOT IN ('active', 'broken')
           OR (user_id IS NOT NULL AND sealed_refresh IS NOT NULL AND connected_at IS NOT NULL))
);
CREATE UNIQUE INDEX connections_one_per_user ON connections (user_id)
    WHERE state IN ('active', 'broken');
CREATE INDEX connections_of_user ON connections (user_id);
CREATE INDEX connections_unfinished ON connections (changed_at)
    WHERE state IN ('pending', 'disconnecting', 'discarded');

-- One row from link to redeemed code. The user need not exist before the code is redeemed.
CREATE TABLE connect_links (
    link_hash token_hash PRIMARY KEY,
    frontend text NOT NULL CHECK (octet_length(frontend) BETWEEN 1 AND 64),
    user_name text NOT NULL CHECK (octet_length(user_name) BETWEEN 1 AND 128),
    features text[] NOT NULL,
    return_to text NOT NULL CHECK (octet_length(return_to) BETWEEN 1 AND 1024),
    connection_id opaque_id REFERENCES connections ON DELETE SET NULL,
    cookie_hash token_hash,
    state_hash token_hash UNIQUE,
    code_hash token_hash UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    opened_at timestamptz,
    state_expires_at timestamptz,
    used_at timestamptz,
    code_expires_at timestamptz,
    redeemed_at timestamptz
);
CREATE INDEX connect_links_age ON connect_links (created_at);
CREATE INDEX connect_links_connection ON connect_links (connection_id);

-- At most 64 a user, 300 characters each: all of them fit into one TURN_START beside its message.
CREATE TABLE preferences (
    id opaque_id PRIMARY KEY,
    user_id opaque_id NOT NULL REFERENCES users ON DELETE CASCADE,
    sealed bytea NOT NULL CHECK (octet_length(sealed) BETWEEN 1 AND 1280),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX preferences_of_user ON preferences (user_id, created_at);

-- Idempotency keys that were seen, as hashes, for a day.
CREATE TABLE requests (
    user_id opaque_id NOT NULL REFERENCES users ON DELETE CASCADE,
    key_hash token_hash NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key_hash)
);
CREATE INDEX requests_age ON requests (created_at);
