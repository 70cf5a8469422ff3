//! Metrics of the limits of each pattern.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::metrics::labels::Pattern;

/// The gauges of all patterns.
#[derive(Clone, Default)]
pub(crate) struct OverloadMetrics {
    limit: Family<Pattern, Gauge>,
    open: Family<Pattern, Gauge>,
}

/// The gauges of one pattern.
#[derive(Clone, Default)]
pub(crate) struct OverloadGauges {
    limit: Gauge,
    open: Gauge,
}

impl OverloadMetrics {
    /// Registers the gauges.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "The most requests of a pattern that may be in flight at the moment";
        registry.register("gateway_concurrency_limit", help, Family::clone(&metrics.limit));
        let help = "Whether the circuit breaker of a pattern is open: its workers have stopped replying";
        registry.register("gateway_circuit_breaker_open", help, Family::clone(&metrics.open));
        metrics
    }

    /// The gauges of a pattern.
    pub(crate) fn of(&self, pattern: &'static str) -> OverloadGauges {
        let labels = Pattern { pattern };
        OverloadGauges {
            limit: self.limit.get_or_create(&labels).clone(),
            open: self.open.get_or_create(&labels).clone(),
        }
    }
}

impl OverloadGauges {
    /// Sets both.
    pub(crate) fn show(&self, limit: usize, open: bool) {
        self.limit.set(i64::try_from(limit).unwrap_or(i64::MAX));
        self.open.set(i64::from(open));
    }
}
