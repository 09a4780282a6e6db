//! Which key signs? The first that comes, and later one that the key before it has signed.

use sqlx::Row;

use super::{Last, last, malformed, take};
use crate::{
    audit::{
        chain::canonical_json,
        checkpoint::{KEY, KeyBody},
        signature::SigningKey,
    },
    error::{Result, StoreError},
    store::{
        Store,
        cell::{now, parse_json, time_text},
        connect::Tx,
    },
};

/// What a key is to the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyStanding {
    /// It signs.
    Signs,
    /// Another key signs: its id.
    Foreign(String),
}

impl Store {
    /// Makes the key the one that signs, if there is none yet, and says whether it is.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn adopt_audit_key(&self, key: &SigningKey) -> Result<KeyStanding> {
        let mut tx = self.inner.database.begin().await?;
        self.lock_signing(&mut tx).await?;
        let signing = match signing(&mut tx).await? {
            Some(body) => body,
            None => {
                let last = last(&mut tx).await?;
                introduce(&mut tx, key, key, 1, &last).await?
            }
        };
        tx.commit().await?;
        Ok(if signing.id == key.public().id() {
            KeyStanding::Signs
        } else {
            KeyStanding::Foreign(signing.id)
        })
    }

    /// Puts `new` in the place of `old`, which signs it. A checkpoint of each is made: the old one's last, the new one's
    /// first.
    ///
    /// # Errors
    /// `Invalid` if `old` is not the key that signs, or `new` did once; `Unavailable`, `Failed`, `Corrupt`.
    pub async fn rotate_audit_key(&self, old: &SigningKey, new: &SigningKey) -> Result<()> {
        let mut tx = self.inner.database.begin().await?;
        self.lock_signing(&mut tx).await?;
        take(&mut tx, old, Vec::new(), self.clock()).await?;
        let number = require(&mut tx, old).await?.number + 1;
        let last = last(&mut tx).await?;
        introduce(&mut tx, old, new, number, &last).await?;
        take(&mut tx, new, Vec::new(), self.clock()).await?;
        Ok(tx.commit().await?)
    }
}

/// The key that signs now.
async fn signing(tx: &mut Tx) -> Result<Option<KeyBody>> {
    let row = sqlx::query("SELECT body FROM audit_keys ORDER BY number DESC LIMIT 1")
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let body: String = row.try_get(0)?;
    parse_json(&body, || "the audit key".to_owned()).map(Some)
}

/// Refuses a key that does not sign now.
pub(super) async fn require(tx: &mut Tx, key: &SigningKey) -> Result<KeyBody> {
    let id = key.public().id();
    match signing(tx).await? {
        Some(body) if body.id == id => Ok(body),
        Some(body) => Err(StoreError::Invalid {
            what: format!("audit key `{id}` does not sign this store, `{}` does", body.id),
        }),
        None => Err(StoreError::Invalid {
            what: "no audit key signs this store yet: start the server once".to_owned(),
        }),
    }
}

async fn introduce(tx: &mut Tx, by: &SigningKey, key: &SigningKey, number: i64, last: &Last) -> Result<KeyBody> {
    let public = key.public();
    let body = KeyBody {
        kind: KEY.to_owned(),
        number,
        id: public.id(),
        public: public.text(),
        after: last.seq,
        prev: last.hash.clone(),
        time: now(),
    };
    let text = canonical_json(&body).map_err(malformed)?;
    let signature = format!("{}{}", by.sign(&text), key.sign(&text));
    sqlx::query("INSERT INTO audit_keys (number, id, introduced_at, body, signature) VALUES ($1, $2, $3, $4, $5)")
        .bind(number)
        .bind(&body.id)
        .bind(time_text(&body.time))
        .bind(text)
        .bind(signature)
        .execute(&mut **tx)
        .await
        .map_err(|error| {
            if crate::error::is_unique_violation(&error) {
                StoreError::Invalid {
                    what: format!("audit key `{}` has signed this store before", public.id()),
                }
            } else {
                error.into()
            }
        })?;
    Ok(body)
}
