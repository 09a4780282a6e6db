//! What does the server tell about itself, and to whom?

use tracing_subscriber::EnvFilter;

use super::settings::{Origin, Problem, Settings};

/// Section `telemetry`.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Base address of an OTLP/HTTP collector; absent: no spans are exported.
    pub otlp_endpoint: Option<String>,
    /// `tracing`'s filter: `info`, `lakegate=debug,info`.
    pub log_filter: String,
}

impl Telemetry {
    pub(super) fn read(settings: &mut Settings) -> Self {
        let log_filter = settings.text("telemetry.log_filter", "info");
        if EnvFilter::try_new(&log_filter).is_err() {
            let message = "`telemetry.log_filter` must be a filter such as `lakegate=debug,info`".to_owned();
            settings.complain(Problem {
                origin: Origin::Default,
                message,
            });
        }
        Self {
            otlp_endpoint: settings.optional_text("telemetry.otlp_endpoint"),
            log_filter,
        }
    }
}
