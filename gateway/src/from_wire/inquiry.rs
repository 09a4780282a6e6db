//! Which decision is asked about?

use chrono::DateTime;
use lakegate_catalog::snapshot::Snapshot;
use lakegate_openapi::{error as refused, policy_explanation as wire, policy_simulation::SimulatePolicies};
use lakegate_policy::{Action, PolicyProblem};
use lakegate_query::{entities::PolicyDraft, error::ErrorCode, service::SubmitRequest};

use super::policy::check;
use crate::{
    error::{ApiError, Result},
    stored::{Asked, Inquiry, Wish},
};

/// The front doors that a request may come through.
const DOORS: [&str; 6] = ["rest", "athena", "flight", "pgwire", "iceberg", "console"];

/// A question of the caller.
///
/// # Errors
/// `INVALID_REQUEST`.
pub fn inquiry(body: wire::ExplainPolicies) -> Result<Inquiry> {
    Ok(Inquiry {
        action: action(body.action.as_deref())?,
        asked: Asked::of(&body.resource)?,
        principal: body.principal,
        on_behalf_of: body.on_behalf_of,
    })
}

/// A simulation. The draft is read against `snapshot`: only for those who may know every name.
///
/// # Errors
/// `INVALID_REQUEST`, or `POLICY_INVALID` with everything that is wrong with the draft.
pub fn wish(snapshot: &Snapshot, body: SimulatePolicies) -> Result<Wish> {
    let inquiry = match (&body.resource, &body.sql) {
        (Some(resource), None) => Some(Inquiry {
            principal: None,
            on_behalf_of: None,
            action: action(body.action.as_deref())?,
            asked: Asked::of(resource)?,
        }),
        (None, Some(_)) if body.action.is_none() => None,
        (None, Some(_)) => return Err(ApiError::invalid("`action` is for a `resource`: a statement selects")),
        _ => return Err(ApiError::invalid("say either `resource` or `sql`")),
    };
    let context = body.context;
    let ip = context.ip.as_deref().map(|text| {
        text.parse()
            .map_err(|_| ApiError::invalid(format!("`ip`: `{text}` is no address")))
    });
    let now = context.now.as_deref().map(|text| {
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.to_utc())
            .map_err(|_| ApiError::invalid(format!("`now`: `{text}` is no time, such as `2026-01-31T00:00:00Z`")))
    });
    if context.auth_age_ms.is_some_and(|age| age < 0) {
        return Err(ApiError::invalid("`auth_age_ms` must not be negative"));
    }
    Ok(Wish {
        principal: body.principal,
        roles: body.roles,
        mfa: context.mfa.unwrap_or_default(),
        auth_age_ms: context.auth_age_ms,
        ip: ip.transpose()?,
        door: door(context.client.as_deref())?,
        now: now.transpose()?,
        draft: draft(snapshot, body.policies.as_deref(), body.without)?,
        statement: SubmitRequest {
            sql: body.sql.unwrap_or_default(),
            catalog: body.catalog,
            database: body.database,
            workgroup: context.workgroup,
            purpose: context.purpose,
            on_behalf_of: body.on_behalf_of,
            ..SubmitRequest::default()
        },
        inquiry,
    })
}

fn action(name: Option<&str>) -> Result<Action> {
    let name = name.unwrap_or(Action::Select.name());
    let known = Action::from_name(name).or_else(|| Action::from_kebab(&name.to_lowercase()));
    match known {
        Some(action) if action.needs_grant_context() => Err(ApiError::invalid(format!(
            "`{action}` depends on the grant itself: try the grant with `lakegate diff`"
        ))),
        Some(action) => Ok(action),
        None => Err(ApiError::invalid(format!(
            "action `{name}` does not exist; actions are named as in policies (`SelectFiltered`) or grants (`select-filtered`)"
        ))),
    }
}

fn door(name: Option<&str>) -> Result<&'static str> {
    let name = name.unwrap_or("rest");
    let known = DOORS.iter().find(|door| **door == name).copied();
    known.ok_or_else(|| ApiError::invalid(format!("`client`: `{name}` is none of `{}`", DOORS.join("`, `"))))
}

fn draft(snapshot: &Snapshot, text: Option<&str>, without: Vec<String>) -> Result<PolicyDraft> {
    let Some(text) = text else {
        return Ok(PolicyDraft {
            policies: Vec::new(),
            without,
        });
    };
    let found = check(snapshot, text);
    let Some(first) = found.problems.first() else {
        return Ok(PolicyDraft {
            policies: found.policies,
            without,
        });
    };
    let message = format!("the draft cannot be published: {first}");
    let problems = found.problems.iter().map(problem).collect();
    Err(ApiError::new(ErrorCode::PolicyInvalid, message).with_problems(problems))
}

fn problem(problem: &PolicyProblem) -> refused::Problem {
    let number = |number: Option<usize>| number.and_then(|number| u64::try_from(number).ok());
    refused::Problem {
        code: ErrorCode::PolicyInvalid.text().to_owned(),
        file: "policies".to_owned(),
        line: number(problem.line),
        column: number(problem.column),
        message: problem.message.clone(),
        remedy: problem.remedy.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(resource: &str) -> Result<String> {
        Ok(Asked::of(resource)?.to_string())
    }

    #[test]
    fn resources_are_named_as_in_grants() {
        for (resource, expected) in [
            ("lake.Sales.orders", "table:lake.sales.orders"),
            ("table:lake.sales.orders", "table:lake.sales.orders"),
            ("lake.sales.orders.addr.zip", "column:lake.sales.orders.addr.zip"),
            ("column:lake.sales.\"o.o\".id", "column:lake.sales.\"o.o\".id"),
            ("\"a:b\".sales.orders", "table:a:b.sales.orders"),
            ("policy-store:default", "policy-store:default"),
        ] {
            assert_eq!(asked(resource).unwrap(), expected);
        }
        for wrong in [
            "orders",
            "tabel:lake.sales.orders",
            "table:lake.sales.orders.id",
            "column:lake.sales.orders",
            "",
        ] {
            assert_eq!(asked(wrong).unwrap_err().code(), ErrorCode::InvalidRequest, "{wrong}");
        }
    }

    #[test]
    fn actions_are_named_as_in_policies_or_grants() {
        assert_eq!(action(None).unwrap(), Action::Select);
        assert_eq!(action(Some("select-masked")).unwrap(), Action::SelectMasked);
        assert_eq!(action(Some("ManagePolicy")).unwrap(), Action::ManagePolicy);
        for wrong in ["Grant", "selekt", ""] {
            assert!(action(Some(wrong)).is_err(), "{wrong}");
        }
        assert!(door(Some("carrier-pigeon")).is_err());
    }
}
