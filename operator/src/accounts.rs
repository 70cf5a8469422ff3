//! `signalbox accounts`: the permissions that each process needs at the broker, for a user of the same name.

use std::fmt;

use amqp::topology::permissions::accounts;
use amqp::topology::policies;
use serde::Serialize;
use serde_json::Value;

use crate::error::CliError;
use crate::print;
use crate::tool::Tool;

/// Part of RabbitMQ's definitions file; the field names are RabbitMQ's.
#[derive(Serialize)]
struct Definitions {
    permissions: Vec<Permission>,
    topic_permissions: Vec<TopicPermission>,
    /// The limits of the queues. They come with the permissions so that one import sets both.
    policies: Vec<Value>,
}

#[derive(Serialize)]
struct Permission {
    user: String,
    vhost: String,
    configure: String,
    write: String,
    read: String,
}

#[derive(Serialize)]
struct TopicPermission {
    user: String,
    vhost: String,
    exchange: &'static str,
    write: String,
    read: String,
}

/// Prints the permissions of all processes.
pub(crate) fn show(tool: &Tool) -> Result<bool, CliError> {
    let vhost = tool.broker.vhost();
    let (mut permissions, mut topic_permissions) = (Vec::new(), Vec::new());
    for (user, rights) in accounts(&tool.delays_ms) {
        let topics = rights.topics().map(|(exchange, write, read)| {
            let (user, vhost) = (user.clone(), vhost.to_owned());
            TopicPermission { user, vhost, exchange, write, read }
        });
        topic_permissions.extend(topics);
        let (configure, write, read) = (rights.configure(), rights.write(), rights.read());
        permissions.push(Permission { user, vhost: vhost.to_owned(), configure, write, read });
    }
    let policies = policies().into_iter().map(|policy| {
        let mut body = management::definition(&policy);
        body["name"] = policy.name.into();
        body["vhost"] = vhost.into();
        body
    });
    let policies = policies.collect();
    print::report(&Definitions { permissions, topic_permissions, policies }, tool.json)?;
    Ok(true)
}

impl fmt::Display for Definitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Permission { user, vhost, configure, write, read } in &self.permissions {
            writeln!(f, "{user}, in the vhost {}", print::harmless(vhost))?;
            for (right, expression) in [("configure", configure), ("write", write), ("read", read)] {
                write_expression(f, &format!("  {right:9}  "), expression)?;
            }
            for topic in self.topic_permissions.iter().filter(|topic| topic.user == *user) {
                let TopicPermission { exchange, write, read, .. } = topic;
                writeln!(f, "  routing keys of {exchange}")?;
                write_expression(f, "    write    ", write)?;
                write_expression(f, "    read     ", read)?;
            }
        }
        for policy in &self.policies {
            let field = |key: &str| policy[key].as_str().unwrap_or_default();
            writeln!(f, "policy {}, in the vhost {}", field("name"), print::harmless(field("vhost")))?;
            write_expression(f, "  queues     ", field("pattern"))?;
            for (key, value) in policy["definition"].as_object().into_iter().flatten() {
                writeln!(f, "  {key}  {value}")?;
            }
        }
        Ok(())
    }
}

/// Writes an expression in lines that fit a terminal; lines break after the `|` between two names.
fn write_expression(f: &mut fmt::Formatter<'_>, label: &str, expression: &str) -> fmt::Result {
    const WIDTH: usize = 80;
    let indent = " ".repeat(label.len());
    let mut line = label.to_owned();
    for name in expression.split_inclusive('|') {
        if line.len() > label.len() && line.len() + name.len() > WIDTH {
            writeln!(f, "{line}")?;
            line.clone_from(&indent);
        }
        line.push_str(name);
    }
    writeln!(f, "{line}")
}
