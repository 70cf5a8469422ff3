//! HTTP as clients see it: routes, errors, and the published contract.

mod contract;
mod errors;
mod http;
mod routes;
mod search;
