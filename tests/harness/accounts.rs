//! The accounts of our processes on servers that were started here. The script of the development stack creates them, so
//! every test also shows that their permissions suffice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::environment::script;

/// The accounts of one set of servers.
pub struct Accounts {
    /// The `DATA_DIR` of the servers.
    data: PathBuf,
}

impl Accounts {
    /// Generates the passwords of the servers' administrators, before the servers start.
    pub fn begin(data: PathBuf) -> Self {
        for administrator in ["postgres", "guest"] {
            let directory = data.join("accounts").join(administrator);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("password"), format!("{}\n", Uuid::now_v7().simple())).unwrap();
        }
        Self { data }
    }

    /// Creates the accounts at one of the servers: `broker`, `users` or `orders`.
    pub fn make(&self, server: &str, ports: &[(&str, u16)]) -> Result<(), String> {
        let mut make = script("make-accounts");
        make.arg(server).env("DATA_DIR", &self.data);
        make.envs(ports.iter().map(|(variable, port)| (variable, port.to_string())));
        let output = make.output().map_err(|error| error.to_string())?;
        let said = || String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned();
        if output.status.success() { Ok(()) } else { Err(format!("make-accounts {server}: {}", said())) }
    }

    /// The password of an account, if there is one of this name.
    pub fn password(&self, name: &str) -> Option<String> {
        password(&self.data, name)
    }

    /// Gives another `DATA_DIR` the same password of an account.
    pub(crate) fn copy(&self, name: &str, data: &Path) {
        let directory = data.join("accounts").join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("password"), format!("{}\n", self.password(name).unwrap())).unwrap();
    }

    /// An address with an account's name and password.
    pub fn address(&self, url: &str, name: &str) -> Option<String> {
        Some(with_account(url, name, &self.password(name)?))
    }

    /// Sets the addresses of the servers that a process uses, with its own accounts.
    pub(crate) fn set_addresses(&self, command: &mut Command, process: &str, addresses: &[(&str, &String)]) {
        for (variable, url) in addresses {
            if uses(process, variable) {
                command.env(variable, self.address(url, process).expect("every process has an account"));
            } else {
                command.env_remove(variable);
            }
        }
    }
}

/// Whether a process uses the server of this variable.
fn uses(process: &str, variable: &str) -> bool {
    match variable {
        "AMQP_URL" => !process.ends_with("-migrate"),
        "USERS_DATABASE_URL" => process.starts_with("users-"),
        _ => process.starts_with("orders-"),
    }
}

/// The password of an account of the stack whose `DATA_DIR` this is.
pub fn password(data: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(data.join("accounts").join(name).join("password")).ok()?;
    Some(text.trim_end().to_owned())
}

/// An address with another name and password. One of RabbitMQ may be several with commas between them; one of PostgreSQL may
/// name several hosts after one account.
pub fn with_account(urls: &str, name: &str, password: &str) -> String {
    let with_account = |url: &str| {
        let (scheme, rest) = url.split_once("://").unwrap();
        let place = rest.split_once('@').map_or(rest, |(_, place)| place);
        format!("{scheme}://{name}:{password}@{place}")
    };
    urls.replace(",amqp://", " amqp://").split(' ').map(with_account).collect::<Vec<_>>().join(",")
}

/// The output of `signalbox accounts --json`, with the exchanges, which processes may not declare.
pub(crate) fn with_exchanges(mut definitions: Value, vhost: &str) -> Value {
    let kinds = [
        ("patterns", "topic"),
        ("events", "topic"),
        ("control", "topic"),
        ("telemetry", "topic"),
        ("expired", "headers"),
    ];
    let exchanges = kinds.map(|(name, kind)| {
        json!({ "name": name, "vhost": vhost, "type": kind, "durable": true, "auto_delete": false, "internal": false,
            "arguments": {} })
    });
    definitions["exchanges"] = json!(exchanges);
    definitions
}
