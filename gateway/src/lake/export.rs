//! What is the running lake in its own format? One YAML and one Cedar text; applying them changes nothing.

use std::collections::{BTreeMap, HashSet};

use lakegate_catalog::{
    connection::Connection,
    governance::{ColumnMask, DataFilter, Policy, TagKey},
    id::ObjectId,
    identity::{Grant, Key, Role, User, Workgroup},
    object::{BUILTIN_LAKE, Kind, LOCAL_LAKE, Stored},
    relation::{Catalog, Column, Database, Table, View},
    snapshot::Snapshot,
};
use serde_json::{Map, Value, json};

use super::{
    ApplyError,
    change::name_of,
    draft::Slot,
    entry::{Picture, unquoted},
    model::{Canonical, TableEntry},
    problem::{Place, Problem, ProblemCode},
    yaml_text,
};

/// What to export.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportOptions {
    /// Name of the lake; `None`: the only one that was applied, else `local`.
    pub lake: Option<String>,
    /// Only these kinds; empty: all.
    pub kinds: Vec<Kind>,
    /// Only entries of these names; empty: all.
    pub names: Vec<String>,
}

/// A lake in its own format.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exported {
    pub lake: String,
    /// The merged maps, policies by `@id` included: the JSON body of `apply`.
    pub json: Value,
    /// The maps without policies.
    pub yaml: String,
    /// The policies; empty if there are none.
    pub cedar: String,
}

/// Writes one lake. `visible` says what the caller may see.
pub(crate) fn export(
    picture: Picture<'_>,
    options: &ExportOptions,
    visible: &dyn Fn(Kind, &ObjectId) -> bool,
) -> Result<Exported, ApplyError> {
    let lake = options.lake.clone().unwrap_or_else(|| only_lake(picture.snapshot));
    let exporter = Exporter {
        picture,
        options,
        lake: &lake,
        visible,
    };
    exporter.refuse_missing()?;
    let mut sections = Map::from_iter([("lake".to_owned(), json!(lake))]);
    exporter.sections(&mut sections);
    let policies = exporter.named(|one| picture.policy(one));
    let cedar: Vec<String> = policies
        .values()
        .filter_map(|entry| Some(entry.get("text")?.as_str()?.to_owned()))
        .collect();
    let comments: String = exporter
        .chosen::<Key>()
        .filter(|key| key.body.secret_ref.is_none())
        .map(|key| {
            let user = picture.name("User", &key.body.user);
            format!(
                "# key {} of user {user} was made by the server: its secret is not known any more\n",
                key.name
            )
        })
        .collect();
    let dangling: String = exporter
        .chosen::<Policy>()
        .filter(|policy| picture.is_dangling(policy))
        .map(|policy| format!("# policy {} names an object that was dropped\n", json!(policy.name)))
        .collect();
    let yaml = format!(
        "{}{comments}{dangling}",
        yaml_text::document(&Value::Object(sections.clone()))
    );
    if !policies.is_empty() {
        let texts = policies
            .into_iter()
            .filter_map(|(id, entry)| Some((id, entry.get("text")?.clone())))
            .collect();
        sections.insert("policies".to_owned(), Value::Object(texts));
    }
    let cedar = if cedar.is_empty() {
        String::new()
    } else {
        format!("{}\n", cedar.join("\n\n"))
    };
    Ok(Exported {
        lake,
        json: Value::Object(sections),
        yaml,
        cedar,
    })
}

/// The lake that was applied, if it is only one.
fn only_lake(snapshot: &Snapshot) -> String {
    let mut names: Vec<&str> = Vec::new();
    macro_rules! lakes {
        ($($field:ident)*) => {$( names.extend(snapshot.$field.iter().map(|object| object.lake.as_str())); )*};
    }
    lakes!(connections catalogs databases tables views tags data_filters column_masks policies roles users grants workgroups keys);
    names.retain(|name| ![LOCAL_LAKE, BUILTIN_LAKE].contains(name));
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [one] => (*one).to_owned(),
        _ => LOCAL_LAKE.to_owned(),
    }
}

struct Exporter<'a> {
    picture: Picture<'a>,
    options: &'a ExportOptions,
    lake: &'a str,
    visible: &'a dyn Fn(Kind, &ObjectId) -> bool,
}

impl<'a> Exporter<'a> {
    fn sections(&self, sections: &mut Map<String, Value>) {
        let picture = self.picture;
        let mut add = |name: &str, entries: BTreeMap<String, Value>| {
            if !entries.is_empty() {
                sections.insert(name.to_owned(), Value::Object(entries.into_iter().collect()));
            }
        };
        add("connections", self.named(|one| picture.connection(one)));
        let mut catalogs = self.named(|one| picture.catalog(one));
        catalogs.values_mut().for_each(|entry| self.without_hidden(entry));
        add("catalogs", catalogs);
        let databases = self.named(|one| picture.database(one));
        // What discovery found and nobody described is found again.
        let discovered = |name: &str| {
            let found = picture
                .snapshot
                .resolve("Database", name)
                .and_then(|id| picture.snapshot.database(&id));
            found.is_some_and(|database| database.body.discovered)
        };
        add(
            "databases",
            databases
                .into_iter()
                .filter(|(name, entry)| !(discovered(name) && *entry == json!({})))
                .collect(),
        );
        let (tables, views) = self.relations();
        add("tables", tables);
        add("views", views);
        add("tags", self.named(|one| picture.tag(one)));
        add("roles", self.named(|one| picture.role(one)));
        add("users", self.named(|one| picture.user(one)));
        add("workgroups", self.named(|one| picture.workgroup(one)));
        let mut keys = self.named(|one| picture.key(one));
        keys.retain(|_, entry| entry.get("secret").is_some());
        add("keys", keys);
        let grants = self.grants();
        if !grants.is_empty() {
            sections.insert("grants".to_owned(), Value::Array(grants));
        }
    }

    /// A connection whose name is hidden is left out.
    fn without_hidden(&self, catalog: &mut Value) {
        let connection = catalog
            .get("connection")
            .and_then(Value::as_str)
            .map(ObjectId::from_stored);
        let hidden = connection.is_some_and(|id| self.picture.snapshot.connection(&id).is_some());
        if let Some(members) = catalog.as_object_mut().filter(|_| hidden) {
            members.shift_remove("connection");
        }
    }

    /// A lake, or a name in it, that is not there (or hidden, which is the same) is a mistake, not an empty lake.
    fn refuse_missing(&self) -> Result<(), ApplyError> {
        let mut names: HashSet<String> = HashSet::new();
        let mut empty = true;
        macro_rules! note {
            ($($noun:ty)*) => {$(
                empty &= self.visible_in_lake::<$noun>().next().is_none();
                names.extend(self.owned::<$noun>().map(|one| self.name(one)));
            )*};
        }
        note!(Connection Catalog Database Table View TagKey DataFilter ColumnMask Policy Role User Grant Workgroup Key);
        let missing = |message: String, remedy: &str| {
            let place = Place::of_input("request");
            Problem::new(ProblemCode::NotFound, &place, message, remedy)
        };
        // `local` is where the API puts things: it is there, empty or not.
        if empty && self.lake != LOCAL_LAKE {
            let message = format!("lake `{}` does not exist", self.lake);
            return Err(ApplyError::one(missing(
                message,
                "check the name; what the API made is in lake `local`",
            )));
        }
        let absent = self
            .options
            .names
            .iter()
            .filter(|name| !names.contains(&unquoted(name).to_lowercase()));
        let problems: Vec<Problem> = absent
            .map(|name| {
                let message = format!("`{name}` does not exist in lake `{}`", self.lake);
                missing(message, "check name, kind and lake")
            })
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ApplyError::of(problems))
        }
    }

    /// The key of an entry: what nothing is above has its bare name.
    fn key<B: Slot>(&self, object: &Stored<B>) -> String {
        match object.parent {
            None => object.name.clone(),
            Some(_) => name_of(self.picture.snapshot, B::KIND, object),
        }
    }

    /// In lower case, as names are compared.
    fn name<B: Slot>(&self, object: &Stored<B>) -> String {
        unquoted(&name_of(self.picture.snapshot, B::KIND, object)).to_lowercase()
    }

    /// Objects of the lake, as far as they may be seen.
    fn visible_in_lake<B: Slot>(&self) -> impl Iterator<Item = &'a Stored<B>> + '_ {
        let snapshot: &'a Snapshot = self.picture.snapshot;
        let all = B::all(snapshot).iter().map(AsRef::as_ref);
        all.filter(move |object| {
            object.lake == self.lake && object.lake != BUILTIN_LAKE && (self.visible)(B::KIND, &object.id)
        })
    }

    /// Those of them of the kinds that were asked for.
    fn owned<B: Slot>(&self) -> impl Iterator<Item = &'a Stored<B>> + '_ {
        let wanted = self.options.kinds.is_empty() || self.options.kinds.contains(&B::KIND);
        self.visible_in_lake::<B>().filter(move |_| wanted)
    }

    /// Those of them with the names that were asked for.
    fn chosen<B: Slot>(&self) -> impl Iterator<Item = &'a Stored<B>> + '_ {
        self.owned::<B>().filter(|object| {
            let names = &self.options.names;
            names.is_empty()
                || names
                    .iter()
                    .any(|name| unquoted(name).to_lowercase() == self.name(object))
        })
    }

    fn named<B: Slot, E: Canonical>(&self, entry: impl Fn(&Stored<B>) -> E) -> BTreeMap<String, Value> {
        self.chosen::<B>()
            .map(|object| (self.key(object), to_value(entry(object))))
            .collect()
    }

    /// Tables and views with their filters and masks. Those of another lake stand only for the filters and masks of this one.
    fn relations(&self) -> (BTreeMap<String, Value>, BTreeMap<String, Value>) {
        let picture = self.picture;
        let mut tables: BTreeMap<String, Value> = BTreeMap::new();
        let mut views: BTreeMap<String, Value> = self.named(|one: &Stored<View>| picture.view(one));
        let live = |table: &&Stored<Table>| table.body.remote.as_ref().is_none_or(|remote| !remote.retired);
        for table in self.chosen::<Table>().filter(live) {
            let entry = if ungoverned(table) {
                TableEntry::default()
            } else {
                picture.table(table)
            };
            tables.insert(name_of(picture.snapshot, Kind::Table, table), to_value(entry));
        }
        for filter in self.chosen::<DataFilter>() {
            let Some((relation, view)) = filter.parent.as_ref().and_then(|id| self.relation(id)) else {
                continue;
            };
            let section = if view { &mut views } else { &mut tables };
            let entry = section.entry(relation).or_insert_with(|| json!({}));
            put(entry, &["filters", &filter.name], to_value(picture.filter(filter)));
        }
        for mask in self.chosen::<ColumnMask>() {
            let Some((relation, view)) = self.relation(&mask.body.table) else {
                continue;
            };
            let Some(column) = mask
                .parent
                .as_ref()
                .map(|column| picture.column_path(&relation, column))
            else {
                continue;
            };
            let section = if view { &mut views } else { &mut tables };
            let entry = section.entry(relation).or_insert_with(|| json!({}));
            put(entry, &["masks", &column, &mask.name], to_value(picture.mask(mask)));
        }
        // Found, and nobody said anything about it.
        tables.retain(|_, entry| *entry != json!({}));
        (tables, views)
    }

    /// The name of a table or view, and whether it is a view.
    fn relation(&self, id: &ObjectId) -> Option<(String, bool)> {
        let snapshot = self.picture.snapshot;
        let table = snapshot.name_of("Table", id.as_str()).map(|name| (name, false));
        table.or_else(|| snapshot.name_of("View", id.as_str()).map(|name| (name, true)))
    }

    /// Grants of one receiver on one object are one entry.
    fn grants(&self) -> Vec<Value> {
        let mut merged: BTreeMap<(String, String, bool, Option<String>), Vec<String>> = BTreeMap::new();
        for grant in self.chosen::<Grant>() {
            let entry = self.picture.grant(grant);
            let expires = entry
                .expires
                .map(|end| end.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
            merged
                .entry((entry.to, entry.resource, entry.with_grant_option, expires))
                .or_default()
                .extend(entry.privileges);
        }
        merged
            .into_iter()
            .map(|((to, resource, option, expires), mut privileges)| {
                privileges.sort();
                let mut entry = json!({"to": to, "privileges": privileges, "resource": resource});
                if let Value::Object(members) = &mut entry {
                    if option {
                        members.insert("with_grant_option".to_owned(), json!(true));
                    }
                    members.extend(expires.map(|end| ("expires".to_owned(), json!(end))));
                }
                entry
            })
            .collect()
    }
}

/// A discovered table that nobody said anything about: its columns are the source's.
pub(crate) fn ungoverned(table: &Stored<Table>) -> bool {
    let body = &table.body;
    let plain = |column: &Column| column.tags.is_empty() && column.comment.is_none();
    body.remote.is_some()
        && table.lake == LOCAL_LAKE
        && body.tags.is_empty()
        && body.comment.is_none()
        && body.owner.is_none()
        && body.columns.iter().all(plain)
}

/// Puts `value` at a path of maps, which are made where they are missing.
fn put(entry: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *entry = value;
        return;
    };
    if let Value::Object(members) = entry {
        put(
            members.entry((*first).to_owned()).or_insert_with(|| json!({})),
            rest,
            value,
        );
    }
}

fn to_value<E: Canonical>(entry: E) -> Value {
    let mut entry = entry;
    entry.canonical();
    serde_json::to_value(entry).unwrap_or(Value::Null)
}
