//! Metrics that are collected at each scrape, and their encoder.

use std::fmt;

use contracts::control::Histogram;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// The labels of a series.
pub(super) type Labels = Vec<(&'static str, String)>;

/// The current value of a series.
#[derive(Debug)]
pub(super) enum Value {
    Counter(f64),
    Gauge(f64),
    Histogram(Histogram),
}

/// A metric with its series.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    series: Vec<(Labels, Value)>,
}

/// Metrics, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Families(Vec<Family>);

impl Families {
    /// Adds a series. `name` has no unit, and no `_total` for a counter.
    pub(super) fn add(
        &mut self,
        name: &'static str,
        unit: Option<Unit>,
        help: &'static str,
        labels: Labels,
        value: Value,
    ) {
        match self.0.iter_mut().find(|family| family.name == name) {
            Some(family) => family.series.push((labels, value)),
            None => self.0.push(Family { name, help, unit, series: vec![(labels, value)] }),
        }
    }

    /// Adds a series if there is a value.
    pub(super) fn add_some(
        &mut self,
        name: &'static str,
        unit: Option<Unit>,
        help: &'static str,
        labels: Labels,
        value: Option<Value>,
    ) {
        if let Some(value) = value {
            self.add(name, unit, help, labels, value);
        }
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { name, help, unit, series } in &self.0 {
            let Some((_, first)) = series.first() else { continue };
            let kind = match first {
                Value::Counter(_) => MetricType::Counter,
                Value::Gauge(_) => MetricType::Gauge,
                Value::Histogram(_) => MetricType::Histogram,
            };
            let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            for (labels, value) in series {
                let mut one = metric.encode_family(labels)?;
                match value {
                    Value::Counter(value) => one.encode_counter::<NoLabelSet, _, f64>(value, None)?,
                    Value::Gauge(value) => one.encode_gauge(value)?,
                    Value::Histogram(it) => {
                        // The last bucket has no upper bound.
                        let bounds = it.bounds_s.iter().copied().chain([f64::INFINITY]);
                        let buckets: Vec<(f64, u64)> = bounds.zip(it.counts.iter().copied()).collect();
                        one.encode_histogram::<NoLabelSet>(it.sum_s, it.count(), &buckets, None)?;
                    }
                }
            }
        }
        Ok(())
    }
}
