//! What is shown of a view? Name, visible columns, comment and tags to whoever may know it; whose rights it reads with only to
//! those who may describe or change it, its text only to those who may also describe everything that it reads.

use lakegate_catalog::{id::ObjectId, object::Kind, snapshot::TablePath};
use lakegate_openapi::view;
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;
use serde_json::{Value, json};

use super::{
    entry::typed,
    relation::{gone, plain_column},
};
use crate::{error::Result, stored::Desk};

/// A view.
///
/// # Errors
/// Its shape is not that of the wire: our fault.
pub fn view(desk: &Desk, path: &TablePath) -> Result<view::View> {
    let id = &path.table.id;
    let stored = path.view.as_ref().ok_or_else(|| gone(Kind::View, id))?;
    let mut shown = desk.view(Kind::View, id).ok_or_else(|| gone(Kind::View, id))?;
    if let Value::Object(body) = &mut shown.body {
        let columns: Vec<_> = desk.columns(path).iter().map(plain_column).collect();
        body.insert("columns".to_owned(), json!(columns));
        let viewer = desk.viewer();
        let text = viewer.definition(stored);
        if text.is_none() {
            body.shift_remove("sql");
        }
        if !desk.reads(Kind::View, id) {
            body.retain(|member, _| !["security", "owner"].contains(&member.as_str()));
        }
        if desk.may(Action::Alter, &ObjectRef::new("View", id.as_str()))
            && let Some(why) = viewer.broken(stored)
        {
            let why = text.map_or_else(|| "it cannot be read".to_owned(), |_| why);
            body.insert("broken".to_owned(), json!(why));
        }
    }
    typed(shown)
}

/// The view of an id, for who has just written it.
///
/// # Errors
/// As [`view`].
pub fn of(desk: &Desk, id: &ObjectId) -> Result<view::View> {
    let path = desk.snapshot().relation_path(id).ok_or_else(|| gone(Kind::View, id))?;
    view(desk, &path)
}
