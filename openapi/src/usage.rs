//! What did queries use, by day, workgroup and principal?

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The sum of one day, workgroup, principal and price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageSum {
    /// Day in UTC on which the queries ended, such as `2026-01-31`.
    #[schema(format = Date)]
    pub day: String,
    pub workgroup: String,
    /// Name of the principal.
    pub principal: String,
    pub principal_id: String,
    /// Queries that ended, billed or not.
    pub queries: u64,
    /// Bytes that the queries read. Where a filter or mask hides finer figures, those that were shown with each query.
    pub scanned_bytes: u64,
    /// Bytes that are charged for.
    pub billed_bytes: u64,
    /// Price per TB that held, such as `5.00 USD`.
    pub price_per_tb: String,
    /// What `billed_bytes` cost at that price, such as `0.000047684 USD`.
    pub cost: String,
}

/// Which usage to list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUsage {
    /// First day (UTC); absent: 30 days before `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(format = Date)]
    pub from: Option<String>,
    /// Last day (UTC), included; absent: today. At most 366 days after `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(format = Date)]
    pub to: Option<String>,
    /// Only of this workgroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workgroup: Option<String>,
    /// Only of this principal, by name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Page size, 1 to 1000; absent: 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
