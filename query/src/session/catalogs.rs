//! Which names does one statement resolve? Exactly the relations that were authorized for it; nothing is looked up later.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider},
    common::{DataFusionError, Result},
};
use lakegate_catalog::name::TableName;

/// The governed relations of one statement.
#[derive(Debug, Default)]
pub struct GovernedCatalogs {
    catalogs: BTreeMap<String, Arc<GovernedCatalog>>,
}

#[derive(Debug, Default)]
struct GovernedCatalog {
    databases: BTreeMap<String, Arc<GovernedDatabase>>,
}

#[derive(Debug, Default)]
struct GovernedDatabase {
    tables: BTreeMap<String, Arc<dyn TableProvider>>,
}

impl GovernedCatalogs {
    /// Catalogs that hold just these relations.
    #[must_use]
    pub fn new(relations: Vec<(TableName, Arc<dyn TableProvider>)>) -> Self {
        let mut tree: BTreeMap<String, BTreeMap<String, GovernedDatabase>> = BTreeMap::new();
        for (name, provider) in relations {
            let database = tree.entry(name.catalog).or_default().entry(name.database).or_default();
            database.tables.insert(name.table, provider);
        }
        let catalogs = tree
            .into_iter()
            .map(|(name, databases)| {
                let databases = databases
                    .into_iter()
                    .map(|(name, database)| (name, Arc::new(database)))
                    .collect();
                (name, Arc::new(GovernedCatalog { databases }))
            })
            .collect();
        Self { catalogs }
    }
}

impl CatalogProviderList for GovernedCatalogs {
    fn register_catalog(&self, _name: String, _catalog: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        self.catalogs.keys().cloned().collect()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        self.catalogs
            .get(name)
            .map(|catalog| Arc::clone(catalog) as Arc<dyn CatalogProvider>)
    }
}

impl CatalogProvider for GovernedCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.databases.keys().cloned().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.databases
            .get(name)
            .map(|database| Arc::clone(database) as Arc<dyn SchemaProvider>)
    }
}

#[async_trait]
impl SchemaProvider for GovernedDatabase {
    fn table_names(&self) -> Vec<String> {
        self.tables.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.tables.get(name).cloned())
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }
}
