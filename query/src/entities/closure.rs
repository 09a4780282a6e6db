//! Which entities must a decision see? The principal with all its roles, each object with all its ancestors.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use lakegate_catalog::{
    id::ObjectId,
    identity::User,
    object::Stored,
    relation::{Column, Table, TableFormat, View, ViewSecurity},
    snapshot::Snapshot,
};
use lakegate_policy::{ContextFacts, Entity, EntityUid, PolicyError, resource};

use super::{ObjectRef, Outside};
use crate::context::Caller;

/// Gathers entities, each once.
#[derive(Debug)]
pub(crate) struct Closure<'a> {
    snapshot: &'a Snapshot,
    found: HashMap<EntityUid, Entity>,
}

type Gathered<T = ()> = Result<T, PolicyError>;

impl<'a> Closure<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            found: HashMap::new(),
        }
    }

    pub(crate) fn entities(self) -> Vec<Entity> {
        self.found.into_values().collect()
    }

    fn add(&mut self, entity: Entity) {
        self.found.insert(entity.uid(), entity);
    }

    /// The caller, with the roles that the token brought. A user that is not stored is not there: everything is denied.
    pub(crate) fn caller(&mut self, caller: &Caller) -> Gathered {
        self.user_with(&caller.user, &caller.extra_roles)
    }

    /// What the context of a request names.
    pub(crate) fn named_by(&mut self, context: &dyn ContextFacts) -> Gathered {
        context.references().iter().try_for_each(|uid| {
            let object = ObjectRef::new(uid.type_name().basename(), uid.id().unescaped());
            // The caller is there already, with more roles than the store knows.
            if self.found.contains_key(uid) {
                Ok(())
            } else {
                self.object(&object)
            }
        })
    }

    /// An object with its ancestors. What the snapshot does not hold is left out, and decisions on it are Forbidden.
    pub(crate) fn object(&mut self, object: &ObjectRef) -> Gathered {
        if self.found.contains_key(&object.uid()) {
            return Ok(());
        }
        let id = &ObjectId::from_stored(object.id.as_str());
        match (object.entity_type.as_str(), &object.outside) {
            ("DataLocation", Outside::Location { connection }) => {
                self.connection(&ObjectId::from_stored(connection.as_str()))?;
                let parent = resource::uid("Connection", connection);
                let location = resource::data_location(&object.id, parent, &object.id, &BTreeMap::new())?;
                self.add(location);
                Ok(())
            }
            ("Query", Outside::Query { workgroup, submitter }) => {
                self.workgroup(&ObjectId::from_stored(workgroup.as_str()))?;
                self.add(resource::query(&object.id, workgroup, submitter)?);
                Ok(())
            }
            ("Database", Outside::Undiscovered { catalog, .. }) => self.undiscovered_database(&object.id, catalog),
            ("Table", Outside::Undiscovered { catalog, database }) => {
                self.undiscovered_table(&object.id, catalog, database.as_deref())
            }
            ("Catalog", _) => self.catalog(id),
            ("Column", _) => self.column_by_id(id),
            ("ColumnMask", _) => self.mask(id),
            ("Connection", _) => self.connection(id),
            ("DataFilter", _) => self.filter(id),
            ("Database", _) => self.database(id),
            ("Role", _) => self.roles(vec![id.clone()]),
            ("Table", _) => self.table(id),
            ("TagKey", _) => {
                if self.snapshot.tag(id).is_some() {
                    self.add(resource::tag_key(&object.id)?);
                }
                Ok(())
            }
            ("User", _) => self.user_with(id, &[]),
            ("View", _) => self.view(id),
            ("Workgroup", _) => self.workgroup(id),
            _ => Ok(()),
        }
    }

    fn user_with(&mut self, id: &ObjectId, extra_roles: &[ObjectId]) -> Gathered {
        match self.snapshot.user(id) {
            Some(user) => self.person(id, &user.body, extra_roles),
            None => Ok(()),
        }
    }

    /// A user as given, stored or not, with all roles that the snapshot knows.
    pub(crate) fn person(&mut self, id: &ObjectId, body: &User, extra_roles: &[ObjectId]) -> Gathered {
        let direct: BTreeSet<&ObjectId> = body
            .roles
            .iter()
            .chain(extra_roles)
            .filter(|role| self.snapshot.role(role).is_some())
            .collect();
        let roles: Vec<&str> = direct.iter().map(|role| role.as_str()).collect();
        let entity = resource::user(id.as_str(), &body.kind, body.clearance, &roles, &body.attributes)?;
        let direct = direct.into_iter().cloned().collect();
        self.add(entity);
        self.roles(direct)
    }

    fn roles(&mut self, mut open: Vec<ObjectId>) -> Gathered {
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            let Some(role) = self.snapshot.role(&id) else { continue };
            if !seen.insert(id.clone()) {
                continue;
            }
            let parents: Vec<&ObjectId> = role
                .body
                .member_of
                .iter()
                .filter(|role| self.snapshot.role(role).is_some())
                .collect();
            let names: Vec<&str> = parents.iter().map(|role| role.as_str()).collect();
            let entity = resource::role(id.as_str(), &names)?;
            open.extend(parents.into_iter().cloned());
            self.add(entity);
        }
        Ok(())
    }

    fn workgroup(&mut self, id: &ObjectId) -> Gathered {
        if self.snapshot.workgroup(id).is_some() {
            self.add(resource::workgroup(id.as_str())?);
        }
        Ok(())
    }

    fn has(&self, entity_type: &str, id: &ObjectId) -> bool {
        self.found.contains_key(&resource::uid(entity_type, id.as_str()))
    }

    fn connection(&mut self, id: &ObjectId) -> Gathered {
        if let Some(connection) = self.snapshot.connection(id) {
            self.add(resource::connection(
                id.as_str(),
                &connection.body.connector,
                &BTreeMap::new(),
            )?);
        }
        Ok(())
    }

    fn catalog(&mut self, id: &ObjectId) -> Gathered {
        if let Some(catalog) = self.snapshot.catalog(id) {
            let tags = self.snapshot.effective_tags_of_catalog(id);
            self.add(resource::catalog(
                id.as_str(),
                Some(catalog.body.connection.as_str()),
                &tags,
            )?);
        }
        Ok(())
    }

    fn database(&mut self, id: &ObjectId) -> Gathered {
        if self.has("Database", id) {
            return Ok(());
        }
        let Some(database) = self.snapshot.database(id) else {
            return Ok(());
        };
        let Some(catalog) = &database.parent else { return Ok(()) };
        self.catalog(catalog)?;
        let tags = self.snapshot.effective_tags_of_database(id);
        self.add(resource::database(id.as_str(), catalog.as_str(), &tags)?);
        Ok(())
    }

    fn table(&mut self, id: &ObjectId) -> Gathered {
        if self.has("Table", id) {
            return Ok(());
        }
        match self.snapshot.table(id) {
            Some(table) => self.table_entity(&Arc::clone(table)),
            None => Ok(()),
        }
    }

    fn table_entity(&mut self, table: &Stored<Table>) -> Gathered {
        let Some(database) = &table.parent else { return Ok(()) };
        self.database(database)?;
        let kind = match (&table.body.format, &table.body.remote) {
            (Some(TableFormat::Avro), _) => "avro",
            (Some(TableFormat::Csv), _) => "csv",
            (Some(TableFormat::Ndjson), _) => "ndjson",
            (Some(TableFormat::Orc), _) => "orc",
            (Some(TableFormat::Parquet), _) => "parquet",
            (None, _) => "remote",
        };
        let tags = self.snapshot.effective_tags_of_table(&table.id);
        let owner = self.snapshot.owner_role(&table.body.owner);
        self.add(resource::table(
            table.id.as_str(),
            database.as_str(),
            kind,
            owner.as_str(),
            &tags,
        )?);
        Ok(())
    }

    /// A table as discovery would make it, in a known database or in another undiscovered thing.
    fn undiscovered_table(&mut self, id: &str, catalog: &str, database: Option<&str>) -> Gathered {
        let (parent, tags) = match database {
            Some(database) => {
                let known = ObjectId::from_stored(database);
                self.database(&known)?;
                (database, self.snapshot.effective_tags_of_database(&known))
            }
            None => {
                self.undiscovered_database(id, catalog)?;
                let catalog = ObjectId::from_stored(catalog);
                (id, self.snapshot.effective_tags_of_catalog(&catalog))
            }
        };
        let owner = self.snapshot.owner_role(&None);
        self.add(resource::table(id, parent, "remote", owner.as_str(), &tags)?);
        Ok(())
    }

    fn undiscovered_database(&mut self, id: &str, catalog: &str) -> Gathered {
        let parent = ObjectId::from_stored(catalog);
        self.catalog(&parent)?;
        let tags = self.snapshot.effective_tags_of_catalog(&parent);
        self.add(resource::database(id, catalog, &tags)?);
        Ok(())
    }

    fn view(&mut self, id: &ObjectId) -> Gathered {
        let Some(view) = self.snapshot.view(id).cloned() else {
            return Ok(());
        };
        self.view_entity(&view)
    }

    fn view_entity(&mut self, view: &Stored<View>) -> Gathered {
        let Some(database) = &view.parent else { return Ok(()) };
        self.database(database)?;
        let definer = matches!(view.body.security, ViewSecurity::Definer(_));
        let tags = self.snapshot.effective_tags_of_view(&view.id);
        let owner = self.snapshot.owner_role(&view.body.owner);
        self.add(resource::view(
            view.id.as_str(),
            database.as_str(),
            owner.as_str(),
            definer,
            &tags,
        )?);
        Ok(())
    }

    fn column_by_id(&mut self, id: &ObjectId) -> Gathered {
        let column_id = id.column().unwrap_or_else(|| id.clone());
        let Some((relation, column)) = self.snapshot.column_of_relation(&column_id) else {
            return Ok(());
        };
        let relation = self.relation(relation)?;
        self.column(&relation, column)?;
        if *id != column_id {
            self.field(id, &column_id, column)
        } else {
            Ok(())
        }
    }

    /// A column of a table or view whose entity is there.
    pub(crate) fn column(&mut self, relation: &EntityUid, column: &Column) -> Gathered {
        if self.has("Column", &column.id) {
            return Ok(());
        }
        let tags = self.snapshot.effective_tags_of_column(&column.id);
        self.add(resource::column(
            column.id.as_str(),
            relation.clone(),
            &column.name,
            &column.data_type,
            &tags,
        )?);
        Ok(())
    }

    /// A field of a struct column whose entity is there: the fields above it lie between.
    pub(crate) fn field(&mut self, id: &ObjectId, column_id: &ObjectId, column: &Column) -> Gathered {
        let path = id.as_str().get(column_id.as_str().len() + 1..).unwrap_or_default();
        let parts = lakegate_catalog::name::split_name(path).unwrap_or_default();
        let tags = self.snapshot.effective_tags_of_column(column_id);
        let mut parent = column_id.clone();
        for depth in 1..=parts.len() {
            let above: Vec<String> = parts.iter().take(depth).cloned().collect();
            let id = column_id.field(&above);
            let name = format!("{}.{}", column.name, above.join("."));
            self.add(resource::column(
                id.as_str(),
                resource::uid("Column", parent.as_str()),
                &name,
                "",
                &tags,
            )?);
            parent = id;
        }
        Ok(())
    }

    pub(crate) fn filter(&mut self, id: &ObjectId) -> Gathered {
        let Some(filter) = self.snapshot.data_filter(id) else {
            return Ok(());
        };
        let Some(relation) = &filter.parent else { return Ok(()) };
        let (filter, relation) = (Arc::clone(filter), relation.clone());
        let relation = self.relation(&relation)?;
        let tags = self.snapshot.effective_tags_of_filter(id);
        self.add(resource::data_filter(
            id.as_str(),
            relation,
            &filter.name,
            filter.body.language.name(),
            filter.body.restrictive,
            &tags,
        )?);
        Ok(())
    }

    /// A table or view.
    pub(crate) fn relation(&mut self, id: &ObjectId) -> Gathered<EntityUid> {
        if self.snapshot.table(id).is_some() {
            self.table(id)?;
            return Ok(resource::uid("Table", id.as_str()));
        }
        self.view(id)?;
        Ok(resource::uid("View", id.as_str()))
    }

    pub(crate) fn mask(&mut self, id: &ObjectId) -> Gathered {
        let Some(mask) = self.snapshot.column_mask(id).cloned() else {
            return Ok(());
        };
        let Some(column) = &mask.parent else { return Ok(()) };
        self.column_by_id(column)?;
        let tags = self.snapshot.effective_tags_of_mask(id);
        self.add(resource::column_mask(
            id.as_str(),
            column.as_str(),
            &mask.body.func,
            mask.body.rank,
            &tags,
        )?);
        Ok(())
    }
}
