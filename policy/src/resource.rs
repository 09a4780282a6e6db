//! What does an object of the catalog look like to Cedar?
//!
//! Typed constructors, so that nobody builds Cedar records by hand. Ids are immutable (UUID text), never names.
//! `tags` are *effective* tags: the catalog has resolved inheritance, because `in` cannot be overridden.

use crate::error::PolicyError;
use crate::model::MODEL;
use cedar_policy::{Entity, EntityId, EntityUid, RestrictedExpression};
use std::collections::{BTreeMap, HashSet};

/// Id of the one tenant.
pub const TENANT: &str = "default";
/// Id of the one policy store.
pub const POLICY_STORE: &str = "default";

/// Effective tags: key to value.
pub type Tags = BTreeMap<String, String>;

/// `uid("Table", "0198…")` is `Lakegate::Table::"0198…"`. An unknown type gives an entity that no action applies to.
pub fn uid(entity_type: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(MODEL.type_name(entity_type), EntityId::new(id))
}

/// The tenant, which contains everything.
pub fn tenant() -> Entity {
    Entity::new_no_attrs(uid("Tenant", TENANT), HashSet::new())
}

/// The policy store: filters, masks, policies, audit.
pub fn policy_store() -> Entity {
    Entity::new_no_attrs(uid("PolicyStore", POLICY_STORE), in_tenant())
}

/// A role; `member_of` are ids of roles.
pub fn role(id: &str, member_of: &[&str]) -> Result<Entity, PolicyError> {
    entity(uid("Role", id), [], principals(member_of), [])
}

/// A user. `kind` is `human`, `service` or `agent`; `attributes` become tags that hold sets of strings.
pub fn user(
    id: &str,
    kind: &str,
    clearance: i64,
    roles: &[&str],
    attributes: &BTreeMap<String, Vec<String>>,
) -> Result<Entity, PolicyError> {
    let tags: Vec<_> = attributes
        .iter()
        .map(|(key, values)| {
            (
                key.as_str(),
                RestrictedExpression::new_set(values.iter().map(|value| text(value))),
            )
        })
        .collect();
    let attrs = [
        ("kind", text(kind)),
        ("clearance", RestrictedExpression::new_long(clearance)),
    ];
    entity(uid("User", id), attrs, principals(roles), tags)
}

/// A workgroup.
pub fn workgroup(id: &str) -> Result<Entity, PolicyError> {
    entity(uid("Workgroup", id), [], in_tenant(), [])
}

/// A connection: a configured instance of a connector.
pub fn connection(id: &str, connector: &str, tags: &Tags) -> Result<Entity, PolicyError> {
    entity(
        uid("Connection", id),
        [("connector", text(connector))],
        in_tenant(),
        strings(tags),
    )
}

/// A data location; `parent` is its connection or a wider location.
pub fn data_location(id: &str, parent: EntityUid, uri: &str, tags: &Tags) -> Result<Entity, PolicyError> {
    entity(uid("DataLocation", id), [("uri", text(uri))], [parent], strings(tags))
}

/// A catalog; `connection` is an id.
pub fn catalog(id: &str, connection: Option<&str>, tags: &Tags) -> Result<Entity, PolicyError> {
    let connection = connection.map(|connection| ("connection", reference("Connection", connection)));
    entity(uid("Catalog", id), connection, in_tenant(), strings(tags))
}

/// A database; `catalog` is an id.
pub fn database(id: &str, catalog: &str, tags: &Tags) -> Result<Entity, PolicyError> {
    entity(uid("Database", id), [], [uid("Catalog", catalog)], strings(tags))
}

/// A table; `database` and `owner_role` are ids.
pub fn table(id: &str, database: &str, kind: &str, owner_role: &str, tags: &Tags) -> Result<Entity, PolicyError> {
    let attrs = [("kind", text(kind)), ("owner", reference("Role", owner_role))];
    entity(uid("Table", id), attrs, [uid("Database", database)], strings(tags))
}

/// A view; `definer` tells a definer view from an invoker view.
pub fn view(id: &str, database: &str, owner_role: &str, definer: bool, tags: &Tags) -> Result<Entity, PolicyError> {
    let attrs = [
        ("owner", reference("Role", owner_role)),
        ("definer", RestrictedExpression::new_bool(definer)),
    ];
    entity(uid("View", id), attrs, [uid("Database", database)], strings(tags))
}

/// A column; `parent` is its table, its view, or the column it is nested in. `name` is the column's path.
pub fn column(id: &str, parent: EntityUid, name: &str, dtype: &str, tags: &Tags) -> Result<Entity, PolicyError> {
    entity(
        uid("Column", id),
        [("name", text(name)), ("dtype", text(dtype))],
        [parent],
        strings(tags),
    )
}

/// A data filter on a table or view; `body` is `sql` or `cedar`, the language of the condition.
#[expect(
    clippy::too_many_arguments,
    reason = "one argument per attribute of the schema, as for its sisters"
)]
pub fn data_filter(
    id: &str,
    relation: EntityUid,
    name: &str,
    body: &str,
    restrictive: bool,
    tags: &Tags,
) -> Result<Entity, PolicyError> {
    let restrictive = RestrictedExpression::new_bool(restrictive);
    let attrs = [("name", text(name)), ("body", text(body)), ("restrictive", restrictive)];
    entity(uid("DataFilter", id), attrs, [relation], strings(tags))
}

/// A column mask; among the permitted masks of a column the lowest rank applies.
pub fn column_mask(id: &str, column: &str, func: &str, rank: i64, tags: &Tags) -> Result<Entity, PolicyError> {
    let attrs = [("func", text(func)), ("rank", RestrictedExpression::new_long(rank))];
    entity(uid("ColumnMask", id), attrs, [uid("Column", column)], strings(tags))
}

/// A function; `leakproof` says that it neither fails nor tells about its arguments.
pub fn function(id: &str, database: &str, leakproof: bool) -> Result<Entity, PolicyError> {
    let attrs = [("leakproof", RestrictedExpression::new_bool(leakproof))];
    entity(uid("Function", id), attrs, [uid("Database", database)], [])
}

/// A query; `submitter` is the id of a user.
pub fn query(id: &str, workgroup: &str, submitter: &str) -> Result<Entity, PolicyError> {
    entity(
        uid("Query", id),
        [("submitter", reference("User", submitter))],
        [uid("Workgroup", workgroup)],
        [],
    )
}

/// A tag key.
pub fn tag_key(id: &str) -> Result<Entity, PolicyError> {
    entity(uid("TagKey", id), [], in_tenant(), [])
}

type Named<'a> = (&'a str, RestrictedExpression);

fn entity<'a>(
    uid: EntityUid,
    attrs: impl IntoIterator<Item = Named<'a>>,
    parents: impl IntoIterator<Item = EntityUid>,
    tags: impl IntoIterator<Item = Named<'a>>,
) -> Result<Entity, PolicyError> {
    let owned = |(key, value): Named<'a>| (key.to_owned(), value);
    let attrs = attrs.into_iter().map(owned);
    let made = Entity::new_with_tags(uid.clone(), attrs, parents, tags.into_iter().map(owned));
    made.map_err(|error| PolicyError::Entity {
        entity: uid.to_string(),
        source: Box::new(error),
    })
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn reference(entity_type: &str, id: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(entity_type, id))
}

fn strings(tags: &Tags) -> impl Iterator<Item = Named<'_>> {
    tags.iter().map(|(key, value)| (key.as_str(), text(value)))
}

fn in_tenant() -> HashSet<EntityUid> {
    HashSet::from([uid("Tenant", TENANT)])
}

fn principals(roles: &[&str]) -> HashSet<EntityUid> {
    let mut parents = in_tenant();
    parents.extend(roles.iter().map(|role| uid("Role", role)));
    parents
}

#[cfg(test)]
mod tests {
    use super::*;
    use cedar_policy::Entities;

    fn one_of_each() -> Vec<Entity> {
        let none = Tags::new();
        let tags = Tags::from([("pii".to_owned(), "x') OR (1=1".to_owned())]);
        let table_uid = uid("Table", "t");
        vec![
            role("r", &["staff"]),
            user(
                "u",
                "human",
                3,
                &["r"],
                &BTreeMap::from([("dept".to_owned(), vec!["a".to_owned()])]),
            ),
            workgroup("w"),
            connection("k", "files", &none),
            data_location("l", uid("Connection", "k"), "s3://x/", &tags),
            catalog("c", Some("k"), &none),
            database("d", "c", &tags),
            table("t", "d", "parquet", "r", &tags),
            view("v", "d", "r", true, &none),
            column("col", table_uid.clone(), "ssn", "varchar", &tags),
            data_filter("f", table_uid, "eu", "sql", false, &none),
            column_mask("m", "col", "show-last-4", 10, &tags),
            function("fn", "d", true),
            query("q", "w", "u"),
            tag_key("pii"),
        ]
        .into_iter()
        .map(|entity| entity.unwrap())
        .chain([tenant(), policy_store()])
        .collect()
    }

    #[test]
    fn every_constructor_conforms_to_the_schema() {
        let entities = Entities::from_entities(one_of_each(), Some(MODEL.schema())).unwrap();
        let ancestors: Vec<String> = entities
            .ancestors(&uid("ColumnMask", "m"))
            .unwrap()
            .map(ToString::to_string)
            .collect();
        assert!(
            ancestors.contains(&"Lakegate::Tenant::\"default\"".to_owned()),
            "{ancestors:?}"
        );
    }

    #[test]
    fn an_unknown_type_is_nothing_that_an_action_applies_to() {
        let nobody = uid("Tabel", "t");
        assert_eq!(nobody.type_name().basename(), "UnknownType");
        assert!(
            crate::Action::ALL
                .iter()
                .all(|action| !action.applies_to("UnknownType"))
        );
    }
}
