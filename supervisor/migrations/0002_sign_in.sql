-- Who is asking: the pinned Google account of each user, sign-ins under way, sessions of the web pages.

-- Keyed hash of Google's sub. Set by the first connection (for the web pages' users by signing in), and
-- changed only by a link that its owner made for that. It stays when the connection ends.
ALTER TABLE users ADD COLUMN subject_tag bytea CHECK (octet_length(subject_tag) = 32);
ALTER TABLE connect_links ADD COLUMN switch_account boolean NOT NULL DEFAULT false;
CREATE INDEX connect_links_of_user ON connect_links (frontend, user_name);
-- Until now made under another key: what waits to be redeemed would pin an account that none is.
UPDATE connections SET subject_tag = NULL;

-- A browser that went to Google to sign in. Good for 10 minutes, once.
CREATE TABLE sign_ins (
    state_hash token_hash PRIMARY KEY,
    cookie_hash token_hash NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz
);
CREATE INDEX sign_ins_age ON sign_ins (created_at);

-- A browser that is signed in. Cookies are kept as hashes; what is sealed (the grant, the address that
-- signed in) opens with the cookie alone, so that no copy of this table can be used for anything.
--   cookie     the one in use
--   next_      handed out in its place, not seen yet; takes its place when it is
--   last_      the one before; still good until last_until, after that a sign of theft
CREATE TABLE web_sessions (
    id opaque_id PRIMARY KEY,
    user_id opaque_id NOT NULL REFERENCES users ON DELETE CASCADE,
    cookie_hash token_hash NOT NULL UNIQUE,
    sealed bytea NOT NULL CHECK (octet_length(sealed) <= 1024),
    next_hash token_hash UNIQUE,
    next_sealed bytea CHECK (octet_length(next_sealed) <= 1024),
    last_hash token_hash UNIQUE,
    last_sealed bytea CHECK (octet_length(last_sealed) <= 1024),
    last_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(), -- when a cookie was last handed out
    used_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX web_sessions_of_user ON web_sessions (user_id);
CREATE INDEX web_sessions_age ON web_sessions (used_at);
