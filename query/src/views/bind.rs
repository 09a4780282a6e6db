//! What does the text of a view mean when it is made? Its columns, what they are computed from, and what it reads, by id.
//!
//! `*` and all names are settled here, once: nothing that is made, renamed or granted later changes what the view reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use datafusion::{
    arrow::datatypes::{DataType, Field, Schema, SchemaRef},
    catalog::{Session, TableProvider},
    common::{Result as EngineResult, tree_node::TreeNodeRecursion},
    datasource::TableType,
    logical_expr::{Expr, LogicalPlan},
    physical_plan::{ExecutionPlan, empty::EmptyExec},
};
use lakegate_catalog::{governance::BoundColumn, id::ObjectId, name::TableName, relation::ViewBase};
use tokio::runtime::Handle;

use super::lineage::Lineage;
use crate::{
    engine_error::{Phase, translate},
    error::{ErrorCode, QueryError, Result},
    names,
    parse::{self, Parsed, StatementKind},
    plan, plan_thread,
    resolve::{Defaults, INFORMATION_SCHEMA},
    session::{self, catalogs::GovernedCatalogs},
    type_name::{parse_type, type_text},
};

/// A relation as the author of a view may see it.
#[derive(Clone, Debug)]
pub struct Shape {
    pub id: ObjectId,
    pub columns: Vec<BoundColumn>,
}

/// What a text means.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Names and types, the latter in Trino's spelling.
    pub columns: Vec<(String, String)>,
    /// Ids of the columns of the bases that each column is computed from.
    pub lineage: Vec<Vec<ObjectId>>,
    pub bases: Vec<ViewBase>,
}

/// The relations that a text names, completed by the view's own catalog and database.
///
/// # Errors
/// `SYNTAX_ERROR`, `QUERY_TOO_COMPLEX` or `NOT_SUPPORTED` for what no view can be.
pub async fn relations(sql: &str, within: &(String, String)) -> Result<Vec<TableName>> {
    let (sql, defaults) = (sql.to_owned(), defaults(within));
    plan_thread::run(Handle::current(), move || async move {
        let parsed = query(&sql)?;
        Ok(named(&parsed, &defaults))
    })
    .await
}

/// Binds a text to the relations that it names.
///
/// # Errors
/// Whatever is wrong with the text, as for a query.
pub async fn bind(sql: &str, within: &(String, String), shapes: BTreeMap<TableName, Shape>) -> Result<Bound> {
    let (sql, defaults) = (sql.to_owned(), defaults(within));
    plan_thread::run(Handle::current(), move || async move {
        bound(query(&sql)?, &defaults, &shapes).await
    })
    .await
}

fn defaults((catalog, database): &(String, String)) -> Defaults {
    Defaults {
        catalog: catalog.to_lowercase(),
        database: database.to_lowercase(),
    }
}

/// One query, without parameters and without tables that hold the lake's own names.
fn query(sql: &str) -> Result<Parsed> {
    let parsed = parse::parse(sql)?;
    let refused = |what: &str| QueryError::new(ErrorCode::NotSupported, format!("{what} in a view is not supported"));
    let StatementKind::Query(text) = &parsed.kind else {
        return Err(refused("anything but one query"));
    };
    if parse::has_parameters(text) {
        return Err(refused("a parameter"));
    }
    if !parsed.passthrough.is_empty() {
        return Err(refused("`system.query`"));
    }
    let information = parsed
        .relations
        .iter()
        .any(|name| name.schema() == Some(INFORMATION_SCHEMA));
    if information {
        return Err(refused("`information_schema`"));
    }
    Ok(parsed)
}

fn named(parsed: &Parsed, defaults: &Defaults) -> Vec<TableName> {
    let names: BTreeSet<TableName> = parsed.relations.iter().map(|name| defaults.complete(name)).collect();
    names.into_iter().collect()
}

async fn bound(parsed: Parsed, defaults: &Defaults, shapes: &BTreeMap<TableName, Shape>) -> Result<Bound> {
    let relations = named(&parsed, defaults);
    let mut providers: Vec<(TableName, Arc<dyn TableProvider>)> = Vec::new();
    for name in &relations {
        let shape = shapes.get(name).ok_or_else(|| QueryError::table_not_found(name))?;
        providers.push((name.clone(), Arc::new(DeclaredTable::new(shape)?)));
    }
    let session = session::declaring(GovernedCatalogs::new(providers), defaults);
    let StatementKind::Query(mut query) = parsed.kind else {
        return Err(QueryError::internal("a view is no query"));
    };
    names::distinguish(&mut query, &parsed.spelled);
    let logical = plan::logical(&session, *query).await?;
    let optimized = session
        .optimize(&logical)
        .map_err(|error| translate(error, Phase::Plan))?;
    // What cannot run is said now, and not to who reads.
    let physical = session.create_physical_plan(&logical).await;
    let physical = physical.map_err(|error| translate(error, Phase::Plan))?;
    let columns = columns(&logical, &physical.schema())?;
    let complete = |name: &datafusion::common::TableReference| defaults.complete(name);
    let lineage = Lineage::new(shapes, &complete)
        .of(&logical)
        .map_err(QueryError::internal)?;
    let used = used(&optimized, &complete)?;
    let bases = relations.into_iter().filter_map(|name| {
        let Shape { id, columns } = shapes.get(&name)?.clone();
        let none = BTreeSet::new();
        let used = used.get(&name).unwrap_or(&none);
        let uses = columns.iter().filter(|column| used.contains(&column.name));
        let uses = uses.map(|column| column.id.clone()).collect();
        Some(ViewBase {
            name,
            id,
            columns,
            uses,
        })
    });
    Ok(Bound {
        columns,
        lineage,
        bases: bases.collect(),
    })
}

/// Names and types of the result; the types are those of the plan that runs.
fn columns(logical: &LogicalPlan, physical: &Schema) -> Result<Vec<(String, String)>> {
    let mut columns: Vec<(String, String)> = Vec::new();
    for (field, typed) in logical.schema().fields().iter().zip(physical.fields()) {
        let name = names::shown(field.name());
        let invalid = |what: String| Err(QueryError::new(ErrorCode::InvalidRequest, what));
        if name != *field.name() || name.is_empty() {
            let position = columns.len() + 1;
            return invalid(format!(
                "column {position} of the view has no name of its own; give it one with AS"
            ));
        }
        if columns.iter().any(|(other, _)| *other == name) {
            return invalid(format!(
                "two columns of the view are called `{name}`; give one another name with AS"
            ));
        }
        let text = type_text(typed.data_type());
        if parse_type(&text).ok().as_ref() != Some(typed.data_type()) {
            return invalid(format!("column `{name}` has a type that no table has; CAST it to one"));
        }
        columns.push((name, text));
    }
    Ok(columns)
}

/// Names of the columns that the plan reads, by relation.
fn used(
    plan: &LogicalPlan,
    complete: &dyn Fn(&datafusion::common::TableReference) -> TableName,
) -> Result<BTreeMap<TableName, BTreeSet<String>>> {
    let mut used: BTreeMap<TableName, BTreeSet<String>> = BTreeMap::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let columns = scan.projected_schema.fields().iter().map(|field| field.name().clone());
            let filters = scan
                .filters
                .iter()
                .flat_map(Expr::column_refs)
                .map(|column| column.name.clone());
            used.entry(complete(&scan.table_name))
                .or_default()
                .extend(columns.chain(filters));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(QueryError::internal)?;
    Ok(used)
}

/// Columns without rows.
#[derive(Debug)]
struct DeclaredTable(SchemaRef);

impl DeclaredTable {
    fn new(shape: &Shape) -> Result<Self> {
        let field = |column: &BoundColumn| -> Result<Field> {
            let data_type: DataType = parse_type(&column.data_type).map_err(QueryError::internal)?;
            Ok(Field::new(&column.name, data_type, true))
        };
        let fields = shape.columns.iter().map(field).collect::<Result<Vec<_>>>()?;
        Ok(Self(Arc::new(Schema::new(fields))))
    }
}

#[async_trait]
impl TableProvider for DeclaredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.0.project(columns)?),
            None => self.schema(),
        };
        Ok(Arc::new(EmptyExec::new(schema)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> BTreeMap<TableName, Shape> {
        let shape = |table: &str, columns: &[(&str, &str)]| {
            let bound = |(name, data_type): &(&str, &str)| BoundColumn {
                name: (*name).to_owned(),
                id: ObjectId::from_stored(format!("{table}.{name}")),
                data_type: (*data_type).to_owned(),
            };
            let shape = Shape {
                id: ObjectId::from_stored(table),
                columns: columns.iter().map(bound).collect(),
            };
            (TableName::new("lake", "sales", table), shape)
        };
        BTreeMap::from([
            shape("a", &[("id", "bigint"), ("ssn", "varchar"), ("n", "integer")]),
            shape("b", &[("id", "bigint"), ("x", "double"), ("l", "array(varchar)")]),
        ])
    }

    async fn bound(sql: &str) -> Result<Bound> {
        bind(sql, &("lake".to_owned(), "sales".to_owned()), shapes()).await
    }

    /// `name type <- sources` of each column, then `base: used` of each base.
    async fn shown(sql: &str) -> String {
        let bound = bound(sql).await.unwrap();
        let ids = |ids: &[ObjectId]| ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(" ");
        let columns = bound.columns.iter().zip(&bound.lineage);
        let columns = columns.map(|((name, text), from)| format!("{name} {text} <- {}", ids(from)));
        let bases = bound
            .bases
            .iter()
            .map(|base| format!("{}: {}", base.id, ids(&base.uses)));
        columns.chain(bases).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn columns_know_what_they_are_computed_from_and_bases_what_is_read() {
        for (sql, expected) in [
            (
                "SELECT * FROM a",
                "id bigint <- a.id; ssn varchar <- a.ssn; n integer <- a.n; a: a.id a.ssn a.n",
            ),
            ("SELECT id FROM a WHERE n > 1", "id bigint <- a.id; a: a.id a.n"),
            ("SELECT count(*) AS c FROM (SELECT * FROM a) q", "c bigint <- ; a: "),
            (
                "SELECT a.id, x FROM a JOIN b USING (id)",
                "id bigint <- a.id; x double <- b.x; a: a.id; b: b.id b.x",
            ),
            (
                "SELECT upper(ssn) || 'x' AS u FROM lake.sales.a",
                "u varchar <- a.ssn; a: a.ssn",
            ),
            (
                "SELECT n, max(ssn) AS m FROM a GROUP BY n",
                "n integer <- a.n; m varchar <- a.ssn; a: a.ssn a.n",
            ),
            (
                "SELECT id FROM a UNION ALL SELECT id FROM b",
                "id bigint <- a.id b.id; a: a.id; b: b.id",
            ),
            (
                "SELECT id, (SELECT max(x) FROM b WHERE b.id = a.id) AS m FROM a",
                "id bigint <- a.id; m double <- a.id b.id b.x; a: a.id; b: b.id b.x",
            ),
            (
                "SELECT id, ssn IN (SELECT 'x' FROM b WHERE x > 1) AS i FROM a",
                "id bigint <- a.id; i boolean <- a.ssn b.x; a: a.id a.ssn; b: b.x",
            ),
            (
                "SELECT id, CAST(row_number() OVER (ORDER BY ssn) AS bigint) AS r FROM a",
                "id bigint <- a.id; r bigint <- a.ssn; a: a.id a.ssn",
            ),
            ("WITH a AS (SELECT x FROM b) SELECT * FROM a", "x double <- b.x; b: b.x"),
            ("SELECT 1 AS one", "one bigint <- "),
            ("SELECT unnest(l) AS e FROM b", "e varchar <- b.l; b: b.l"),
        ] {
            let shown = shown(sql).await;
            assert_eq!(shown, expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn what_no_view_can_be_is_refused() {
        for (sql, expected) in [
            (
                "SELECT id + 1 FROM a",
                "column 1 of the view has no name of its own; give it one with AS",
            ),
            ("SELECT id, n AS id FROM a", "has no name of its own"),
            ("SELECT NULL AS x", "has a type that no table has"),
            (
                "SELECT row_number() OVER () AS x FROM a",
                "has a type that no table has",
            ),
            ("SELECT $1 AS x FROM a", "a parameter in a view"),
            ("SELECT ? AS x FROM a", "a parameter in a view"),
            ("SELECT id FROM a; SELECT id FROM b", "one request runs one statement"),
            ("SHOW TABLES", "anything but one query"),
            ("EXPLAIN SELECT id FROM a", "anything but one query"),
            (
                "SELECT table_name FROM information_schema.tables",
                "`information_schema` in a view",
            ),
            ("SELECT nope FROM a", "column `nope` does not exist"),
            (
                "SELECT e FROM b CROSS JOIN UNNEST(l) AS t(e)",
                "is not supported here; write it as a join",
            ),
            ("SELECT id FROM c", "table `lake.sales.c` does not exist"),
            ("SELECT id FROM", "expected"),
        ] {
            let error = bound(sql).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{sql}: {error}");
        }
    }
}
