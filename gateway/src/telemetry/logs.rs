//! How does the server speak? JSON lines on stderr, with the fields of the spans around them.
//!
//! No literal, token or value of a row is logged: SQL text and bodies never reach this point.

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, reload, util::SubscriberInitExt};

use super::spans;
use crate::config::telemetry::Telemetry;

/// What can be changed while it runs, and must be flushed at the end.
#[derive(Debug)]
pub struct Telling {
    filter: Filter,
    provider: Option<SdkTracerProvider>,
}

/// Which events are told.
#[derive(Clone, Debug)]
pub struct Filter(reload::Handle<EnvFilter, Registry>);

/// Starts logs and, with a collector, spans. Once per process.
///
/// # Errors
/// If the collector's address cannot be used, or logging was started before.
pub fn start(config: &Telemetry) -> Result<Telling, String> {
    let filter = EnvFilter::try_new(&config.log_filter).map_err(|error| error.to_string())?;
    // One filter for both: what is not logged is not exported either.
    let (filter, handle) = reload::Layer::new(filter);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .boxed();
    let provider = config.otlp_endpoint.as_deref().map(spans::provider).transpose()?;
    let exported = provider.as_ref().map(spans::layer);
    let subscriber = tracing_subscriber::registry().with(filter).with(lines).with(exported);
    subscriber.try_init().map_err(|error| error.to_string())?;
    Ok(Telling {
        filter: Filter(handle),
        provider,
    })
}

impl Telling {
    /// The filter, to be changed.
    #[must_use]
    pub fn filter(&self) -> Filter {
        self.filter.clone()
    }

    /// Sends what is left.
    pub fn stop(self) {
        if let Some(provider) = self.provider {
            let _ = provider.shutdown();
        }
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
