//! How does an audit event look to a SIEM? As an event of the Open Cybersecurity Schema Framework 1.3; docs/audit.md has the
//! table.

use lakegate_openapi::audit_event::AuditEvent;
use serde_json::{Map, Value, json};

/// Version of the schema.
const SCHEMA: &str = "1.3.0";

/// Class, and activity within it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Class {
    uid: u32,
    name: &'static str,
    category: &'static str,
    activity: u32,
    activity_name: &'static str,
}

/// One event, a line of JSON lines.
#[must_use]
pub fn event(event: &AuditEvent) -> Value {
    let class = class(event);
    let allowed = event.decision == "allow";
    let succeeded = allowed && event.outcome == "ok";
    let mut found = Map::new();
    let mut put = |name: &str, value: Value| found.insert(name.to_owned(), value);
    put("activity_id", json!(class.activity));
    put("activity_name", json!(class.activity_name));
    put("category_uid", json!(class.uid / 1_000));
    put("category_name", json!(class.category));
    put("class_uid", json!(class.uid));
    put("class_name", json!(class.name));
    put("type_uid", json!(class.uid * 100 + class.activity));
    put("type_name", json!(format!("{}: {}", class.name, class.activity_name)));
    put("time", json!(milliseconds(&event.time)));
    put("severity_id", json!(if succeeded { 1 } else { 2 }));
    put("severity", json!(if succeeded { "Informational" } else { "Low" }));
    put("status_id", json!(if succeeded { 1 } else { 2 }));
    put("status", json!(if succeeded { "Success" } else { "Failure" }));
    put("status_code", json!(event.outcome));
    put("metadata", metadata(event, class));
    put("actor", json!({"user": user(event)}));
    put("src_endpoint", endpoint(event));
    put("unmapped", unmapped(event, class));
    found.extend(of_class(event, class));
    if class.tells_decisions() {
        found.extend(decision(event, allowed));
    }
    found.retain(|_, value| !value.is_null());
    Value::Object(found)
}

impl Class {
    /// Whether the class has the profile `security_control`, and with it members for what was decided.
    fn tells_decisions(self) -> bool {
        self.uid == 6_005
    }

    /// Profiles without which the class does not have members that we use.
    fn profiles(self) -> &'static [&'static str] {
        match self.uid {
            6_005 => &["security_control"],
            // Who changed it.
            3_004 => &["host"],
            _ => &[],
        }
    }
}

fn decision(event: &AuditEvent, allowed: bool) -> Map<String, Value> {
    let told = |yes: &str, no: &str| json!(if allowed { yes } else { no });
    let id = json!(if allowed { 1 } else { 2 });
    [
        ("action_id", id.clone()),
        ("action", told("Allowed", "Denied")),
        ("disposition_id", id),
        ("disposition", told("Allowed", "Blocked")),
        ("authorizations", authorizations(event)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

fn class(event: &AuditEvent) -> Class {
    let class = |uid, name, category, (activity, activity_name)| Class {
        uid,
        name,
        category,
        activity,
        activity_name,
    };
    match event.kind.as_str() {
        "authentication" => class(3_002, "Authentication", "Identity & Access Management", (1, "Logon")),
        "change" => class(
            3_004,
            "Entity Management",
            "Identity & Access Management",
            crud(&event.action),
        ),
        "query.attempt" if event.resource.starts_with("table:") || event.resource.starts_with("view:") => {
            class(6_005, "Datastore Activity", "Application Activity", (4, "Query"))
        }
        "read" => class(6_003, "API Activity", "Application Activity", (2, "Read")),
        _ => class(6_003, "API Activity", "Application Activity", (99, "Other")),
    }
}

fn crud(action: &str) -> (u32, &'static str) {
    let action = action.to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| action.starts_with(word));
    if begins(&["create", "grant", "register"]) {
        (1, "Create")
    } else if begins(&["delete", "drop", "revoke"]) {
        (4, "Delete")
    } else {
        (3, "Update")
    }
}

fn metadata(event: &AuditEvent, class: Class) -> Value {
    let mut metadata = json!({
        "version": SCHEMA,
        "profiles": class.profiles(),
        "product": {"name": "Lakegate", "vendor_name": "Lakegate", "version": env!("CARGO_PKG_VERSION")},
        "uid": format!("{}/{}", event.stream, event.seq),
        "log_name": event.stream,
        "sequence": event.seq,
        "event_code": event.kind,
    });
    if let (Some(id), Some(members)) = (&event.query_id, metadata.as_object_mut()) {
        members.insert("correlation_uid".to_owned(), json!(id));
    }
    metadata
}

/// Who acted. A failed authentication has proved nobody.
fn user(event: &AuditEvent) -> Value {
    let name = if event.principal.is_empty() {
        "unknown"
    } else {
        &event.principal
    };
    let mut user = Map::from_iter([
        ("name".to_owned(), json!(name)),
        (
            "type_id".to_owned(),
            json!(if event.principal.is_empty() { 0 } else { 1 }),
        ),
    ]);
    if !event.principal_id.is_empty() {
        user.insert("uid".to_owned(), json!(event.principal_id));
    }
    if let Some(roles) = event.details.get("roles") {
        let groups: Vec<Value> = roles.split(',').map(|role| json!({"name": role})).collect();
        user.insert("groups".to_owned(), Value::Array(groups));
    }
    Value::Object(user)
}

fn endpoint(event: &AuditEvent) -> Value {
    let mut endpoint = Map::from_iter([("svc_name".to_owned(), json!(event.door))]);
    if let Some(address) = &event.address {
        endpoint.insert("ip".to_owned(), json!(address));
    }
    Value::Object(endpoint)
}

fn authorizations(event: &AuditEvent) -> Value {
    let policies = event.policies.iter();
    let of = |policy: &String| json!({"decision": event.decision, "policy": {"uid": policy, "name": policy}});
    let found: Vec<Value> = policies.map(of).collect();
    if found.is_empty() {
        json!([{"decision": event.decision}])
    } else {
        Value::Array(found)
    }
}

/// What only the class has.
fn of_class(event: &AuditEvent, class: Class) -> Map<String, Value> {
    let (kind, name) = event.resource.split_once(':').unwrap_or(("", &event.resource));
    let named = |uid: &Option<String>| match uid {
        Some(uid) => json!({"name": name, "uid": uid}),
        None => json!({"name": name}),
    };
    let members = match class.uid {
        3_002 => json!({
            "user": user(event), "auth_protocol_id": 99, "auth_protocol": event.method,
            "status_detail": event.details.get("reason"), "service": {"name": "lakegate"}, "is_remote": true,
        }),
        3_004 => {
            let mut entity = named(&event.resource_id);
            if let Some(members) = entity.as_object_mut() {
                members.insert("type".to_owned(), json!(kind));
            }
            json!({"entity": entity, "comment": event.action})
        }
        6_005 => {
            let parts: Vec<&str> = name.split('.').collect();
            let database = parts
                .len()
                .checked_sub(1)
                .and_then(|last| parts.get(..last))
                .unwrap_or_default();
            json!({
                "table": named(&event.resource_id), "type_id": 3, "type": "Table",
                "database": {"name": database.join("."), "type_id": 99, "type": "Lakehouse"},
            })
        }
        _ => {
            let mut resource = named(&event.resource_id);
            if let Some(members) = resource.as_object_mut() {
                members.insert("type".to_owned(), json!(kind));
            }
            json!({"api": {"operation": event.action}, "resources": [resource]})
        }
    };
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What the schema has no word for, under our own.
fn unmapped(event: &AuditEvent, class: Class) -> Value {
    let mut ours = serde_json::to_value(event).unwrap_or_default();
    if let Some(members) = ours.as_object_mut() {
        let mapped = [
            "time",
            "principal",
            "principal_id",
            "address",
            "stream",
            "seq",
            "query_id",
        ];
        let told = |name: &str| mapped.contains(&name) || (name == "policies" && class.tells_decisions());
        members.retain(|name, value| !told(name) && !is_empty(value));
    }
    json!({"lakegate": ours})
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

fn milliseconds(time: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(time).map_or(0, |time| time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(kind: &str, action: &str, resource: &str) -> AuditEvent {
        let text = json!({
            "time": "2026-11-20T09:00:00.123Z", "kind": kind, "principal": "alice", "principal_id": "u-1", "method": "api-key",
            "address": "10.0.0.7", "door": "rest", "action": action, "resource": resource, "resource_id": "t-42",
            "decision": "allow", "outcome": "ok", "policies": ["orders.eu"], "filters": ["orders#eu@5"], "restrictive": [],
            "masks": {"ssn": "show-last-4@1"}, "hidden": ["customer"], "policy_version": 4711, "query_id": "q-1",
            "details": {"roles": "analyst,eu"}, "stream": "node-a", "seq": 88120, "prev": "p", "hash": "h",
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn a_decision_is_datastore_activity() {
        let found = event(&sample("query.attempt", "Select", "table:lake.sales.orders"));
        assert_eq!(
            (&found["class_uid"], &found["category_uid"], &found["type_uid"]),
            (&json!(6005), &json!(6), &json!(600_504))
        );
        assert_eq!(found["time"], json!(1_795_165_200_123_i64));
        assert_eq!(found["table"], json!({"name": "lake.sales.orders", "uid": "t-42"}));
        assert_eq!(found["database"]["name"], json!("lake.sales"));
        assert_eq!(
            found["actor"]["user"]["groups"],
            json!([{"name": "analyst"}, {"name": "eu"}])
        );
        assert_eq!(found["src_endpoint"], json!({"svc_name": "rest", "ip": "10.0.0.7"}));
        assert_eq!(found["metadata"]["uid"], json!("node-a/88120"));
        assert_eq!(found["metadata"]["correlation_uid"], json!("q-1"));
        assert_eq!(
            found["authorizations"],
            json!([{"decision": "allow", "policy": {"uid": "orders.eu", "name": "orders.eu"}}])
        );
        let ours = &found["unmapped"]["lakegate"];
        assert_eq!(
            (&ours["masks"], &ours["filters"]),
            (&json!({"ssn": "show-last-4@1"}), &json!(["orders#eu@5"]))
        );
        assert_eq!((&ours["hash"], ours.get("restrictive")), (&json!("h"), None));
        assert_eq!(ours.get("policies"), None);
    }

    /// `tests/cli/test_ocsf.py` asks the published schema.
    #[test]
    fn what_a_class_has_no_member_for_is_kept_under_our_own() {
        let found = event(&sample("change", "create", "role:x"));
        assert_eq!((found.get("authorizations"), found.get("action_id")), (None, None));
        let ours = &found["unmapped"]["lakegate"];
        assert_eq!(
            (&ours["policies"], &ours["decision"]),
            (&json!(["orders.eu"]), &json!("allow"))
        );
        assert_eq!(found["metadata"]["profiles"], json!(["host"]));
        let mut read = sample("read", "ReadAudit", "policy-store:default");
        (read.resource_id, read.trace_id) = (None, Some("t-1".to_owned()));
        let found = event(&read);
        assert_eq!(found["resources"], json!([{"name": "default", "type": "policy-store"}]));
        assert_eq!(
            (
                found["metadata"].get("trace_uid"),
                &found["unmapped"]["lakegate"]["trace_id"]
            ),
            (None, &json!("t-1"))
        );
    }

    #[test]
    fn every_kind_has_its_class() {
        let of = |kind, action, resource| {
            let found = event(&sample(kind, action, resource));
            (
                found["class_uid"].as_u64().unwrap(),
                found["activity_id"].as_u64().unwrap(),
            )
        };
        assert_eq!(of("authentication", "Authenticate", "tenant:default"), (3002, 1));
        assert_eq!(of("change", "create", "role:x"), (3004, 1));
        assert_eq!(of("change", "update", "policy:x"), (3004, 3));
        assert_eq!(of("change", "delete", "policy:x"), (3004, 4));
        assert_eq!(of("read", "ReadAudit", "policy-store:default"), (6003, 2));
        assert_eq!(of("query.outcome", "Query", "query:q"), (6003, 99));
        assert_eq!(of("query.attempt", "SubmitQuery", "statement"), (6003, 99));
    }

    #[test]
    fn a_denial_is_a_failure_that_was_blocked() {
        let mut denied = sample("query.attempt", "Select", "table:lake.sales.orders");
        denied.decision = "deny".to_owned();
        denied.outcome = "TABLE_NOT_FOUND".to_owned();
        let found = event(&denied);
        assert_eq!(
            (&found["status_id"], &found["action_id"], &found["disposition_id"]),
            (&json!(2), &json!(2), &json!(2))
        );
        assert_eq!(found["status_code"], json!("TABLE_NOT_FOUND"));
    }
}
