-- Which change of a user a customer's name is from: one that is heard late must not undo a later one. 0 is how the account
-- was opened.

ALTER TABLE customers ADD COLUMN version bigint NOT NULL DEFAULT 0;
