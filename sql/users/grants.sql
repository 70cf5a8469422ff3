-- What each process of the user service may do in its database: what its statements do, and nothing else.
--
-- users-migrate, to whom the tables belong, applies this after the migrations, at every start, and takes away first what was
-- granted before: what does not stand here is not granted. Roles are named like the processes. A new process needs a block.

-- users.register opens an account and its first session, and records the event. Like every process that opens sessions
-- or prolongs them it removes those that have ended; it locks them for that, which takes UPDATE. A request that comes again
-- has its password compared, which takes the hash, and its account locked while its session is opened.
GRANT SELECT (id, email, email_key, password_hash, password_set_by, first_name, last_name, is_active),
      INSERT (id, email, email_key, password_hash, first_name, last_name), UPDATE (created_at) ON users TO "users-register";
GRANT SELECT (id, user_id, expires_at), INSERT (id, user_id, expires_at), UPDATE (user_id), DELETE
    ON sessions TO "users-register";
GRANT SELECT (session_id), INSERT (token_hash, session_id) ON refresh_tokens TO "users-register";
GRANT INSERT (id, name, aggregate, owner, data, request_id, traceparent) ON outbox TO "users-register";

-- users.login compares a password, keeps a new hash of it where the old one has become too weak, and opens a session.
GRANT SELECT (id, email, email_key, password_hash, password_set_by, first_name, last_name, is_active),
      UPDATE (password_hash) ON users TO "users-login";
GRANT SELECT (id, user_id, expires_at), INSERT (id, user_id, expires_at), UPDATE (user_id), DELETE
    ON sessions TO "users-login";
GRANT SELECT (session_id), INSERT (token_hash, session_id) ON refresh_tokens TO "users-login";

-- users.refresh replaces a token and prolongs its session, or ends it.
GRANT SELECT (id, email, first_name, last_name, is_active) ON users TO "users-refresh";
GRANT SELECT (id, user_id, started_at, expires_at), UPDATE (last_used_at, expires_at), DELETE
    ON sessions TO "users-refresh";
GRANT SELECT (token_hash, session_id, replaced_at, replaced_by, salt), INSERT (token_hash, session_id),
      UPDATE (replaced_at, replaced_by, salt), DELETE ON refresh_tokens TO "users-refresh";

-- users.logout ends a session; its tokens go with it.
GRANT SELECT (id), DELETE ON sessions TO "users-logout";
GRANT SELECT (token_hash, session_id) ON refresh_tokens TO "users-logout";

-- users.profile
GRANT SELECT (id, email, first_name, last_name, is_active, created_at) ON users TO "users-profile";
GRANT SELECT ON order_statistics TO "users-profile";

-- users.update_profile changes names, and records the event.
GRANT SELECT (id, email, first_name, last_name, is_active, created_at, version), UPDATE (first_name, last_name, version)
    ON users TO "users-update-profile";
GRANT SELECT ON order_statistics TO "users-update-profile";
GRANT INSERT (id, name, aggregate, owner, data, request_id, traceparent) ON outbox TO "users-update-profile";

-- users.change_password compares a password, keeps another, and ends the other sessions.
GRANT SELECT (id, password_hash, password_set_by, is_active), UPDATE (password_hash, password_set_by)
    ON users TO "users-change-password";
GRANT SELECT (id, user_id), DELETE ON sessions TO "users-change-password";

-- users.sessions
GRANT SELECT (id, user_id, started_at, last_used_at, expires_at) ON sessions TO "users-sessions";

-- users.end_sessions
GRANT SELECT (id, user_id), DELETE ON sessions TO "users-end-sessions";

-- users.inbox
GRANT SELECT ON inbox TO "users-inbox";

-- users.on_order_created counts, and remembers what it has counted for as long as it may come again. It locks what it
-- forgets, which takes UPDATE.
GRANT SELECT, INSERT, UPDATE (order_count, total_spent) ON order_statistics TO "users-on-order-created";
GRANT SELECT, INSERT (listener, event_id), UPDATE (applied_at), DELETE ON inbox TO "users-on-order-created";
GRANT SELECT, INSERT (listener, event_id), UPDATE (attempts, attempted_at), DELETE ON suspects TO "users-on-order-created";

-- The relay leads, numbers what was recorded, publishes it, marks it or sets it aside, and removes it in the end. The right to update
-- the view, which cannot be updated, is the right to lock it.
GRANT SELECT (seq, id, name, aggregate, owner, data, request_id, traceparent, created_at, published_at, published_seq,
              failed_at),
      UPDATE (published_at, published_seq, failed_at, error), DELETE ON outbox TO "users-relay";
GRANT SELECT, UPDATE (term, last, marked) ON outbox_sequence TO "users-relay";
GRANT UPDATE ON relay_leadership TO "users-relay";
