//! May somebody grant this? By a policy that permits `Grant`, or by a grant of their own with grant option (governance.md
//! §2.2, docs/adr/0022).

use chrono::{DateTime, Utc};
use lakegate_catalog::{
    id::ObjectId,
    identity::{Grant, GrantObject, Grantee, PassedOn},
    object::Stored,
    snapshot::Snapshot,
};
use lakegate_policy::{Action, GrantContext, Privilege, RequestContext};
use lakegate_query::{
    authorize,
    context::{Caller, QueryContext, request_context},
    entities::{Governor, ObjectRef, passed_on},
};

use super::judge::GrantWish;

/// Do the policies permit this `Grant` or `Revoke`? A privilege that bundles actions is asked for action by action.
pub(crate) fn permitted(
    governor: &Governor,
    caller: &Caller,
    (action, wish): (Action, GrantWish<'_>),
    object: &ObjectRef,
) -> bool {
    let Ok(privilege) = wish.privilege.parse::<Privilege>() else {
        return false;
    };
    privilege.actions().into_iter().all(|granted| {
        let context = GrantContext {
            request: request_context(caller),
            privilege: granted.name().to_owned(),
            grantee_role: wish.grantee_role.map(ToString::to_string),
            with_grant_option: wish.with_grant_option,
            expires: wish.expires_ms,
        };
        governor.decide_grant(caller, &context, action, object).is_allowed()
    })
}

/// May the caller grant this, by whichever right?
pub(crate) fn may_grant(governor: &Governor, caller: &Caller, wish: GrantWish<'_>, object: &GrantObject) -> bool {
    // A data location is no object of the catalog: the right to grant on everything is needed.
    let target = match object.entity_type.as_str() {
        "DataLocation" => ObjectRef::tenant(),
        entity_type => ObjectRef::new(entity_type, object.id.as_str()),
    };
    permitted(governor, caller, (Action::Grant, wish), &target) || passing_on(governor, caller, wish, object).is_some()
}

/// The facts of a stored grant.
pub(crate) fn wish(grant: &Grant) -> GrantWish<'_> {
    GrantWish {
        privilege: &grant.privilege,
        grantee_role: match &grant.to {
            Grantee::Role(id) => Some(id),
            Grantee::User(_) => None,
        },
        with_grant_option: grant.with_grant_option,
        expires_ms: grant.expires.map(|end| end.timestamp_millis()),
    }
}

/// Which grant lets the caller pass this on? One that they hold with grant option, that ends no earlier, and of which nothing
/// is withheld from them: no row, no cell, no part by a forbid. The oldest of several.
pub(crate) fn passing_on(
    governor: &Governor,
    caller: &Caller,
    wish: GrantWish<'_>,
    object: &GrantObject,
) -> Option<PassedOn> {
    let snapshot = governor.snapshot();
    let now = Utc::now();
    let lasts = |held: &Stored<Grant>| {
        let end = passed_on::in_force(snapshot, held)?;
        let end = end.map(|end| end.timestamp_millis());
        let wanted = wish.expires_ms.unwrap_or(i64::MAX);
        end.is_none_or(|end| end > now.timestamp_millis() && wanted <= end)
            .then_some(())
    };
    let held = snapshot.grants.iter().filter(|held| {
        passed_on::carries(snapshot, &held.body, wish.privilege, object)
            && passed_on::is_to(snapshot, &held.body.to, &caller.user)
            && lasts(held).is_some()
    });
    let held = held.min_by_key(|held| (held.created_at, held.id.clone()))?;
    holds_whole(governor, caller, wish.privilege, object).then(|| PassedOn {
        by: caller.user.clone(),
        through: held.id.clone(),
    })
}

/// Would a grant come back to somebody who passed it on? Then nobody could take it from them.
pub(crate) fn comes_back(governor: &Governor, grant: &Stored<Grant>) -> bool {
    let snapshot = governor.snapshot();
    let givers = |grant: &Stored<Grant>| grant.body.passed_on.as_ref().map(|passed| passed.by.clone());
    let above = passed_on::chain(snapshot, grant).unwrap_or_default();
    let mut givers = above.into_iter().filter_map(givers).chain(givers(grant));
    givers.any(|giver| passed_on::is_to(snapshot, &grant.body.to, &giver))
}

/// Has the caller all of what the privilege permits on the object and on everything in it?
fn holds_whole(governor: &Governor, caller: &Caller, privilege: &str, object: &GrantObject) -> bool {
    let Ok(privilege) = privilege.parse::<Privilege>() else {
        return false;
    };
    let request = request_context(caller);
    privilege
        .actions()
        .into_iter()
        .all(|action| holds_action(governor, caller, &request, action, object))
}

fn holds_action(
    governor: &Governor,
    caller: &Caller,
    request: &RequestContext,
    action: Action,
    object: &GrantObject,
) -> bool {
    let snapshot = governor.snapshot();
    if action == Action::Select && !sees_whole(governor, caller, object) {
        return false;
    }
    let parts = parts(governor).filter(|part| action.applies_to(&part.entity_type));
    let mut questions: Vec<(Action, ObjectRef)> = parts
        .filter(|part| passed_on::contains(snapshot, object, part))
        .map(|part| (action, ObjectRef::new(&part.entity_type, part.id.as_str())))
        .collect();
    if action.applies_to(&object.entity_type) {
        questions.push((action, ObjectRef::new(&object.entity_type, object.id.as_str())));
    }
    governor
        .decide_all(caller, request, &questions)
        .iter()
        .all(lakegate_policy::Decision::is_allowed)
}

/// Every table and view of the object, or the one around a column, without any restriction.
fn sees_whole(governor: &Governor, caller: &Caller, object: &GrantObject) -> bool {
    let snapshot = governor.snapshot();
    let cx = QueryContext::observing(governor, caller);
    let concerned = |relation: &GrantObject| {
        passed_on::contains(snapshot, object, relation) || passed_on::contains(snapshot, relation, object)
    };
    let relation = |part: &GrantObject| matches!(part.entity_type.as_str(), "Table" | "View");
    let mut relations = parts(governor).filter(|part| relation(part) && concerned(part));
    relations.all(|relation| {
        let path = snapshot.relation_path(&relation.id);
        let grant = path.and_then(|path| authorize::decide(&cx, &path).ok());
        grant.is_some_and(|grant| grant.is_unrestricted())
    })
}

/// What lies in other objects, apart from columns: they go with their tables.
fn parts(governor: &Governor) -> impl Iterator<Item = GrantObject> {
    let snapshot = governor.snapshot();
    let of = |entity_type: &'static str| {
        move |id: &ObjectId| GrantObject {
            entity_type: entity_type.to_owned(),
            id: id.clone(),
        }
    };
    let tables = snapshot.tables.iter().map(|one| &one.id).map(of("Table"));
    let views = snapshot.views.iter().map(|one| &one.id).map(of("View"));
    let databases = snapshot.databases.iter().map(|one| &one.id).map(of("Database"));
    let filters = snapshot.data_filters.iter().map(|one| &one.id).map(of("DataFilter"));
    let masks = snapshot.column_masks.iter().map(|one| &one.id).map(of("ColumnMask"));
    let users = snapshot.users.iter().map(|one| &one.id).map(of("User"));
    tables
        .chain(views)
        .chain(databases)
        .chain(filters)
        .chain(masks)
        .chain(users)
}

/// Has the caller anything that could be passed on?
pub(crate) fn may_pass_on_anything(snapshot: &Snapshot, caller: &Caller) -> bool {
    let mut grants = snapshot.grants.iter().map(|grant| &grant.body);
    grants.any(|grant| grant.with_grant_option && passed_on::is_to(snapshot, &grant.to, &caller.user))
}

/// Has the grant's time come, or is what it hangs on gone? Then it permits nothing any more.
pub(crate) fn is_over(snapshot: &Snapshot, grant: &Stored<Grant>, now: DateTime<Utc>) -> bool {
    passed_on::in_force(snapshot, grant).is_none_or(|end| end.is_some_and(|end| end <= now))
}
