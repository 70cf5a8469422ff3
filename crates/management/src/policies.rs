//! Policies: compares those of the broker with ours, and sets them.

use amqp::topology::{Bound, Policy};
use serde_json::{Map, Value, json};

use crate::client::{Error, Management};

/// How a policy on the broker differs from ours.
#[derive(Debug, PartialEq, Eq)]
pub enum Difference {
    /// It does not.
    None,
    /// The broker does not have it.
    Missing,
    /// In this, as a sentence part.
    Some(String),
}

impl Management {
    /// Compares each policy with that of the broker.
    pub fn compare(&self, policies: &[Policy]) -> Result<Vec<(Policy, Difference)>, Error> {
        let found = self.call("GET", &format!("policies/{}", self.vhost), None)?;
        let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
        let compare = |policy: &Policy| match found.iter().find(|one| one["name"] == policy.name) {
            None => Difference::Missing,
            Some(one) => difference(one, &definition(policy)),
        };
        Ok(policies.iter().map(|policy| (policy.clone(), compare(policy))).collect())
    }

    /// Sets a policy; replaces what has its name.
    pub fn set(&self, policy: &Policy) -> Result<(), Error> {
        self.call("PUT", &format!("policies/{}/{}", self.vhost, policy.name), Some(definition(policy))).map(drop)
    }
}

fn difference(found: &Value, ours: &Value) -> Difference {
    let differs = ["pattern", "definition", "apply-to", "priority"].iter().find(|key| found[**key] != ours[**key]);
    differs
        .map_or(Difference::None, |key| Difference::Some(format!("its {key} is {}, not {}", found[*key], ours[*key])))
}

/// A policy as the management API and RabbitMQ's definitions write it.
pub fn definition(policy: &Policy) -> Value {
    let value = |bound: &Bound| match bound {
        Bound::Number(number) => json!(number),
        Bound::Word(word) => json!(word),
    };
    let definition: Map<String, Value> =
        policy.definition.iter().map(|(key, bound)| ((*key).to_owned(), value(bound))).collect();
    json!({
        "pattern": policy.pattern, "apply-to": "queues", "priority": policy.priority, "definition": definition,
    })
}

#[cfg(test)]
mod tests {
    use amqp::topology::policies;

    use super::*;

    #[test]
    fn the_first_key_that_differs_is_named() {
        let ours = definition(&policies()[0]);
        assert_eq!(difference(&ours, &ours), Difference::None);
        let mut found = ours.clone();
        found["priority"] = json!(-1);
        assert_eq!(
            difference(&found, &ours),
            Difference::Some(format!("its priority is -1, not {}", ours["priority"]))
        );
    }
}
