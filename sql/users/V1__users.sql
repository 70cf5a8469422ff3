-- Accounts, and the refresh tokens that were given out for them.

CREATE TABLE users (
    id            uuid PRIMARY KEY, -- the id of the request that registered it, so that a redelivery finds its own row
    email         text        NOT NULL, -- as it was written
    email_key     text        NOT NULL UNIQUE, -- as it is compared: in lower case
    password_hash text        NOT NULL, -- argon2id, PHC string
    first_name    text        NOT NULL,
    last_name     text        NOT NULL,
    is_active     boolean     NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY, -- SHA-256: whoever reads this table cannot sign in with it
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id, expires_at);
