//! What the processes of the order service share: how a row becomes an order, and who ordered it.

mod customers;
mod listing;
mod row;
mod search;

pub use customers::Customers;
pub use listing::list;
pub use row::order;
