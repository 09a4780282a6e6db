//! How does the server speak? JSON lines on stderr, with the fields of the spans around them.
//!
//! No literal, token or value of a row is logged: SQL text and bodies never reach this point.

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, FilterFn, filter_fn},
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

use super::{json_lines::JsonLines, spans};
use crate::config::telemetry::Telemetry;

/// What can be changed while it runs, and must be flushed at the end.
#[derive(Debug)]
pub struct Telling {
    filter: Filter,
    provider: SdkTracerProvider,
}

/// Which events are told.
#[derive(Clone, Debug)]
pub struct Filter(reload::Handle<EnvFilter, Registry>);

/// Starts logs and spans. Once per process. Spans are made without a collector, too: their ids are in every line, in the
/// answers and in statements for sources.
///
/// # Errors
/// If the collector's address cannot be used, or logging was started before.
pub fn start(config: &Telemetry) -> Result<Telling, String> {
    let filter = EnvFilter::try_new(&config.log_filter).map_err(|error| error.to_string())?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = JsonLines::new(std::io::stderr).with_filter(filter.or(own_spans()));
    let provider = spans::provider(config.otlp_endpoint.as_deref())?;
    let exported = spans::layer(&provider).with_filter(own_spans());
    let subscriber = tracing_subscriber::registry().with(lines).with(exported);
    subscriber.try_init().map_err(|error| error.to_string())?;
    Ok(Telling {
        filter: Filter(handle),
        provider,
    })
}

/// Spans of ours whatever the log filter says, so that each line knows its query; and no events: their causes are for
/// the log.
fn own_spans() -> FilterFn {
    let own: fn(&Metadata<'_>) -> bool = |metadata| metadata.is_span() && metadata.target().starts_with("lakegate");
    filter_fn(own).with_max_level_hint(LevelFilter::INFO)
}

impl Telling {
    /// The filter, to be changed.
    #[must_use]
    pub fn filter(&self) -> Filter {
        self.filter.clone()
    }

    /// Sends what is left.
    pub fn stop(self) {
        let _ = self.provider.shutdown();
    }
}

impl Filter {
    /// Puts another filter in place; one that cannot be read changes nothing.
    pub fn replace(&self, text: &str) {
        match EnvFilter::try_new(text).map(|filter| self.0.reload(filter)) {
            Ok(Ok(())) => tracing::info!(filter = text, "the log filter was read again"),
            _ => tracing::error!(filter = text, "the log filter was not changed"),
        }
    }
}
