//! What must exist for an object to make sense? The references of each kind, parents included.

use serde_json::Value;

use crate::{
    connection::{Connection, CredentialOf},
    error::{Result, StoreError},
    governance::{ColumnMask, DataFilter, Policy, TagKey},
    id::ObjectId,
    identity::{Grant, Grantee, Key, Role, User, Workgroup},
    object::{Kind, Noun},
    relation::{Catalog, Database, Partition, Table, View, ViewSecurity},
};

/// One object, of one of these kinds, that has to exist.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Reference {
    pub(super) kinds: &'static [Kind],
    pub(super) id: ObjectId,
}

const CATALOG: &[Kind] = &[Kind::Catalog];
const CONNECTION: &[Kind] = &[Kind::Connection];
const DATABASE: &[Kind] = &[Kind::Database];
const RELATION: &[Kind] = &[Kind::Table, Kind::View];
const ROLE: &[Kind] = &[Kind::Role];
const TABLE: &[Kind] = &[Kind::Table];
const USER: &[Kind] = &[Kind::User];

/// Kinds whose objects stop the deletion of an object of this kind by referring to it. (Partitions, filters, masks and
/// grants go with it instead.)
pub(super) fn referrers(kind: Kind) -> &'static [Kind] {
    match kind {
        Kind::Connection => CATALOG,
        Kind::Catalog => DATABASE,
        Kind::Database => RELATION,
        Kind::Role => &[
            Kind::Connection,
            Kind::Database,
            Kind::Table,
            Kind::View,
            Kind::Role,
            Kind::User,
        ],
        Kind::User => &[Kind::Connection, Kind::View, Kind::DataFilter, Kind::Key],
        // Filters of the table itself go with it: these read it as a mapping.
        Kind::Table => &[Kind::DataFilter],
        Kind::View
        | Kind::Partition
        | Kind::Tag
        | Kind::DataFilter
        | Kind::ColumnMask
        | Kind::Policy
        | Kind::Grant
        | Kind::Workgroup
        | Kind::Key => &[],
    }
}

/// What an object refers to. Fails if the body is not one of its kind, or the parent is missing or superfluous.
pub(super) fn references(kind: Kind, parent: Option<&ObjectId>, body: &Value) -> Result<Vec<Reference>> {
    let mut found = Vec::new();
    match kind {
        Kind::Connection => {
            for other in top_level::<Connection>(parent, body)?.credentials {
                match other.who {
                    CredentialOf::User(id) => add(&mut found, USER, [id]),
                    CredentialOf::Role(id) => add(&mut found, ROLE, [id]),
                    CredentialOf::Everyone => {}
                }
            }
        }
        Kind::Catalog => add(&mut found, CONNECTION, [top_level::<Catalog>(parent, body)?.connection]),
        Kind::Database => {
            add(&mut found, CATALOG, [required(kind, parent)?]);
            add(&mut found, ROLE, parse::<Database>(body)?.owner);
        }
        Kind::Table => {
            add(&mut found, DATABASE, [required(kind, parent)?]);
            add(&mut found, ROLE, parse::<Table>(body)?.owner);
        }
        Kind::View => {
            let view = parse::<View>(body)?;
            add(&mut found, DATABASE, [required(kind, parent)?]);
            add(&mut found, ROLE, view.owner);
            if let ViewSecurity::Definer(user) = view.security {
                add(&mut found, USER, [user]);
            }
        }
        Kind::Partition => {
            parse::<Partition>(body)?;
            add(&mut found, TABLE, [required(kind, parent)?]);
        }
        Kind::Tag => top_level::<TagKey>(parent, body).map(drop)?,
        Kind::DataFilter => {
            let filter = parse::<DataFilter>(body)?;
            add(&mut found, RELATION, [required(kind, parent)?]);
            add(
                &mut found,
                TABLE,
                filter.mappings.into_iter().map(|mapping| mapping.table),
            );
            add(&mut found, USER, filter.publisher);
        }
        Kind::ColumnMask => {
            required(kind, parent)?;
            add(&mut found, RELATION, [parse::<ColumnMask>(body)?.table]);
        }
        Kind::Policy => top_level::<Policy>(parent, body).map(drop)?,
        Kind::Role => add(&mut found, ROLE, top_level::<Role>(parent, body)?.member_of),
        Kind::User => add(&mut found, ROLE, top_level::<User>(parent, body)?.roles),
        Kind::Grant => grant(&mut found, top_level(parent, body)?),
        Kind::Workgroup => top_level::<Workgroup>(parent, body).map(drop)?,
        Kind::Key => add(&mut found, USER, [top_level::<Key>(parent, body)?.user]),
    }
    Ok(found)
}

fn grant(found: &mut Vec<Reference>, grant: Grant) {
    match grant.to {
        Grantee::User(id) => add(found, USER, [id]),
        Grantee::Role(id) => add(found, ROLE, [id]),
    }
    if let Some(at) = Kind::ALL
        .iter()
        .position(|kind| kind.entity_type() == Some(grant.object.entity_type.as_str()))
        && let Some(kinds) = Kind::ALL.get(at..=at)
    {
        add(found, kinds, [grant.object.id]);
    }
}

fn add(found: &mut Vec<Reference>, kinds: &'static [Kind], ids: impl IntoIterator<Item = ObjectId>) {
    found.extend(ids.into_iter().map(|id| Reference { kinds, id }));
}

fn parse<B: Noun>(body: &Value) -> Result<B> {
    B::deserialize(body).map_err(|error| StoreError::Invalid {
        what: format!("not the body of a {}: {error}", B::KIND),
    })
}

/// Parses the body of a kind that has no parent.
fn top_level<B: Noun>(parent: Option<&ObjectId>, body: &Value) -> Result<B> {
    match parent {
        Some(_) => Err(StoreError::Invalid {
            what: format!("a {} has no parent", B::KIND),
        }),
        None => parse(body),
    }
}

fn required(kind: Kind, parent: Option<&ObjectId>) -> Result<ObjectId> {
    parent.cloned().ok_or_else(|| StoreError::Invalid {
        what: format!("a {kind} needs a parent"),
    })
}
