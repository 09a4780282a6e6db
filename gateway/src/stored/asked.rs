//! What is a question about decisions about, and may the caller know that it is there?

use lakegate_catalog::{
    name::{TableName, quoted, split_name},
    object::Kind,
    snapshot::TablePath,
};
use lakegate_policy::Action;
use lakegate_query::{
    entities::ObjectRef,
    error::{ErrorCode, QueryError},
};

use super::{ColumnName, Desk, Sight, relations::missing_column};
use crate::{
    error::{ApiError, Result},
    lake::entry::RESOURCES,
};

/// An object by its name, not looked up yet.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A table, or a view that is not called one.
    Table(TableName),
    View(TableName),
    Column(ColumnName),
    /// `kind:name`, and the kind's Cedar type.
    Object {
        resource: String,
        entity: &'static str,
    },
}

/// An object that is there, and that the caller may know of.
#[derive(Clone, Debug)]
pub enum Target {
    /// Decided as a query would have it decided; `column` narrows the answer.
    Relation {
        path: Box<TablePath>,
        column: Option<ColumnName>,
    },
    Object(ObjectRef),
}

impl Asked {
    /// `kind:name` as in grants; without a kind a table, or a column where there are more than three parts.
    ///
    /// # Errors
    /// `INVALID_REQUEST`.
    pub fn of(resource: &str) -> Result<Self> {
        let kinds = || RESOURCES.iter().map(|(word, _)| *word).collect::<Vec<_>>().join("`, `");
        let named = |name: &str| {
            relation(name).ok_or_else(|| {
                ApiError::invalid(format!(
                    "`{name}` is neither `catalog.database.table` nor `catalog.database.table.column`"
                ))
            })
        };
        let Some((word, name)) = resource.split_once(':').filter(|(word, _)| !word.contains(['"', '.'])) else {
            return named(resource);
        };
        let Some((_, entity)) = RESOURCES.iter().find(|(known, _)| *known == word) else {
            return Err(ApiError::invalid(format!(
                "`{word}` is no kind of resource; the kinds are `{}`",
                kinds()
            )));
        };
        match (*entity, named(name)) {
            ("Table", Ok(table @ Self::Table(_))) => Ok(table),
            ("Column", Ok(column @ Self::Column(_))) => Ok(column),
            ("View", Ok(Self::Table(view))) => Ok(Self::View(view)),
            ("Table" | "Column" | "View", Err(error)) => Err(error),
            ("Table" | "Column" | "View", Ok(_)) => {
                Err(ApiError::invalid(format!("`{name}` is not the name of a {word}")))
            }
            (entity, _) => Ok(Self::Object {
                resource: resource.to_owned(),
                entity,
            }),
        }
    }

    /// The table that it is about.
    #[must_use]
    pub fn table(&self) -> Option<&TableName> {
        match self {
            Self::Table(table) | Self::View(table) => Some(table),
            Self::Column(column) => Some(&column.table),
            Self::Object { .. } => None,
        }
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Table(table) => write!(f, "table:{table}"),
            Self::View(view) => write!(f, "view:{view}"),
            Self::Column(column) => write!(f, "column:{column}"),
            Self::Object { resource, .. } => f.write_str(resource),
        }
    }
}

fn relation(name: &str) -> Option<Asked> {
    let parts = split_name(name)?;
    let [catalog, database, table, path @ ..] = parts.as_slice() else {
        return None;
    };
    let table = TableName::new(catalog, database, table);
    if path.is_empty() {
        return Some(Asked::Table(table));
    }
    let column = path.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(".");
    Some(Asked::Column(ColumnName { table, column }))
}

impl Desk {
    /// Finds what is asked about. What the caller may not know of is missing, in the same words; holders of `SimulateAs` may
    /// know of everything.
    ///
    /// # Errors
    /// `TABLE_NOT_FOUND`, `NOT_FOUND`; `INVALID_REQUEST` if the action does not apply.
    pub fn target(&self, asked: &Asked, action: Action, sight: Sight) -> Result<Target> {
        let object = |entity: &str, id: &str| {
            if action.applies_to(entity) {
                Ok(Target::Object(ObjectRef::new(entity, id)))
            } else {
                Err(ApiError::invalid(format!(
                    "action `{action}` does not apply to `{asked}`: it is for {}",
                    action.resource_types().join(", ")
                )))
            }
        };
        match asked {
            Asked::Table(name) | Asked::View(name) => {
                let path = self.path_of(name, sight)?;
                let entity = if path.view.is_some() { "View" } else { "Table" };
                if matches!(asked, Asked::View(_)) && entity != "View" {
                    return Err(QueryError::table_not_found(name).into());
                }
                if action == Action::Select {
                    return Ok(Target::Relation {
                        path: Box::new(path),
                        column: None,
                    });
                }
                object(entity, path.table.id.as_str())
            }
            Asked::Column(name) => {
                let path = self.path_of(&name.table, sight)?;
                let id = self.snapshot().resolve("Column", &name.to_string());
                let id = id.ok_or_else(|| missing_column(name))?;
                if sight == Sight::Own {
                    self.column_of(&path, name)?;
                }
                if action == Action::Select {
                    return Ok(Target::Relation {
                        path: Box::new(path),
                        column: Some(name.clone()),
                    });
                }
                object("Column", id.as_str())
            }
            Asked::Object { resource, entity } => {
                let name = resource.split_once(':').map_or("", |(_, name)| name);
                let id = self.snapshot().resolve(entity, name);
                let location = *entity == "DataLocation";
                let known = id.filter(|id| !location && (sight == Sight::Full || self.knows_object(entity, id)));
                let id =
                    known.ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("`{resource}` does not exist")))?;
                object(entity, id.as_str())
            }
        }
    }

    fn path_of(&self, name: &TableName, sight: Sight) -> Result<TablePath> {
        match sight {
            Sight::Own => self.relation(name),
            Sight::Full => {
                let found = self.snapshot().find_relation(name);
                found.ok_or_else(|| QueryError::table_not_found(name).into())
            }
        }
    }

    /// May the caller know of the column through `Describe`, whether it can be read or not?
    #[must_use]
    pub fn describes_column(&self, id: &lakegate_catalog::id::ObjectId) -> bool {
        self.may(Action::Describe, &ObjectRef::new("Column", id.as_str()))
    }

    /// The refusal of a column that is missing or hidden.
    #[must_use]
    pub fn no_column(name: &ColumnName) -> ApiError {
        missing_column(name)
    }

    /// The stored user of this name.
    ///
    /// # Errors
    /// `NOT_FOUND`. Only for those who may know of every user.
    pub fn user_named(&self, name: &str) -> Result<lakegate_catalog::id::ObjectId> {
        let found = self.snapshot().find_user(name);
        found
            .map(|user| user.id.clone())
            .ok_or_else(|| super::desk::missing(Kind::User, name))
    }
}
