//! What does the server keep for itself? Small named values (the pepper of API keys and the like).

use crate::{
    error::{Result, StoreError},
    store::Store,
};

const FIND: &str = "SELECT value FROM settings WHERE name = $1";

impl Store {
    /// The value of a setting.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(sqlx::query_scalar(FIND)
            .bind(name)
            .fetch_optional(&self.inner.database.reader)
            .await?)
    }

    /// Stores a value unless there is one, and answers with the stored one: all callers, in all processes, get the same.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn put_setting_if_absent(&self, name: &str, value: &[u8]) -> Result<Vec<u8>> {
        let mut tx = self.inner.database.begin().await?;
        sqlx::query("INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(value)
            .execute(&mut *tx)
            .await?;
        let stored: Option<Vec<u8>> = sqlx::query_scalar(FIND).bind(name).fetch_optional(&mut *tx).await?;
        tx.commit().await?;
        stored.ok_or_else(|| StoreError::corrupt(format!("setting `{name}` vanished")))
    }

    /// Stores a value in place of what is there.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn put_setting(&self, name: &str, value: &[u8]) -> Result<()> {
        let mut tx = self.inner.database.begin().await?;
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }
}
