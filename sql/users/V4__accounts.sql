-- What its owner may change of an account, and what he is shown of its sessions.

ALTER TABLE users
    ADD COLUMN password_set_by uuid, -- the id of the request that changed the password last; none since the account was opened
    ADD COLUMN version bigint NOT NULL DEFAULT 0; -- counts changes of what others are told, for them to know the latest

ALTER TABLE sessions ADD COLUMN last_used_at timestamptz NOT NULL DEFAULT now();
