//! A small cache of customers. Fetching the customer with each order makes reading an order a fifth more expensive, and
//! clients often read several orders of one customer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use contracts::orders::Customer;
use worker_runtime::{Db, DbError};

/// How long a customer is cached. Together with the event's delivery, a changed name shows within a second.
const CACHED_FOR: Duration = Duration::from_millis(500);
/// The most customers that are cached, in some 200 KB.
const CAPACITY: usize = 1_000;

const FIND: &str = "SELECT email, first_name, last_name FROM customers WHERE user_id = $1";

/// The recently used customers.
#[derive(Default)]
pub struct Customers(RefCell<HashMap<String, (Instant, Customer)>>);

impl Customers {
    /// The customer; `None` while the order service does not know this user, which is not cached.
    pub async fn find(&self, user_id: &str, db: &Db) -> Result<Option<Customer>, DbError> {
        let now = Instant::now();
        if let Some(cached) = self.get(user_id, now) {
            return Ok(Some(cached));
        }
        let row = db.row(FIND, &[&user_id]).await?;
        let customer = row.map(|row| Customer {
            email: row.get("email"),
            first_name: row.get("first_name"),
            last_name: row.get("last_name"),
        });
        if let Some(customer) = &customer {
            self.insert(user_id, customer.clone(), now);
        }
        Ok(customer)
    }

    fn get(&self, user_id: &str, now: Instant) -> Option<Customer> {
        let cached = self.0.borrow();
        let (since, customer) = cached.get(user_id)?;
        (now.duration_since(*since) < CACHED_FOR).then(|| customer.clone())
    }

    fn insert(&self, user_id: &str, customer: Customer, now: Instant) {
        let mut cached = self.0.borrow_mut();
        if cached.len() >= CAPACITY {
            cached.clear();
        }
        cached.insert(user_id.to_owned(), (now, customer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Customer {
        Customer { email: "ann@example.org".into(), first_name: "Ann".into(), last_name: "Li".into() }
    }

    #[test]
    fn a_customer_is_cached_for_half_a_second() {
        let (customers, now) = (Customers::default(), Instant::now());
        customers.insert("ann", ann(), now);
        let cached = |after| customers.get("ann", now + Duration::from_millis(after)).is_some();
        assert_eq!([cached(0), cached(499), cached(500)], [true, true, false]);
        assert!(customers.get("bob", now).is_none());
    }

    #[test]
    fn the_cache_is_bounded() {
        let (customers, now) = (Customers::default(), Instant::now());
        for n in 0..=CAPACITY {
            customers.insert(&n.to_string(), ann(), now);
        }
        assert!(customers.0.borrow().len() <= CAPACITY && customers.get(&CAPACITY.to_string(), now).is_some());
    }
}
