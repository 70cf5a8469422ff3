-- The privileges of each process of the user service in its database: those that its statements need, and no others.
--
-- users-migrate, which owns the tables, applies this file at every start, after the migrations. It first revokes all earlier
-- grants, so only the grants below exist. Roles are named like the processes. A new process needs a block.

-- users.register opens an account and its first session, and records the event. Like every process that opens or prolongs
-- sessions it prunes those that have ended, and locks them for that, which needs UPDATE. For a redelivered request it
-- compares the password, which needs the hash, and locks the account while it opens the session.
GRANT SELECT (id, email, email_key, password_hash, password_set_by, first_name, last_name, is_active),
      INSERT (id, email, email_key, password_hash, first_name, last_name), UPDATE (created_at) ON users TO "users-register";
GRANT SELECT (id, user_id, expires_at), INSERT (id, user_id, expires_at), UPDATE (user_id), DELETE
    ON sessions TO "users-register";
GRANT SELECT (session_id), INSERT (token_hash, session_id) ON refresh_tokens TO "users-register";
GRANT INSERT (id, name, aggregate, owner, data, request_id, traceparent) ON outbox_pending TO "users-register";
GRANT USAGE ON SEQUENCE outbox_seq_seq TO "users-register";
GRANT INSERT (id, name, aggregate, owner, data, request_id, traceparent) ON outbox TO "users-register"; -- for the previous release

-- users.login compares a password, replaces its hash if that has become too weak, and opens a session.
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
GRANT INSERT (id, name, aggregate, owner, data, request_id, traceparent) ON outbox_pending TO "users-update-profile";
GRANT USAGE ON SEQUENCE outbox_seq_seq TO "users-update-profile";
GRANT INSERT (id, name, aggregate, owner, data, request_id, traceparent) ON outbox TO "users-update-profile"; -- for the previous release

-- users.change_password compares a password, stores another, and ends the other sessions.
GRANT SELECT (id, password_hash, password_set_by, is_active), UPDATE (password_hash, password_set_by)
    ON users TO "users-change-password";
GRANT SELECT (id, user_id), DELETE ON sessions TO "users-change-password";

-- users.sessions
GRANT SELECT (id, user_id, started_at, last_used_at, expires_at) ON sessions TO "users-sessions";

-- users.end_sessions
GRANT SELECT (id, user_id), DELETE ON sessions TO "users-end-sessions";

-- users.inbox
GRANT SELECT ON inbox TO "users-inbox";

-- users.on_order_created counts orders, and keeps inbox rows for as long as their events may be redelivered. Pruning them
-- locks them, which needs UPDATE.
GRANT SELECT, INSERT, UPDATE (order_count, total_spent) ON order_statistics TO "users-on-order-created";
GRANT SELECT, INSERT (listener, event_id), UPDATE (applied_at), DELETE ON inbox TO "users-on-order-created";
GRANT SELECT, INSERT (listener, event_id), UPDATE (attempts, attempted_at), DELETE ON suspects TO "users-on-order-created";

-- The relay leads, numbers recorded events by moving them, publishes them, marks or sets them aside, and prunes them later.
-- UPDATE on the view, which cannot be updated, is the privilege to lock it. For the previous release's relay it may update
-- what that updates.
GRANT SELECT, INSERT, DELETE ON outbox_pending TO "users-relay";
GRANT SELECT (seq, id, name, aggregate, owner, data, request_id, traceparent, created_at, published_at, published_seq,
              failed_at),
      INSERT, UPDATE (published_at, published_seq, failed_at, error), DELETE ON outbox TO "users-relay";
GRANT SELECT, UPDATE (term, last, marked) ON outbox_sequence TO "users-relay";
GRANT UPDATE ON relay_leadership TO "users-relay";
