//! Who asks: one user whose orders are read, and some who place orders, so that the first one's list stays as it is.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{Connection, request};
use crate::results::Result;

const PASSWORD: &str = "measured twice, cut once";
/// As many as a page of the list holds.
const ORDERS: usize = 20;
const WRITERS: usize = 8;
/// Access tokens are good for a quarter of an hour.
const RENEWED_AFTER: Duration = Duration::from_mins(3);

pub(crate) struct People {
    pub(crate) address: SocketAddr,
    pub(crate) reader: Person,
    pub(crate) writers: Vec<Person>,
    /// The reader's orders.
    pub(crate) orders: Vec<String>,
    /// How many orders the writers have placed.
    pub(crate) placed: u64,
    signed_in: Instant,
}

pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) token: String,
}

impl Person {
    pub(crate) fn credentials(&self) -> Value {
        json!({ "email": self.email, "password": PASSWORD })
    }
}

pub(crate) fn order(title: &str) -> Value {
    json!({ "title": title, "description": "Twenty-one bytes long", "price": 19.99 })
}

impl People {
    pub(crate) async fn register(address: SocketAddr) -> Result<Self> {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let mut people = Vec::new();
        for number in 0..=WRITERS {
            let email = format!("bench-{now}-{number}@example.com");
            let body = json!({ "email": email, "password": PASSWORD, "firstName": "Bench", "lastName": "Mark" });
            let answer = ask(address, "POST", "/users/register", None, Some(&body)).await?;
            people.push(Person { email, token: token(&answer)? });
        }
        let reader = people.remove(0);
        let mut orders = Vec::new();
        for number in 0..ORDERS {
            let body = order(&format!("Order {number}"));
            let answer = ask(address, "POST", "/orders", Some(&reader.token), Some(&body)).await?;
            orders.push(answer["id"].as_str().ok_or("an order has no id")?.to_owned());
        }
        Ok(Self { address, reader, writers: people, orders, placed: 0, signed_in: Instant::now() })
    }

    /// Signs everybody in again when the tokens are getting old.
    pub(crate) async fn renew(&mut self) -> Result<()> {
        if self.signed_in.elapsed() < RENEWED_AFTER {
            return Ok(());
        }
        for person in self.writers.iter_mut().chain([&mut self.reader]) {
            let answer = ask(self.address, "POST", "/users/login", None, Some(&person.credentials())).await?;
            person.token = token(&answer)?;
        }
        self.signed_in = Instant::now();
        Ok(())
    }

    /// How many of the writers' orders have been counted: that is what the listener does with their events.
    pub(crate) async fn applied(&self) -> Result<u64> {
        let mut counted = 0;
        for writer in &self.writers {
            let profile = ask(self.address, "GET", "/users/profile", Some(&writer.token), None).await?;
            counted += profile["orderCount"].as_u64().ok_or("a profile has no orderCount")?;
        }
        Ok(counted)
    }
}

fn token(answer: &Value) -> Result<String> {
    let token = answer["tokens"]["access_token"].as_str();
    token.map(str::to_owned).ok_or_else(|| "an account has no access token".into())
}

/// One request that must succeed, on a connection of its own.
async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Result<Value> {
    let trouble = |error: std::io::Error| format!("{method} {path}: {error}");
    let mut connection = Connection::open(address).await.map_err(trouble)?;
    let request = request(address, method, path, token, body);
    let answer = connection.exchange(request.as_bytes()).await.map_err(trouble)?;
    if !(200..300).contains(&answer.status) {
        let said = String::from_utf8_lossy(answer.body);
        return Err(format!("{method} {path} was answered {}: {said}", answer.status));
    }
    serde_json::from_slice(answer.body).map_err(|error| format!("{method} {path}: {error}"))
}
