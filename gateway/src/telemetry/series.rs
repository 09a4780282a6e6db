//! How are declared metrics kept? In a registry of Prometheus' client, found by their declaration.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus::{Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

/// Values of a label that grow with the lake, at most.
const MAX_VALUES: usize = 200;
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
];

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric as it is declared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

impl fmt::Display for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        write!(f, "{kind} {}{{{}}}", self.name, self.labels.join(","))
    }
}

/// The values of all metrics.
#[derive(Debug)]
pub(super) struct Series {
    registry: Registry,
    counters: HashMap<&'static str, IntCounterVec>,
    gauges: HashMap<&'static str, GaugeVec>,
    histograms: HashMap<&'static str, HistogramVec>,
    /// By label.
    values: Mutex<HashMap<&'static str, BTreeSet<String>>>,
}

impl Series {
    pub(super) fn new(declared: &[Declared]) -> prometheus::Result<Self> {
        let mut made = Self {
            registry: Registry::new(),
            counters: HashMap::new(),
            gauges: HashMap::new(),
            histograms: HashMap::new(),
            values: Mutex::default(),
        };
        for metric in declared {
            made.register(*metric)?;
        }
        Ok(made)
    }

    fn register(&mut self, metric: Declared) -> prometheus::Result<()> {
        let options = Opts::new(metric.name, metric.help);
        match metric.kind {
            Kind::Counter => {
                let made = IntCounterVec::new(options, metric.labels)?;
                self.registry.register(Box::new(made.clone()))?;
                self.counters.insert(metric.name, made);
            }
            Kind::Gauge => {
                let made = GaugeVec::new(options, metric.labels)?;
                self.registry.register(Box::new(made.clone()))?;
                self.gauges.insert(metric.name, made);
            }
            Kind::Histogram => {
                let options = HistogramOpts::from(options).buckets(SECONDS.to_vec());
                let made = HistogramVec::new(options, metric.labels)?;
                self.registry.register(Box::new(made.clone()))?;
                self.histograms.insert(metric.name, made);
            }
        }
        Ok(())
    }

    pub(super) fn count(&self, metric: Declared, labels: &[&str], more: u64) {
        let counter = self.counters.get(metric.name);
        if let Some(Ok(counter)) = counter.map(|counter| counter.get_metric_with_label_values(labels)) {
            counter.inc_by(more);
        }
    }

    /// The counter has come to `total` elsewhere.
    pub(super) fn advance(&self, metric: Declared, labels: &[&str], total: u64) {
        let counter = self.counters.get(metric.name);
        if let Some(Ok(counter)) = counter.map(|counter| counter.get_metric_with_label_values(labels)) {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }

    pub(super) fn set(&self, metric: Declared, labels: &[&str], value: f64) {
        let gauge = self.gauges.get(metric.name);
        if let Some(Ok(gauge)) = gauge.map(|gauge| gauge.get_metric_with_label_values(labels)) {
            gauge.set(value);
        }
    }

    /// Forgets all series of a gauge, before those of now are set.
    pub(super) fn clear(&self, metric: Declared) {
        if let Some(gauge) = self.gauges.get(metric.name) {
            gauge.reset();
        }
    }

    pub(super) fn observe(&self, metric: Declared, labels: &[&str], took: Duration) {
        let histogram = self.histograms.get(metric.name);
        if let Some(Ok(histogram)) = histogram.map(|histogram| histogram.get_metric_with_label_values(labels)) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// The value of a label that people name: `other` once there are too many.
    pub(super) fn bounded(&self, label: &'static str, value: &str) -> String {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let known = values.entry(label).or_default();
        if known.contains(value) {
            return value.to_owned();
        }
        if known.len() >= MAX_VALUES {
            return "other".to_owned();
        }
        known.insert(value.to_owned());
        value.to_owned()
    }

    pub(super) fn text(&self) -> String {
        let mut text = Vec::new();
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bounded() {
        let series = Series::new(&[]).unwrap();
        for number in 0..MAX_VALUES {
            series.bounded("workgroup", &number.to_string());
        }
        assert_eq!(series.bounded("workgroup", "one too many"), "other");
        assert_eq!(series.bounded("workgroup", "7"), "7");
        assert_eq!(series.bounded("catalog", "another"), "another");
    }
}
