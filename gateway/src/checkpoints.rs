//! When is the audit trail signed? At the start, every minute or thousand events, and at the end; copies follow.
//!
//! A server whose trail has lost an end does not start: `lakegate audit acknowledge` accepts the loss.

pub mod copies;
pub mod signing_key;

use std::time::Duration;

use lakegate_catalog::{Due, KeyStanding, Store, StoreError, Taken, audit::AuditFault};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use self::copies::Copies;
use crate::{
    app::AppState,
    config::{Config, environment::Environment, secrets::LocalSecrets},
    error::chain,
    master_key,
    server::StartError,
};

/// Between two looks at what is to be signed.
const LOOK: Duration = Duration::from_secs(1);

/// What the server needs to sign.
#[derive(Debug)]
pub struct Checkpoints {
    secrets: LocalSecrets,
    copies: Option<Copies>,
    /// The number of the last checkpoint that was copied.
    copied: Mutex<i64>,
}

/// Why there is no new checkpoint.
#[derive(Debug, thiserror::Error)]
enum Unsigned {
    #[error("{0}")]
    Key(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Checkpoints {
    /// As configured.
    ///
    /// # Errors
    /// If the place of the copies cannot be used.
    pub fn new(config: &Config, environment: &Environment) -> Result<Self, StartError> {
        let copies = config.audit.checkpoints_url.as_deref();
        let copies = copies.map(|url| Copies::open(url, environment)).transpose();
        Ok(Self {
            secrets: LocalSecrets::new(environment.clone(), Vec::new(), master_key::place(config)),
            copies: copies.map_err(|why| StartError(format!("`audit.checkpoints_url` cannot be used: {why}")))?,
            copied: Mutex::new(0),
        })
    }

    /// Refuses a store that has lost the end of its trail.
    ///
    /// # Errors
    /// What is lost, and the remedy; or the store, or the copies, cannot be read.
    pub async fn refuse_torn(&self, store: &Store) -> Result<(), StartError> {
        let unreadable = |why: String| StartError(format!("the audit trail cannot be checked: {why}"));
        let faults = store
            .check_audit_ends()
            .await
            .map_err(|error| unreadable(chain(&error)))?;
        let (torn, changed): (Vec<_>, Vec<_>) = faults.iter().partition(|fault| fault.is_torn());
        for fault in changed {
            tracing::error!(%fault, "the audit trail was changed: see `lakegate audit verify`");
        }
        if let Some(fault) = torn.first() {
            return Err(refusal(fault));
        }
        let Some(copies) = &self.copies else { return Ok(()) };
        let copied = copies.last().await.map_err(unreadable)?;
        let stored = store.signed_texts(0).await.map_err(|error| unreadable(chain(&error)))?;
        let last = stored.checkpoints.keys().last().copied().unwrap_or(0);
        if copied > last {
            return Err(StartError(format!(
                "the store ends with audit checkpoint {last}, but {copied} was copied: it is older than the copies. Look at \
                 it with `lakegate audit verify`, then accept the loss with `lakegate audit acknowledge`"
            )));
        }
        *self.copied.lock().await = copied;
        Ok(())
    }

    /// Signs what is there, and copies it.
    async fn sign(&self, app: &AppState, due: Due) {
        match self.take(app, due).await {
            Ok(Some(taken)) => {
                app.metrics.set_audit_faults(taken.faults.len());
                for fault in &taken.faults {
                    tracing::error!(%fault, checkpoint = taken.seq, "the audit trail was changed: see `lakegate audit verify`");
                }
            }
            Ok(None) => {}
            Err(error) => {
                app.metrics.count_checkpoint_failure();
                tracing::error!(error = %chain(&error), "the audit trail cannot be signed");
            }
        }
        if let Err(error) = self.copy(&app.store).await {
            app.metrics.count_checkpoint_failure();
            tracing::error!(error, "audit checkpoints cannot be copied");
        }
    }

    async fn take(&self, app: &AppState, due: Due) -> Result<Option<Taken>, Unsigned> {
        let key = signing_key::load(&app.config, &self.secrets).map_err(Unsigned::Key)?;
        if let KeyStanding::Foreign(id) = app.store.adopt_audit_key(&key).await? {
            return Err(Unsigned::Key(format!(
                "key `{}` does not sign this store, `{id}` does: give all servers one `audit.signing_key`, or put yours in \
                 its place with `lakegate audit rotate-key`",
                key.public().id()
            )));
        }
        Ok(app.store.take_checkpoint(&key, due).await?)
    }

    /// Copies what was signed since the last time, by whomever.
    async fn copy(&self, store: &Store) -> Result<(), String> {
        let Some(copies) = &self.copies else { return Ok(()) };
        let mut copied = self.copied.lock().await;
        let texts = store
            .signed_texts(*copied)
            .await
            .map_err(|error| chain(&error).to_string())?;
        if let Some((last, _)) = texts.checkpoints.last_key_value() {
            copies.put(&texts).await?;
            *copied = *last;
        }
        Ok(())
    }
}

fn refusal(fault: &AuditFault) -> StartError {
    StartError(format!(
        "the audit trail is torn: {fault}. Look at it with `lakegate audit verify`, restore what is lost, or accept the loss \
         with `lakegate audit acknowledge`"
    ))
}

/// The checkpoint of the start.
pub async fn begin(app: &AppState) {
    app.checkpoints.sign(app, Due::Now).await;
}

/// The checkpoint of the end.
pub async fn end(app: &AppState) {
    app.checkpoints.sign(app, Due::Now).await;
}

/// Signs again and again.
pub async fn keep(app: AppState) {
    let audit = &app.config.audit;
    let (mut signed, mut last) = (app.store.figures().audit_sequence, Instant::now());
    loop {
        sleep(LOOK).await;
        let now = app.store.figures().audit_sequence;
        if now.saturating_sub(signed) >= audit.checkpoint_events {
            (signed, last) = (now, Instant::now());
            app.checkpoints.sign(&app, Due::Now).await;
        } else if last.elapsed() >= audit.checkpoint_interval {
            (signed, last) = (now, Instant::now());
            // Another server may have made one a moment ago.
            app.checkpoints
                .sign(&app, Due::After(audit.checkpoint_interval / 2))
                .await;
        }
        if let Ok(Some(age)) = app.store.checkpoint_age().await {
            app.metrics.set_checkpoint_age(age);
        }
    }
}
