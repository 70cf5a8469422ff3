//! The system tests: the real programs on a real broker and real databases. Each module proves one promise.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod accounts;
mod attacks;
mod clocks;
mod command_line;
mod completeness;
mod compose;
mod contract;
mod cut_off;
mod database_faults;
mod delivery;
mod doors;
mod edge;
mod errors;
mod event_faults;
mod events;
mod faults;
mod feed;
mod footprint;
mod fuzz;
mod idempotency;
mod keys;
mod load;
mod logs;
mod malformed;
mod migrate;
mod odd_messages;
mod operator;
mod pooler;
mod privileges;
mod readme;
mod rotation;
mod routes;
mod scaling;
mod search;
mod sessions;
mod settings;
mod tls;
mod tokens;
mod topology;
mod truth;
