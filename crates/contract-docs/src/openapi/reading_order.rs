//! Writes an OpenAPI document in reading order, because pages show it in the order of the file.

use gateway::routing::table::TABLE;
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

const TOP: [&str; 7] = ["openapi", "info", "servers", "tags", "security", "paths", "components"];

/// A document, written from its title to its details, with the paths in the order of the route table.
pub(crate) struct Ordered<'a>(pub(crate) &'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(TOP.iter().map(|key| (key, Part { key, value: &self.0[key] })))
    }
}

struct Part<'a> {
    key: &'a str,
    value: &'a Value,
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.key != "paths" {
            return self.value.serialize(serializer);
        }
        let mut paths: Vec<&str> = Vec::new();
        for route in TABLE.iter().filter(|route| self.value.get(route.path).is_some()) {
            if !paths.contains(&route.path) {
                paths.push(route.path);
            }
        }
        serializer.collect_map(paths.into_iter().map(|path| (path, &self.value[path])))
    }
}
