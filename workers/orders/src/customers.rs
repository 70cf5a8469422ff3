//! A small cache of customers: fetching one with each order makes reading an order a fifth dearer, and clients often
//! read several orders of one customer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use contracts::orders::Customer;
use worker_runtime::{Db, DbError};

/// A changed name is seen after at most this long; with its event's way here it takes less than a second.
const REMEMBERED: Duration = Duration::from_millis(500);
/// The most customers that are cached, in some 200 KB.
const MOST: usize = 1_000;

const FIND: &str = "SELECT email, first_name, last_name FROM customers WHERE user_id = $1";

/// The recently used customers.
#[derive(Default)]
pub struct Customers(RefCell<HashMap<String, (Instant, Customer)>>);

impl Customers {
    /// The customer; `None` while the order service does not know this user, which is not cached.
    pub async fn find(&self, user_id: &str, db: &Db) -> Result<Option<Customer>, DbError> {
        let now = Instant::now();
        if let Some(known) = self.recall(user_id, now) {
            return Ok(Some(known));
        }
        let row = db.row(FIND, &[&user_id]).await?;
        let customer = row.map(|row| Customer {
            email: row.get("email"),
            first_name: row.get("first_name"),
            last_name: row.get("last_name"),
        });
        if let Some(customer) = &customer {
            self.remember(user_id, customer.clone(), now);
        }
        Ok(customer)
    }

    fn recall(&self, user_id: &str, now: Instant) -> Option<Customer> {
        let known = self.0.borrow();
        let (since, customer) = known.get(user_id)?;
        (now.duration_since(*since) < REMEMBERED).then(|| customer.clone())
    }

    fn remember(&self, user_id: &str, customer: Customer, now: Instant) {
        let mut known = self.0.borrow_mut();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(user_id.to_owned(), (now, customer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Customer {
        Customer { email: "ann@example.org".into(), first_name: "Ann".into(), last_name: "Li".into() }
    }

    #[test]
    fn a_customer_is_remembered_for_half_a_second() {
        let (customers, now) = (Customers::default(), Instant::now());
        customers.remember("ann", ann(), now);
        let recalled = |after| customers.recall("ann", now + Duration::from_millis(after)).is_some();
        assert_eq!([recalled(0), recalled(499), recalled(500)], [true, true, false]);
        assert!(customers.recall("bob", now).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (customers, now) = (Customers::default(), Instant::now());
        for n in 0..=MOST {
            customers.remember(&n.to_string(), ann(), now);
        }
        assert!(customers.0.borrow().len() <= MOST && customers.recall(&MOST.to_string(), now).is_some());
    }
}
