//! How do the policies, filters, masks and grants of an earlier epoch come back? As one change of the newest catalog, checked,
//! permitted, approved and audited like any other. Tables, people and tags stay as they are.

use std::{collections::BTreeMap, sync::Arc};

use lakegate_catalog::{
    governance::{ColumnMask, DataFilter, Policy},
    id::ObjectId,
    identity::{Grant, Grantee},
    object::{Kind, Stored},
    relation::Column,
    snapshot::Snapshot,
};

use super::{
    ATTEMPTS, Applier, ApplyContext, ApplyError, ApplyOptions, ApplyReport, Plan, builtins,
    change::{self, name_of},
    check,
    compared::absent,
    draft::{Draft, Slot, Writer},
    entry::Picture,
    gains::Rule,
    judge::Judge,
    model::Lake,
    moved,
    problem::{Place, Problems},
    resource, settle, snapshot,
};

/// Publishes what governed at `epoch` again, as a new epoch.
///
/// # Errors
/// `NOT_FOUND` for an epoch that is not there; everything that cannot come back; those of `apply_approved`.
pub async fn rollback(
    cx: &ApplyContext<'_>,
    epoch: i64,
    options: ApplyOptions,
    approved: Option<&str>,
) -> Result<ApplyReport, ApplyError> {
    let stored = |error| super::commit::store_problem(&error);
    let past = cx
        .store
        .snapshot_at(epoch)
        .await
        .map_err(stored)?
        .ok_or_else(|| absent(epoch))?;
    let (lake, problems, directories) = (Lake::default(), Problems::default(), BTreeMap::new());
    let plan = Plan {
        lake: &lake,
        writer: Writer::Api,
        directories: &directories,
        removed: None,
        problems: &problems,
        gains: match cx.by {
            Applier::Operator => Rule::Free,
            Applier::Caller { .. } => Rule::Approved(approved),
        },
    };
    for _ in 0..ATTEMPTS {
        let whole = snapshot(cx.store).await?;
        let judge = Judge::new(&cx.by, &whole);
        let mut draft = Draft::new(whole, BTreeMap::new(), Writer::Api);
        put_back(&mut draft, &past);
        fits(&mut draft, &past);
        let seen =
            |draft: &Draft, kind, id: &ObjectId| !resource::is_stored(&draft.before, kind, id) || judge.sees(kind, id);
        check::usage::nothing_hangs(&mut draft, false, &seen);
        let difference = change::difference(&draft);
        if let Some(report) = settle(cx, (&plan, &judge), draft, difference, options).await? {
            return Ok(report);
        }
    }
    Err(moved())
}

fn place() -> Place {
    Place::of_input("rollback")
}

/// Replaces what governs. What is there stays with the lake that owns it now.
fn put_back(draft: &mut Draft, past: &Snapshot) {
    fn of<B: Slot>(draft: &mut Draft, past: &Snapshot) {
        let known: BTreeMap<ObjectId, Arc<Stored<B>>> = B::all(&draft.before)
            .iter()
            .map(|one| (one.id.clone(), Arc::clone(one)))
            .collect();
        let back = B::all(past).iter().map(|old| match known.get(&old.id) {
            Some(now) => {
                let mut one = now.as_ref().clone();
                one.body = old.body.clone();
                one.name.clone_from(&old.name);
                one.parent.clone_from(&old.parent);
                Arc::new(one)
            }
            None => Arc::clone(old),
        });
        *B::all_mut(&mut draft.after) = back.collect();
    }
    of::<Policy>(draft, past);
    of::<DataFilter>(draft, past);
    of::<ColumnMask>(draft, past);
    of::<Grant>(draft, past);
    // The built-in policies came with the first start, which may be later than the epoch.
    for policy in Arc::clone(&draft.before).policies.iter() {
        if builtins::is_policy(&policy.name) && !draft.after.policies.iter().any(|known| known.name == policy.name) {
            draft.after.policies.push(Arc::clone(policy));
        }
    }
    draft.reindex();
}

/// Everything that cannot come back, and why.
fn fits(draft: &mut Draft, past: &Snapshot) {
    let mut wrong: Vec<String> = Vec::new();
    let now = &draft.after;
    let before = &draft.before;
    for filter in &past.data_filters {
        if before
            .data_filter(&filter.id)
            .is_some_and(|known| known.body == filter.body)
        {
            continue;
        }
        let columns = filter.parent.as_ref().and_then(|table| columns(now, table));
        let name = || format!("data-filter `{}`", name_of(past, Kind::DataFilter, filter.as_ref()));
        match columns {
            None => wrong.push(format!("{}: its table was dropped since", name())),
            Some(columns) => {
                let reads = filter
                    .body
                    .reads
                    .iter()
                    .map(|read| (&read.id, Some(read.data_type.as_str())));
                let lists = filter.body.columns.named().iter().map(|id| (id, None));
                if let Some(why) = reads
                    .chain(lists)
                    .find_map(|(id, data_type)| differs((past, columns), id, data_type))
                {
                    wrong.push(format!("{}: {why}", name()));
                }
            }
        }
    }
    for mask in &past.column_masks {
        if before
            .column_mask(&mask.id)
            .is_some_and(|known| known.body == mask.body)
        {
            continue;
        }
        let name = || format!("column-mask `{}`", name_of(past, Kind::ColumnMask, mask.as_ref()));
        let Some(column) = &mask.parent else { continue };
        let why = match columns(now, &mask.body.table) {
            None => Some("its table was dropped since".to_owned()),
            Some(columns) => differs((past, columns), column, data_type(past, column)),
        };
        wrong.extend(why.map(|why| format!("{}: {why}", name())));
    }
    let (then, after) = (picture(past, &draft.partitions), picture(now, &draft.partitions));
    for policy in &past.policies {
        let same = before
            .find_policy(&policy.name)
            .is_some_and(|known| known.body == policy.body);
        if !same && after.is_dangling(policy) && !then.is_dangling(policy) {
            wrong.push(format!(
                "policy `{}`: something that it names was dropped since",
                policy.name
            ));
        }
    }
    for grant in &past.grants {
        wrong.extend(
            ungrantable(now, &grant.body)
                .map(|why| format!("grant `{}`: {why}", name_of(past, Kind::Grant, grant.as_ref()))),
        );
    }
    let remedy = "bring it back as it is to be with `apply`, or roll back to a later epoch";
    for what in wrong {
        draft.invalid(
            &place(),
            format!("{what}, so epoch {} cannot come back", past.version),
            remedy,
        );
    }
}

fn picture<'a>(
    snapshot: &'a Snapshot,
    partitions: &'a BTreeMap<ObjectId, lakegate_catalog::snapshot::Partitions>,
) -> Picture<'a> {
    Picture { snapshot, partitions }
}

/// The columns of a table or view that is there.
fn columns<'a>(snapshot: &'a Snapshot, relation: &ObjectId) -> Option<&'a [Column]> {
    let table = snapshot.table(relation).filter(|table| !table.body.is_retired());
    let view = || snapshot.view(relation).map(|view| view.body.columns.as_slice());
    table.map(|table| table.body.columns.as_slice()).or_else(view)
}

fn data_type<'a>(snapshot: &'a Snapshot, column: &ObjectId) -> Option<&'a str> {
    let root = column.column().unwrap_or_else(|| column.clone());
    let tables = snapshot.tables.iter().flat_map(|table| &table.body.columns);
    let views = snapshot.views.iter().flat_map(|view| &view.body.columns);
    let found = tables.chain(views).find(|known| known.id == root);
    found.map(|known| known.data_type.as_str())
}

/// Is a column not there any more, or of another type?
fn differs((past, columns): (&Snapshot, &[Column]), id: &ObjectId, data_type: Option<&str>) -> Option<String> {
    let root = id.column().unwrap_or_else(|| id.clone());
    let Some(known) = columns.iter().find(|column| column.id == root) else {
        let tables = past.tables.iter().flat_map(|table| &table.body.columns);
        let name = tables
            .into_iter()
            .find(|column| column.id == root)
            .map(|column| column.name.as_str());
        return Some(format!("column `{}` was dropped since", name.unwrap_or("of its table")));
    };
    let retyped = data_type.is_some_and(|data_type| data_type != known.data_type);
    retyped.then(|| format!("column `{}` has another type since", known.name))
}

fn ungrantable(now: &Snapshot, grant: &Grant) -> Option<&'static str> {
    let (Grantee::User(holder) | Grantee::Role(holder)) = &grant.to;
    if now.user(holder).is_none() && now.role(holder).is_none() {
        return Some("who received it was deleted since");
    }
    let object = &grant.object;
    now.name_of(&object.entity_type, object.id.as_str())
        .is_none()
        .then_some("its object was dropped since")
}
