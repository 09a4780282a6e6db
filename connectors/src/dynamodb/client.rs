//! How is an operation called? Signed, within the budget of read units, and again when the service was only busy.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use object_store::{aws::AwsAuthorizer, client::HttpRequestBody};

use super::{
    budget::{Budget, Place},
    error::{garbled, refused},
    http::Connections,
    settings::Settings,
    table::Column,
};
use crate::{
    call::CallContext,
    connection::Connection,
    error::{ConnectorError, ConnectorErrorKind, Result},
};

const SERVICE: &str = "dynamodb";
const API: &str = "DynamoDB_20120810";
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
/// Attempts after the first one, when the way or the service failed.
const RETRIES: u32 = 3;
/// The same, when read units were short: that takes time and passes.
const PATIENCE: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(40);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Clients of this process, by connection id.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<HashMap<String, Arc<Client>>>);

/// A way to one DynamoDB with one credential.
pub(super) struct Client {
    fingerprint: Vec<u8>,
    settings: Settings,
    connections: Connections,
    budget: Budget,
    /// Names of tables as they were listed last.
    pub names: Mutex<Option<(Instant, Arc<Vec<String>>)>>,
    /// Columns of tables that nobody declared, by name and id of the table.
    pub samples: Mutex<HashMap<String, (Instant, Vec<Column>)>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({:?})", self.connections)
    }
}

/// What a call is about: whose read units it takes, and how many there are a second.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub place: Place,
    /// Of the provisioned units, those that are ours.
    pub rate: Option<f64>,
}

impl Clients {
    /// The client of a connection as it is now.
    pub(super) async fn of(&self, connection: &Connection) -> Result<Arc<Client>> {
        let fingerprint = fingerprint(connection);
        let known = || {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(&connection.id)
                .filter(|known| known.fingerprint == fingerprint)
                .map(Arc::clone)
        };
        if let Some(known) = known() {
            return Ok(known);
        }
        let settings = Settings::of(connection)?;
        let client = Arc::new(Client {
            connections: Connections::to(&settings).await?,
            fingerprint: fingerprint.clone(),
            settings,
            budget: Budget::default(),
            names: Mutex::default(),
            samples: Mutex::default(),
        });
        // Somebody else may have been quicker: his budget is the one that counts.
        if let Some(known) = known() {
            return Ok(known);
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(connection.id.clone(), Arc::clone(&client));
        Ok(client)
    }
}

/// Tells one way to a source from another; secrets go into it and not out of it.
fn fingerprint(connection: &Connection) -> Vec<u8> {
    let mut text = format!(
        "{}\n{:?}\n{:?}\n",
        connection.version, connection.directory, connection.options
    );
    for name in connection.credential.members() {
        let value = connection.credential.expose(name).unwrap_or_default();
        text.push_str(&format!("{name}\n{}\n{value}\n", value.len()));
    }
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

impl Client {
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Host and port, for spans.
    pub(super) fn server(&self) -> (String, u16) {
        let endpoint = &self.settings.endpoint;
        (endpoint.host.clone(), endpoint.port)
    }

    /// Calls an operation that takes no read units.
    pub(super) async fn call(&self, cx: &CallContext, operation: &str, body: String) -> Result<Bytes> {
        self.attempts(cx, operation, body.into(), None).await
    }

    /// Calls an operation that reads items, when there are units for it. What it took is told by `used`.
    pub(super) async fn read(&self, cx: &CallContext, operation: &str, body: String, charge: &Charge) -> Result<Bytes> {
        self.attempts(cx, operation, body.into(), Some(charge)).await
    }

    /// The units that a read has consumed.
    pub(super) fn used(&self, cx: &CallContext, charge: &Charge, units: f64) {
        self.budget.used(&charge.place, charge.rate, units, Instant::now());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        cx.counters.add_capacity_milli((units * 1_000.0).round() as u64);
    }

    /// The service left something out: waits before it is asked again.
    pub(super) async fn short(&self, cx: &CallContext, charge: &Charge, times: usize) -> Result<()> {
        self.budget.refused(&charge.place, charge.rate, Instant::now());
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        cx.counters.add_retry();
        pause(
            cx,
            jittered(
                FIRST_PAUSE
                    .saturating_mul(2_u32.saturating_pow(times))
                    .min(LONGEST_PAUSE),
            ),
            true,
        )
        .await
    }

    async fn attempts(&self, cx: &CallContext, operation: &str, body: Bytes, charge: Option<&Charge>) -> Result<Bytes> {
        let mut attempt = 0;
        loop {
            if let Some(charge) = charge {
                let wait = self.budget.wait(&charge.place, charge.rate, Instant::now());
                pause(cx, wait, true).await?;
            }
            let error = match self.once(cx, operation, &body, charge).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let throttled = error.kind() == ConnectorErrorKind::Throttled;
            if let (Some(charge), true) = (charge, throttled) {
                self.budget.refused(&charge.place, charge.rate, Instant::now());
            }
            let limit = match error.kind() {
                ConnectorErrorKind::Throttled => PATIENCE,
                // A damaged answer is asked for again: the checksum says that it was another one.
                ConnectorErrorKind::Unavailable | ConnectorErrorKind::Protocol => RETRIES,
                _ => 0,
            };
            let wait = jittered(
                FIRST_PAUSE
                    .saturating_mul(2_u32.saturating_pow(attempt))
                    .min(LONGEST_PAUSE),
            );
            attempt += 1;
            if attempt > limit || wait >= cx.deadline.left() {
                return Err(error);
            }
            cx.counters.add_retry();
            pause(cx, wait, throttled).await?;
        }
    }

    /// Bytes of descriptions are not those of a read.
    async fn once(&self, cx: &CallContext, operation: &str, body: &Bytes, charge: Option<&Charge>) -> Result<Bytes> {
        let request = self.signed(cx, operation, body)?;
        cx.counters.add_request();
        let counted = |bytes| {
            if charge.is_some() {
                cx.counters.add_bytes_source(bytes);
            }
        };
        let (status, answer) = self.connections.exchange(&request, counted).await?;
        if status == StatusCode::OK {
            Ok(answer)
        } else {
            Err(refused(status, &answer))
        }
    }

    /// The request with its signature (Signature Version 4).
    fn signed(&self, cx: &CallContext, operation: &str, body: &Bytes) -> Result<Request<Bytes>> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.settings.endpoint.uri())
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .header("x-amz-target", format!("{API}.{operation}"))
            .body(HttpRequestBody::empty())
            .map_err(garbled)?;
        let settings = &self.settings;
        AwsAuthorizer::new(&settings.credential, SERVICE, &settings.region)
            .authorize(&mut request, Some(digest(&SHA256, body).as_ref()));
        // Not signed: it is for the source's own log.
        if let Ok(agent) = HeaderValue::from_str(&format!("lakegate/{} query/{}", env!("CARGO_PKG_VERSION"), cx.query))
        {
            request.headers_mut().insert(header::USER_AGENT, agent);
        }
        let (head, _) = request.into_parts();
        Ok(Request::from_parts(head, body.clone()))
    }
}

/// Waits, and counts the time as the source's.
async fn pause(cx: &CallContext, wait: Duration, throttled: bool) -> Result<()> {
    if wait.is_zero() {
        return Ok(());
    }
    let slept = async {
        tokio::time::sleep(wait).await;
        Ok::<_, ConnectorError>(())
    };
    if throttled {
        cx.counters
            .add_throttled_ms(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    }
    cx.bounded(slept).await
}

/// Between half of `pause` and all of it.
fn jittered(pause: Duration) -> Duration {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.subsec_nanos());
    pause.mul_f64(0.5 + f64::from(nanos % 1_000) / 2_000.0)
}
