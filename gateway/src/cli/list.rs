//! How many entries of a list are wanted, and how are they fetched? Page by page.

use clap::Args;
use serde_json::Value;

use super::failure::Result;
use crate::client::Client;

/// The largest page that the API gives.
const PAGE: u64 = 1_000;

/// How many.
#[derive(Clone, Copy, Debug, Args)]
pub struct ListFlags {
    /// No more than so many; 0 is all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u64,
}

impl ListFlags {
    /// Every entry.
    #[must_use]
    pub fn all() -> Self {
        Self { limit: 0 }
    }

    /// Fetches the entries of a list, newest first as the API gives them.
    ///
    /// # Errors
    /// As all calls.
    pub async fn fetch(self, client: &Client, segments: &[&str], filters: &[(&str, String)]) -> Result<Vec<Value>> {
        let wanted = if self.limit == 0 { u64::MAX } else { self.limit };
        let mut items: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let missing = wanted.saturating_sub(items.len() as u64);
            let mut query = filters.to_vec();
            query.push(("limit", missing.min(PAGE).to_string()));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let mut page: Value = client.get(segments, &query).await?;
            if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
                items.extend(found);
            }
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() || items.len() as u64 >= wanted {
                return Ok(items);
            }
        }
    }
}
