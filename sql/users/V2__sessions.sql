-- Sessions: one for each time somebody signed in. Its refresh token is replaced at every use; all that ever were are its
-- family. A session that was signed out of, or one of whose old tokens came again, is deleted, and its family with it.

CREATE TABLE sessions (
    id         uuid PRIMARY KEY, -- the id of the request that opened it
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    started_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL -- moves on with each use, up to a fixed time after the start
);

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at); -- for pruning

-- Every token given out so far becomes a session of its own.
ALTER TABLE refresh_tokens ADD COLUMN session_id uuid NOT NULL DEFAULT gen_random_uuid();
INSERT INTO sessions (id, user_id, started_at, expires_at)
SELECT session_id, user_id, created_at, expires_at FROM refresh_tokens;

DROP INDEX refresh_tokens_by_user;
ALTER TABLE refresh_tokens
    ALTER COLUMN session_id DROP DEFAULT,
    ADD FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE,
    DROP COLUMN user_id,
    DROP COLUMN expires_at,
    ADD COLUMN replaced_at timestamptz, -- when it was used
    ADD COLUMN replaced_by uuid, -- the id of the request that used it: the same request delivered again is no second use
    ADD COLUMN salt        bytea, -- with this and the token itself, and not without, its successor can be told again
    ADD CHECK (num_nulls(replaced_at, replaced_by, salt) IN (0, 3));

CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
