//! How does one process learn at once of the changes of another? PostgreSQL tells whoever listens when a change commits.
//!
//! A notification says only that it is time to look: whoever may log in can send one, and one may be lost.

use std::{fmt, time::Duration};

use sqlx::postgres::PgListener;
use tokio::time::sleep;

use crate::{
    error::Result,
    store::connect::{Dialect, Tx},
};

/// Name of the channel.
const CHANNEL: &str = "lakegate_epoch";
/// Before the next connection when one is lost.
const PAUSE: Duration = Duration::from_secs(1);

/// Where to listen. Never printed: it may hold a password.
#[derive(Clone)]
pub(super) struct Address(pub(super) String);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

/// Tells all processes of a change, once it is committed.
pub(super) async fn tell(tx: &mut Tx, dialect: Dialect) -> Result<()> {
    if dialect == Dialect::Postgres {
        sqlx::query("SELECT CAST(1 AS BIGINT) FROM pg_notify($1, '')")
            .bind(CHANNEL)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Calls `hint` on every notification, and whenever some may have been lost. Never returns.
pub(super) async fn listen(address: &Address, hint: &(impl Fn() + Sync)) {
    loop {
        // Whoever polls says that the database does not answer.
        let _ = listen_once(address, hint).await;
        hint();
        sleep(PAUSE).await;
    }
}

async fn listen_once(address: &Address, hint: &(impl Fn() + Sync)) -> sqlx::Result<()> {
    let mut listener = PgListener::connect(&address.0).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    hint();
    while listener.try_recv().await?.is_some() {
        hint();
    }
    Ok(())
}
