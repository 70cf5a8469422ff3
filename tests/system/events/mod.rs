//! Every committed event is published, reaches every listener, and takes effect once.

mod batches;
mod event_faults;
mod feed;
mod lock;
mod outbox_and_inbox;
mod outbox_schema;
