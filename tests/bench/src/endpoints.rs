//! What can be measured.

use clap::ValueEnum;
use serde_json::Value;

use crate::http::request;
use crate::people::{People, Person, order};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Endpoint {
    /// GET /orders/{id}
    Read,
    /// GET /orders, a page of 20
    List,
    /// GET /users/profile
    Profile,
    /// POST /orders, until its event is applied
    Create,
    /// POST /users/login: hashing a password is meant to be slow
    Login,
    /// GET /orders/{id} without a token, which the gateway refuses by itself
    Refusal,
}

impl Endpoint {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Profile => "profile",
            Self::Create => "create",
            Self::Login => "login",
            Self::Refusal => "refusal",
        }
    }

    /// The status of a good answer.
    pub(crate) fn expected(self) -> u16 {
        match self {
            Self::Read | Self::List | Self::Profile | Self::Login => 200,
            Self::Create => 201,
            Self::Refusal => 401,
        }
    }

    /// Requests a second of the open loop, unless others are asked for: what two cores do at about a third of their time.
    pub(crate) fn rate(self) -> u32 {
        match self {
            Self::Read | Self::Profile => 1_000,
            Self::List | Self::Create => 400,
            Self::Login => 5,
            Self::Refusal => 4_000,
        }
    }

    /// Requests to be sent one after the other.
    pub(crate) fn requests(self, people: &People) -> Vec<String> {
        let (reader, writers) = (&people.reader, &people.writers);
        let get = |path: &str, token: Option<&str>| request(people.address, "GET", path, token, None);
        let post =
            |path: &str, token: Option<&str>, body: Value| request(people.address, "POST", path, token, Some(&body));
        let own = |person: &Person| get("/users/profile", Some(&person.token));
        let paths = people.orders.iter().map(|id| format!("/orders/{id}"));
        match self {
            Self::Read => paths.map(|path| get(&path, Some(&reader.token))).collect(),
            Self::List => vec![get("/orders", Some(&reader.token))],
            Self::Profile => writers.iter().map(own).collect(),
            Self::Create => writers.iter().map(|it| post("/orders", Some(&it.token), order("Bench order"))).collect(),
            Self::Login => writers.iter().map(|it| post("/users/login", None, it.credentials())).collect(),
            Self::Refusal => paths.map(|path| get(&path, None)).collect(),
        }
    }
}
