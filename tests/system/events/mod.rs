//! Every committed event is published, reaches every listener, and takes effect once.

mod batches;
mod event_faults;
mod feed;
mod lock;
mod outbox_and_inbox;
mod outbox_rows;
mod outbox_schema;

/// How many events wait to be published.
pub(crate) const UNPUBLISHED: &str = "SELECT (SELECT count(*) FROM outbox_pending)
    + (SELECT count(*) FROM outbox, outbox_sequence
       WHERE failed_at IS NULL AND coalesce(published_seq, marked + 1) > marked)";
