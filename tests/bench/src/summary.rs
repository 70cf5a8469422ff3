//! The rounds of one load taken together: medians, and the sum of the errors.

use std::collections::BTreeMap;

use crate::results::{Cell, Latency, StackReport, spread};

/// What the processes are to a request; the columns of the tables.
pub(crate) const GROUPS: [&str; 6] = ["gateway", "workers", "relays", "listeners", "broker", "databases"];

pub(crate) struct Row<'r> {
    pub(crate) first: &'r Cell,
    pub(crate) cells: Vec<&'r Cell>,
}

/// The loads of a stack, each with its rounds.
pub(crate) fn rows(stack: &StackReport) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for cell in &stack.cells {
        match rows.iter_mut().find(|row| row.is(cell)) {
            Some(row) => row.cells.push(cell),
            None => rows.push(Row { first: cell, cells: vec![cell] }),
        }
    }
    rows
}

impl Row<'_> {
    pub(crate) fn is(&self, other: &Cell) -> bool {
        let first = self.first;
        first.endpoint == other.endpoint && first.connections == other.connections && first.rate == other.rate
    }

    pub(crate) fn median(&self, figure: impl Fn(&Cell) -> f64) -> f64 {
        spread(self.cells.iter().map(|cell| figure(cell))).map_or(0.0, |(median, ..)| median)
    }

    pub(crate) fn latency(&self) -> Latency {
        Latency {
            p50_ms: self.median(|cell| cell.latency.p50_ms),
            p90_ms: self.median(|cell| cell.latency.p90_ms),
            p99_ms: self.median(|cell| cell.latency.p99_ms),
            max_ms: self.median(|cell| cell.latency.max_ms),
        }
    }

    /// Processor time for each request, of each group.
    pub(crate) fn cpu_us(&self) -> [f64; GROUPS.len()] {
        GROUPS.map(|wanted| self.median(|cell| of_group(cell, wanted)))
    }

    pub(crate) fn errors(&self) -> BTreeMap<&str, u64> {
        let mut errors = BTreeMap::new();
        for (code, count) in self.cells.iter().flat_map(|cell| &cell.errors) {
            *errors.entry(code.as_str()).or_default() += count;
        }
        errors
    }
}

/// Processor time for each request of one group.
pub(crate) fn of_group(cell: &Cell, wanted: &str) -> f64 {
    cell.cpu_us.iter().filter(|(name, _)| group(name) == wanted).map(|(_, us)| us).sum()
}

/// Of our own programs, without broker and databases.
pub(crate) fn own_cpu_us(cell: &Cell) -> f64 {
    cell.cpu_us.iter().filter(|(name, _)| !["broker", "databases"].contains(&group(name))).map(|(_, us)| us).sum()
}

fn group(process: &str) -> &'static str {
    match process {
        "gateway" => "gateway",
        "broker" => "broker",
        _ if process.ends_with("-db") => "databases",
        _ if process.ends_with("-relay") => "relays",
        _ if process.contains("-on-") => "listeners",
        _ => "workers",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_belongs_to_one_group() {
        let names = ["gateway", "orders-create", "orders-relay", "users-on-order-created", "broker", "users-db"];
        assert_eq!(names.map(group), GROUPS);
    }
}
