//! What is the name of a Cedar entity, and which entity has a name? The syntax of lake files (lake-as-code.md §3).

use crate::{
    id::ObjectId,
    name::{TableName, quoted, split_name},
    object::Stored,
    relation::Column,
    snapshot::{ColumnSlot, Snapshot, field::has_field},
};

/// Name and id of the one tenant and the one policy store.
const DEFAULT: &str = "default";

impl Snapshot {
    /// The name of an entity as lake files and Cedar text write it; `entity_type` is the Cedar type without its
    /// namespace. `None` if there is no such entity – or a retired table above it: its name may be another table's now.
    #[must_use]
    pub fn name_of(&self, entity_type: &str, id: &str) -> Option<String> {
        if matches!(entity_type, "Tenant" | "PolicyStore") {
            return (id == DEFAULT).then(|| DEFAULT.to_owned());
        }
        let oid = &ObjectId::from_stored(id);
        match entity_type {
            "Catalog" => self.catalog(oid).map(|catalog| quoted(&catalog.name)),
            "Column" => self.column_name(oid),
            "ColumnMask" => {
                let mask = self.column_mask(oid)?;
                Some(format!(
                    "{}/{}",
                    self.column_name(mask.parent.as_ref()?)?,
                    quoted(&mask.name)
                ))
            }
            "Connection" => self.connection(oid).map(|connection| quoted(&connection.name)),
            "DataFilter" => {
                let filter = self.data_filter(oid)?;
                Some(format!(
                    "{}/{}",
                    self.relation_name(filter.parent.as_ref()?)?,
                    quoted(&filter.name)
                ))
            }
            "DataLocation" => Some(id.to_owned()),
            "Database" => {
                let database = self.database(oid)?;
                let catalog = self.catalog(database.parent.as_ref()?)?;
                Some(format!("{}.{}", quoted(&catalog.name), quoted(&database.name)))
            }
            "Role" => self.role(oid).map(|role| quoted(&role.name)),
            "Table" => self.table(oid).and_then(|table| self.relation_name(&table.id)),
            "TagKey" => self.tag(oid).map(|tag| quoted(&tag.name)),
            "User" => self.user(oid).map(|user| quoted(&user.name)),
            "View" => self.view(oid).and_then(|view| self.relation_name(&view.id)),
            "Workgroup" => self.workgroup(oid).map(|workgroup| quoted(&workgroup.name)),
            _ => None,
        }
    }

    /// The id of the entity with this name; the inverse of [`Snapshot::name_of`]. A field of a struct has the id
    /// `<column id>.<path in lower case>`.
    #[must_use]
    pub fn resolve(&self, entity_type: &str, name: &str) -> Option<ObjectId> {
        match entity_type {
            "Tenant" | "PolicyStore" => (name == DEFAULT).then(|| ObjectId::from_stored(DEFAULT)),
            "DataLocation" => Some(ObjectId::from_stored(name)),
            "Column" => self.resolve_column(name),
            "ColumnMask" => {
                let (column, mask) = split_member(name)?;
                named(self.masks_of(&self.resolve_column(column)?), &mask)
            }
            "DataFilter" => {
                let (relation, filter) = split_member(name)?;
                let relation = table_name(&split_name(relation)?)?;
                let relation = self.resolve_table(&relation).or_else(|| self.resolve_view(&relation))?;
                named(self.filters_of(&relation), &filter)
            }
            "Table" => self.resolve_table(&table_name(&split_name(name)?)?),
            "View" => self.resolve_view(&table_name(&split_name(name)?)?),
            "Database" => {
                let parts = split_name(name)?;
                let [catalog, database] = parts.as_slice() else {
                    return None;
                };
                self.find_database(catalog, database)
                    .map(|database| database.id.clone())
            }
            _ => self.resolve_single(entity_type, &single(name)?),
        }
    }

    fn resolve_single(&self, entity_type: &str, name: &str) -> Option<ObjectId> {
        match entity_type {
            "Catalog" => self.find_catalog(name).map(|catalog| catalog.id.clone()),
            "Connection" => self.find_connection(name).map(|connection| connection.id.clone()),
            "Role" => self.find_role(name).map(|role| role.id.clone()),
            "TagKey" => self.find_tag(name).map(|tag| tag.id.clone()),
            "User" => self.find_user(name).map(|user| user.id.clone()),
            "Workgroup" => self.find_workgroup(name).map(|workgroup| workgroup.id.clone()),
            _ => None,
        }
    }

    fn resolve_table(&self, name: &TableName) -> Option<ObjectId> {
        self.find_table(name).map(|path| path.table.id.clone())
    }

    fn resolve_view(&self, name: &TableName) -> Option<ObjectId> {
        self.find_view(name).map(|path| path.view.id.clone())
    }

    /// `catalog.database.table.column`, a struct field by the path behind it.
    fn resolve_column(&self, name: &str) -> Option<ObjectId> {
        let parts = split_name(name)?;
        let [catalog, database, table, column, path @ ..] = parts.as_slice() else {
            return None;
        };
        let relation = TableName::new(catalog, database, table);
        let column = match self.find_table(&relation) {
            Some(found) => column_named(&found.table.body.columns, column)?.clone(),
            None => column_named(&self.find_view(&relation)?.view.body.columns, column)?.clone(),
        };
        has_field(&column.data_type, path).then(|| column.id.field(path))
    }

    /// Full name of a table or view; `None` if retired.
    fn relation_name(&self, id: &ObjectId) -> Option<String> {
        let (parent, name) = match (self.table(id), self.view(id)) {
            (Some(table), _) if !table.body.is_retired() => (&table.parent, &table.name),
            (None, Some(view)) => (&view.parent, &view.name),
            _ => return None,
        };
        let (catalog, database) = self.containers_of(parent.as_ref())?;
        Some(format!(
            "{}.{}.{}",
            quoted(&catalog.name),
            quoted(&database.name),
            quoted(name)
        ))
    }

    fn column_name(&self, id: &ObjectId) -> Option<String> {
        let slot = self.column_slot(id)?;
        let relation = match slot {
            ColumnSlot::Table(table, _) => &self.tables.get(table)?.id,
            ColumnSlot::View(view, _) => &self.views.get(view)?.id,
        };
        let column = self.column_at(slot)?;
        // What stands behind the column's own id is the path of a struct field.
        let path = id.as_str().strip_prefix(column.id.as_str())?;
        Some(format!(
            "{}.{}{path}",
            self.relation_name(relation)?,
            quoted(&column.name)
        ))
    }
}

fn column_named<'a>(columns: &'a [Column], name: &str) -> Option<&'a Column> {
    let name = name.to_lowercase();
    columns.iter().find(|column| column.name.to_lowercase() == name)
}

fn named<B>(objects: Vec<&std::sync::Arc<Stored<B>>>, name: &str) -> Option<ObjectId> {
    let name = name.to_lowercase();
    objects
        .into_iter()
        .find(|object| object.name.to_lowercase() == name)
        .map(|object| object.id.clone())
}

fn table_name(parts: &[String]) -> Option<TableName> {
    let [catalog, database, table] = parts else { return None };
    Some(TableName::new(catalog, database, table))
}

/// A name of one part, perhaps quoted.
fn single(name: &str) -> Option<String> {
    if !name.starts_with('"') {
        // Policy ids, e-mail-like user names and the like may hold dots; nothing is above them.
        return (!name.is_empty()).then(|| name.to_owned());
    }
    match split_name(name)?.as_slice() {
        [part] => Some(part.clone()),
        _ => None,
    }
}

/// Splits `relation/member` at the slash that stands outside quotes.
fn split_member(name: &str) -> Option<(&str, String)> {
    let mut quoted = false;
    let slash = name.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == '/' && !quoted
    });
    let (owner, member) = name.split_at(slash?.0);
    Some((owner, single(member.strip_prefix('/')?)?))
}
