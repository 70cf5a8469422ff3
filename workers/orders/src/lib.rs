//! What the processes of the order service share: reading orders from rows, searching them, and their customers.

mod customers;
mod listing;
mod row;
mod search;

pub use customers::Customers;
pub use listing::list;
pub use row::order;
