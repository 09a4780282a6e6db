//! How does the server speak? JSON lines on stderr, with the fields of the spans around them.
//!
//! No literal, token or value of a row is logged: SQL text and bodies never reach this point.

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use super::spans;
use crate::config::telemetry::Telemetry;

/// What must be flushed at the end.
#[derive(Debug, Default)]
pub struct Telling {
    provider: Option<SdkTracerProvider>,
}

/// Starts logs and, with a collector, spans. Once per process.
///
/// # Errors
/// If the collector's address cannot be used, or logging was started before.
pub fn start(config: &Telemetry) -> Result<Telling, String> {
    let filter = || EnvFilter::try_new(&config.log_filter).map_err(|error| error.to_string());
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .with_filter(filter()?);
    let provider = config.otlp_endpoint.as_deref().map(spans::provider).transpose()?;
    let exported = match &provider {
        Some(provider) => Some(spans::layer(provider).with_filter(filter()?)),
        None => None,
    };
    let subscriber = tracing_subscriber::registry().with(lines).with(exported);
    subscriber.try_init().map_err(|error| error.to_string())?;
    Ok(Telling { provider })
}

impl Telling {
    /// Sends what is left.
    pub fn stop(self) {
        if let Some(provider) = self.provider {
            let _ = provider.shutdown();
        }
    }
}
