-- Orders are looked for by text and by price. The migrating role needs CREATE on the database for the two extensions, which
-- are trusted; an administrator may also have made them before.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE EXTENSION IF NOT EXISTS btree_gin;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'role % may not make the extensions pg_trgm and btree_gin in database %', current_user, current_database()
        USING HINT = 'As an administrator: CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin; or GRANT CREATE ON DATABASE.';
END
$$;

-- By price, from a known place, in either direction.
CREATE INDEX orders_by_price ON orders (user_id, price, id);

-- By any part of the text. In small letters by ICU's rules, for the database's own locale may know only those of ASCII.
CREATE INDEX orders_by_text ON orders
    USING gin (user_id, lower((title || E'\n' || description) COLLATE "und-x-icu") gin_trgm_ops);
