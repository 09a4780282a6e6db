//! Which lake holds one entry and nothing else?

use lakegate_catalog::object::Kind;
use serde_json::Value;

use crate::lake::{
    filter_body::one_body,
    format,
    model::{FilterOf, Lake, MaskOf},
    node::{Member, Node},
    problem::{Place, Problem, Problems},
    read,
    shape::{Shape, conform},
};

/// A lake of one entry.
pub(super) fn single(kind: Kind, name: &str, entry: &Value, problems: &mut Problems) -> Lake {
    let mut lake = Lake::default();
    let place = Place::of_input("request");
    let node = Node::from_json(entry, &place);
    let section = match kind {
        Kind::Connection => "connections",
        Kind::Catalog => "catalogs",
        Kind::Database => "databases",
        Kind::Table => "tables",
        Kind::View => "views",
        Kind::Tag => "tags",
        Kind::Role => "roles",
        Kind::User => "users",
        Kind::Workgroup => "workgroups",
        Kind::Key => "keys",
        Kind::Policy | Kind::DataFilter | Kind::ColumnMask | Kind::Grant => {
            below(&mut lake, kind, name, &node, problems);
            return lake;
        }
        Kind::Partition => {
            problems.push(Problem::not_supported(&place, &format!("changing a {kind} alone")));
            return lake;
        }
    };
    let shape = format::LAKE
        .iter()
        .find(|key| key.name == section)
        .map(|key| &key.shape);
    if let Some(Shape::Map(shape)) = shape {
        read::named(
            &mut lake,
            section,
            shape,
            &Member {
                key: name.to_owned(),
                place,
                value: node,
            },
            problems,
        );
    }
    lake
}

/// Entries that do not stand in a map of their own.
fn below(lake: &mut Lake, kind: Kind, name: &str, node: &Node, problems: &mut Problems) {
    let shape = match kind {
        Kind::DataFilter => &format::FILTER,
        Kind::ColumnMask => &format::MASK,
        Kind::Grant => &format::GRANT,
        _ => &format::POLICY,
    };
    if !conform(node, shape, &format!("the {kind}"), problems) {
        return;
    }
    let place = &node.place;
    let (owner, member) = name.rsplit_once('/').unwrap_or(("", name));
    match kind {
        Kind::Policy => lake.policies.extend(read::entry(name, place, node, problems)),
        Kind::Grant => lake.grants.extend(read::entry("the grant", place, node, problems)),
        Kind::DataFilter => {
            if let Some(problem) = one_body(member, place, node) {
                return problems.push(problem);
            }
            let filter = read::entry(member, place, node, problems);
            lake.filters.extend(filter.map(|filter| FilterOf {
                table: owner.to_owned(),
                filter,
            }));
        }
        _ => {
            let mask = read::entry(member, place, node, problems);
            if let Some((table, column)) = table_and_column(owner) {
                lake.masks.extend(mask.map(|mask| MaskOf { table, column, mask }));
            }
        }
    }
}

/// `lake.sales.orders.addr.zip` → table and path of the column.
fn table_and_column(name: &str) -> Option<(String, String)> {
    let parts = lakegate_catalog::name::split_name(name)?;
    let (table, column) = parts.split_at_checked(3)?;
    let join = |parts: &[String]| {
        parts
            .iter()
            .map(|part| lakegate_catalog::name::quoted(part))
            .collect::<Vec<_>>()
            .join(".")
    };
    (!column.is_empty()).then(|| (join(table), join(column)))
}
