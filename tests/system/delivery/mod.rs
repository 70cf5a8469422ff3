//! Requests are delivered, executed once, and answered truthfully, whatever is killed meanwhile.

mod broker_cluster;
mod clocks;
mod database_failover;
mod database_faults;
mod faults;
mod footprint;
mod fuzz;
mod group_commit;
mod idempotency;
mod load;
mod logs;
mod malformed;
mod odd_messages;
mod outcome_codes;
mod overload;
mod requests;
mod restarts;
mod scaling;
mod unavailable_copies;
mod waiting;
