//! What changes if the draft is stored? The difference of two snapshots: changes for people, puts and deletes for the store.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use lakegate_catalog::{
    change::{Delete, Expected, Put},
    connection::Connection,
    governance::{ColumnMask, DataFilter, Policy, TagKey},
    id::ObjectId,
    identity::{Grant, Key, Role, User, Workgroup},
    object::{BUILTIN_LAKE, Kind, LOCAL_LAKE, Noun, Stored},
    relation::{Catalog, Database, Partition, Table, View},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    builtins,
    draft::{Draft, Slot, Writer},
    entry::Picture,
    export::ungoverned,
    gains::Approval,
    judge::Judge,
    model::Canonical,
};

/// What happens to one object.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Created,
    Updated,
    Deleted,
    Unchanged,
}

impl ChangeKind {
    /// The word of the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Unchanged => "unchanged",
        }
    }
}

/// One object of a lake, and what an apply does (or would do) to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    pub kind: Kind,
    /// As the lake writes it; a grant as `select on table:a.b.c to role:x`.
    pub name: String,
    pub change: ChangeKind,
    /// Members of the entry that change; of a creation those that are set.
    pub fields: Vec<String>,
    #[serde(skip)]
    pub id: ObjectId,
}

/// Everything that changes, for people and for the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Difference {
    pub changes: Vec<Change>,
    pub puts: Vec<Put>,
    pub deletes: Vec<Delete>,
    /// Gains that somebody has approved.
    pub approval: Option<Approval>,
}

/// What of a stored lake is deleted when the files no longer name it. What the applier may not read is spared: neither a refusal
/// nor the change itself tells that it is there.
pub(crate) fn prune(draft: &mut Draft, judge: &Judge<'_>) {
    let Writer::Lake(lake) = draft.writer.clone() else {
        return;
    };
    fn absent<B: Slot>(draft: &Draft, lake: &str, judge: &Judge<'_>) -> Vec<ObjectId> {
        let mine = B::all(&draft.before).iter().filter(|object| object.lake == lake);
        let absent = mine
            .filter(|object| !draft.named.contains(&(B::KIND, object.id.clone())) && !found_only(draft, &object.id));
        absent
            .filter(|object| judge.sees(B::KIND, &object.id))
            .map(|object| object.id.clone())
            .collect()
    }
    macro_rules! prune {
        ($($noun:ty),*) => {$(
            for id in absent::<$noun>(draft, &lake, judge) {
                if !builtins::restore(draft, <$noun as Noun>::KIND, &id) {
                    draft.remove::<$noun>(&id);
                }
            }
        )*};
    }
    prune!(
        Connection, Catalog, Database, Table, View, TagKey, DataFilter, ColumnMask, Policy, Role, User, Grant,
        Workgroup, Key
    );
    drop_discovered(draft);
    draft.reindex();
}

/// Did discovery make it, and nobody said anything about it since?
fn found_only(draft: &Draft, id: &ObjectId) -> bool {
    let database = |database: &Stored<Database>| {
        let body = &database.body;
        body.discovered
            && database.lake == LOCAL_LAKE
            && body.tags.is_empty()
            && body.comment.is_none()
            && body.owner.is_none()
    };
    draft.before.table(id).is_some_and(|table| ungoverned(table))
        || draft.before.database(id).is_some_and(|one| database(one))
}

/// A database that discovery made goes when nothing in it is left and its catalog goes.
pub(crate) fn drop_discovered(draft: &mut Draft) {
    let gone = |draft: &Draft, id: Option<&ObjectId>| {
        id.is_some_and(|id| !draft.after.catalogs.iter().any(|catalog| catalog.id == *id))
    };
    let databases: Vec<ObjectId> = draft
        .after
        .databases
        .iter()
        .filter(|database| database.body.discovered && gone(draft, database.parent.as_ref()))
        .map(|database| database.id.clone())
        .collect();
    for database in databases {
        let tables: Vec<ObjectId> = draft
            .after
            .tables
            .iter()
            .filter(|table| table.parent.as_ref() == Some(&database) && table.body.remote.is_some())
            .map(|table| table.id.clone())
            .collect();
        tables.iter().for_each(|table| draft.remove::<Table>(table));
        draft.remove::<Database>(&database);
    }
}

/// Compares before and after; what the lake names and did not change is listed as unchanged.
pub(crate) fn difference(draft: &Draft) -> Difference {
    let before = draft.stored();
    let after = Picture {
        snapshot: &draft.after,
        partitions: &draft.partitions,
    };
    let mut found = Differ {
        draft,
        result: Difference::default(),
    };
    found.kind::<Connection, _>(|one| after.connection(one), |one| before.connection(one));
    found.kind::<Catalog, _>(|one| after.catalog(one), |one| before.catalog(one));
    found.kind::<Database, _>(|one| after.database(one), |one| before.database(one));
    found.kind::<Table, _>(|one| after.table(one), |one| before.table(one));
    found.kind::<View, _>(|one| after.view(one), |one| before.view(one));
    found.partitions();
    found.kind::<TagKey, _>(|one| after.tag(one), |one| before.tag(one));
    found.kind::<DataFilter, _>(|one| after.filter(one), |one| before.filter(one));
    found.kind::<ColumnMask, _>(|one| after.mask(one), |one| before.mask(one));
    found.kind::<Policy, _>(|one| after.policy(one), |one| before.policy(one));
    found.kind::<Role, _>(|one| after.role(one), |one| before.role(one));
    found.kind::<User, _>(|one| after.user(one), |one| before.user(one));
    found.kind::<Grant, _>(|one| after.grant(one), |one| before.grant(one));
    found.kind::<Workgroup, _>(|one| after.workgroup(one), |one| before.workgroup(one));
    found.kind::<Key, _>(|one| after.key(one), |one| before.key(one));
    found
        .result
        .changes
        .sort_by(|left, right| (left.kind, &left.name).cmp(&(right.kind, &right.name)));
    found.result
}

struct Differ<'a> {
    draft: &'a Draft,
    result: Difference,
}

impl Differ<'_> {
    fn kind<B: Slot, E: Canonical>(&mut self, after: impl Fn(&Stored<B>) -> E, before: impl Fn(&Stored<B>) -> E) {
        let draft = self.draft;
        let stored: HashMap<&ObjectId, &Arc<Stored<B>>> =
            B::all(&draft.before).iter().map(|known| (&known.id, known)).collect();
        let left: HashSet<&ObjectId> = B::all(&draft.after).iter().map(|object| &object.id).collect();
        for object in B::all(&draft.after) {
            let known = stored.get(&object.id).copied();
            let name = || name_of(&draft.after, B::KIND, object);
            match known {
                None => {
                    self.put(object, Expected::Absent);
                    self.note(
                        (B::KIND, name()),
                        ChangeKind::Created,
                        fields(None, Some(&after(object))),
                        &object.id,
                    );
                }
                Some(known) if known.body != object.body || known.name != object.name || known.lake != object.lake => {
                    self.put(object, Expected::Version(known.version));
                    let mut fields = fields(Some(&before(known)), Some(&after(object)));
                    if fields.is_empty() {
                        // What the entry does not show: a secret's value, ids behind equal names, the owner lake.
                        fields.push(hidden_field(B::KIND, known.lake != object.lake).to_owned());
                    } else if [&known.lake, &object.lake].contains(&&BUILTIN_LAKE.to_owned())
                        && known.lake != object.lake
                    {
                        fields.push("lake".to_owned());
                    }
                    self.note((B::KIND, name()), ChangeKind::Updated, fields, &object.id);
                }
                Some(_) if draft.named.contains(&(B::KIND, object.id.clone())) => {
                    self.note((B::KIND, name()), ChangeKind::Unchanged, Vec::new(), &object.id);
                }
                Some(_) => {}
            }
        }
        for known in B::all(&draft.before) {
            if !left.contains(&known.id) {
                self.result.deletes.push(Delete::of(known.as_ref()));
                let name = name_of(&draft.before, B::KIND, known);
                self.note((B::KIND, name), ChangeKind::Deleted, Vec::new(), &known.id);
            }
        }
    }

    fn partitions(&mut self) {
        let draft = self.draft;
        for (table, after) in &draft.partitions {
            let table_name = draft
                .after
                .name_of("Table", table.as_str())
                .unwrap_or_else(|| table.to_string());
            let none = Vec::new();
            let before = draft.partitions_before.get(table).unwrap_or(&none);
            for partition in after {
                let name = format!("{table_name}/{}", partition.name);
                match before.iter().find(|known| known.id == partition.id) {
                    None => {
                        self.put::<Partition>(partition, Expected::Absent);
                        self.note(
                            (Kind::Partition, name),
                            ChangeKind::Created,
                            vec!["location".to_owned()],
                            &partition.id,
                        );
                    }
                    Some(known) if known.body != partition.body => {
                        self.put::<Partition>(partition, Expected::Version(known.version));
                        self.note(
                            (Kind::Partition, name),
                            ChangeKind::Updated,
                            vec!["location".to_owned()],
                            &partition.id,
                        );
                    }
                    Some(_) => {}
                }
            }
            for known in before
                .iter()
                .filter(|known| !after.iter().any(|partition| partition.id == known.id))
            {
                self.result.deletes.push(Delete::of(known.as_ref()));
                let name = format!("{table_name}/{}", known.name);
                self.note((Kind::Partition, name), ChangeKind::Deleted, Vec::new(), &known.id);
            }
        }
    }

    fn put<B: Noun>(&mut self, object: &Stored<B>, expected: Expected) {
        // A body that cannot be written as JSON does not exist: maps have text keys.
        let put = Put::create_as(
            object.id.clone(),
            object.parent.as_ref(),
            &object.name,
            &object.lake,
            &object.body,
        );
        self.result.puts.extend(put.ok().map(|put| put.expecting(expected)));
    }

    fn note(&mut self, (kind, name): (Kind, String), change: ChangeKind, fields: Vec<String>, id: &ObjectId) {
        self.result.changes.push(Change {
            kind,
            name,
            change,
            fields,
            id: id.clone(),
        });
    }
}

fn hidden_field(kind: Kind, lake: bool) -> &'static str {
    match kind {
        _ if lake => "lake",
        Kind::Connection => "directory",
        Kind::DataFilter => "reads",
        Kind::Key => "secret",
        Kind::Table => "source",
        Kind::View => "columns",
        _ => "references",
    }
}

/// The name of an object as the lake writes it.
pub(crate) fn name_of<B: Slot>(
    snapshot: &lakegate_catalog::snapshot::Snapshot,
    kind: Kind,
    object: &Stored<B>,
) -> String {
    if kind == Kind::Grant {
        let partitions = BTreeMap::new();
        let picture = Picture {
            snapshot,
            partitions: &partitions,
        };
        if let Some(grant) = snapshot.grants.iter().find(|grant| grant.id == object.id) {
            let entry = picture.grant(grant);
            return format!("{} on {} to {}", entry.privileges.join(", "), entry.resource, entry.to);
        }
    }
    let name = kind
        .entity_type()
        .and_then(|entity| snapshot.name_of(entity, object.id.as_str()));
    name.unwrap_or_else(|| object.name.clone())
}

/// Members of two entries that differ.
fn fields<E: Canonical>(before: Option<&E>, after: Option<&E>) -> Vec<String> {
    let members = |entry: Option<&E>| {
        let mut entry = entry?.clone();
        entry.canonical();
        match serde_json::to_value(entry) {
            Ok(Value::Object(members)) => Some(members),
            _ => None,
        }
    };
    let (before, after) = (members(before).unwrap_or_default(), members(after).unwrap_or_default());
    let mut names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| before.get(name) != after.get(name));
    names
}
