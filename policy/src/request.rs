//! What is asked, and under which circumstances?
//!
//! Facts come from the caller, the clock included; this file only gives them Cedar's shape (schema types Ctx, GrantCtx).

use crate::action::Action;
use crate::resource::uid;
use cedar_policy::{Context, EntityUid, RestrictedExpression};
use std::fmt;
use std::net::IpAddr;

/// One question: may this user do this with this object, now?
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Id of a user.
    pub principal: &'a str,
    /// What the user wants to do.
    pub action: Action,
    /// The object.
    pub resource: EntityUid,
    /// A `&RequestContext`; for `Grant` and `Revoke` a `&GrantContext`.
    pub context: &'a dyn ContextFacts,
}

/// Facts of a request (schema type Ctx).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// Start of the statement, in milliseconds since 1970-01-01 UTC; years 0 to 9999.
    pub now: i64,
    /// Address of the caller.
    pub ip: IpAddr,
    /// Whether the token proves a second factor.
    pub mfa: bool,
    /// Time since the user authenticated, in milliseconds; unknown counts as the largest duration.
    pub auth_age_ms: Option<i64>,
    /// Id of the workgroup.
    pub workgroup: String,
    /// The front door: `rest`, `athena`, `flight`, `pgwire`, `iceberg`, `console`.
    pub client: String,
    /// The declared and accepted purpose.
    pub purpose: Option<String>,
    /// Id of the definer view that is being expanded.
    pub via_view: Option<String>,
    /// Id of the user on whose behalf the principal acts.
    pub on_behalf_of: Option<String>,
    /// A verified ticket.
    pub ticket: Option<String>,
}

/// Facts of a request to grant or revoke (schema type GrantCtx).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantContext {
    /// The circumstances; `purpose`, `via_view`, `on_behalf_of` and `ticket` do not reach policies on grants.
    pub request: RequestContext,
    /// Name of the action being granted, as policies write it: `Select`.
    pub privilege: String,
    /// Id of the role that receives the grant; none if the grantee is a user.
    pub grantee_role: Option<String>,
    /// Whether the grantee may pass it on.
    pub with_grant_option: bool,
    /// End of the grant, in milliseconds since 1970-01-01 UTC.
    pub expires: Option<i64>,
}

/// What a policy may read as `context`. Sealed: `RequestContext` and `GrantContext`.
pub trait ContextFacts: fmt::Debug + sealed::Sealed {
    /// The moment at which grants are compared with their end, in milliseconds since 1970-01-01 UTC.
    fn now(&self) -> i64;
    /// Whether this is the context of `Grant` and `Revoke`.
    fn is_grant(&self) -> bool;
    /// Id of the user on whose behalf the principal acts: every action needs both.
    fn on_behalf_of(&self) -> Option<&str>;
    /// The entities whose attributes and ancestors a policy could read through the context.
    fn references(&self) -> Vec<EntityUid>;
    /// The record that policies see; the error text is for the log.
    fn to_cedar(&self) -> Result<Context, String>;
}

mod sealed {
    /// Keeps the set of contexts equal to the set in the schema.
    pub trait Sealed {}
    impl Sealed for super::RequestContext {}
    impl Sealed for super::GrantContext {}
}

impl ContextFacts for RequestContext {
    fn now(&self) -> i64 {
        self.now
    }

    fn is_grant(&self) -> bool {
        false
    }

    fn on_behalf_of(&self) -> Option<&str> {
        self.on_behalf_of.as_deref()
    }

    fn references(&self) -> Vec<EntityUid> {
        let view = self.via_view.iter().map(|id| uid("View", id));
        view.chain(self.on_behalf_of.iter().map(|id| uid("User", id))).collect()
    }

    fn to_cedar(&self) -> Result<Context, String> {
        let mut pairs = self.common()?;
        let mut optional = |key, value: Option<RestrictedExpression>| pairs.extend(value.map(|value| (key, value)));
        optional("purpose", self.purpose.as_deref().map(text));
        optional("via_view", self.via_view.as_deref().map(|id| reference("View", id)));
        optional(
            "on_behalf_of",
            self.on_behalf_of.as_deref().map(|id| reference("User", id)),
        );
        optional("ticket", self.ticket.as_deref().map(text));
        record(pairs)
    }
}

impl ContextFacts for GrantContext {
    fn now(&self) -> i64 {
        self.request.now
    }

    fn is_grant(&self) -> bool {
        true
    }

    fn on_behalf_of(&self) -> Option<&str> {
        self.request.on_behalf_of.as_deref()
    }

    fn references(&self) -> Vec<EntityUid> {
        self.grantee_role.iter().map(|id| uid("Role", id)).collect()
    }

    fn to_cedar(&self) -> Result<Context, String> {
        let mut pairs = self.request.common()?;
        pairs.push(("privilege", text(&self.privilege)));
        pairs.push((
            "with_grant_option",
            RestrictedExpression::new_bool(self.with_grant_option),
        ));
        pairs.extend(
            self.grantee_role
                .as_deref()
                .map(|id| ("grantee_role", reference("Role", id))),
        );
        if let Some(expires) = self.expires {
            pairs.push(("expires", datetime(expires)?));
        }
        record(pairs)
    }
}

type Pair = (&'static str, RestrictedExpression);

impl RequestContext {
    fn common(&self) -> Result<Vec<Pair>, String> {
        let auth_age = format!("{}ms", self.auth_age_ms.unwrap_or(i64::MAX));
        Ok(vec![
            ("now", datetime(self.now)?),
            // An IPv4 address that arrived over IPv6 must match IPv4 ranges.
            ("ip", RestrictedExpression::new_ip(self.ip.to_canonical().to_string())),
            ("mfa", RestrictedExpression::new_bool(self.mfa)),
            ("auth_age", RestrictedExpression::new_duration(auth_age)),
            ("workgroup", reference("Workgroup", &self.workgroup)),
            ("client", text(&self.client)),
        ])
    }
}

fn record(pairs: Vec<Pair>) -> Result<Context, String> {
    Context::from_pairs(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)))
        .map_err(|error| format!("the context of the request is not a Cedar record: {error}"))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn reference(entity_type: &str, id: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(entity_type, id))
}

fn datetime(ms: i64) -> Result<RestrictedExpression, String> {
    let text = datetime_text(ms).ok_or_else(|| format!("the time {ms} ms lies outside the years 0 to 9999"))?;
    Ok(RestrictedExpression::new_datetime(text))
}

/// Milliseconds since 1970 as Cedar's `datetime` reads them; days to civil date as in Howard Hinnant's `civil_from_days`.
fn datetime_text(ms: i64) -> Option<String> {
    let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (seconds, millis) = (in_day / 1_000, in_day % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    (0..=9_999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MODEL;

    fn request() -> RequestContext {
        RequestContext {
            now: 1_795_132_800_123,
            ip: "::ffff:10.0.0.1".parse().unwrap(),
            mfa: true,
            auth_age_ms: None,
            workgroup: "w".to_owned(),
            client: "rest".to_owned(),
            purpose: Some("fraud".to_owned()),
            via_view: Some("v".to_owned()),
            on_behalf_of: Some("u".to_owned()),
            ticket: Some("T-1".to_owned()),
        }
    }

    #[test]
    fn times_are_written_as_cedar_reads_them() {
        assert_eq!(datetime_text(0).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(datetime_text(-1).unwrap(), "1969-12-31T23:59:59.999Z");
        assert_eq!(datetime_text(951_782_400_000).unwrap(), "2000-02-29T00:00:00.000Z");
        assert_eq!(datetime_text(1_798_761_599_000).unwrap(), "2026-12-31T23:59:59.000Z");
        assert_eq!(datetime_text(i64::MAX), None);
        assert_eq!(datetime_text(i64::MIN), None);
    }

    #[test]
    fn contexts_conform_to_the_schema() {
        let select = request().to_cedar().unwrap();
        select.validate(MODEL.schema(), &Action::Select.uid()).unwrap();
        let grant = GrantContext {
            request: request(),
            privilege: "Select".to_owned(),
            grantee_role: Some("r".to_owned()),
            with_grant_option: false,
            expires: Some(1),
        };
        let record = grant.to_cedar().unwrap();
        for action in Action::ALL {
            let fits = record.validate(MODEL.schema(), &action.uid()).is_ok();
            assert_eq!(fits, action.needs_grant_context(), "{action}");
        }
    }

    #[test]
    fn a_time_that_cedar_cannot_hold_is_an_error() {
        assert!(
            RequestContext {
                now: i64::MAX,
                ..request()
            }
            .to_cedar()
            .is_err()
        );
    }
}
