//! Are views right? Their texts are bound to what the applier may see, and stand on each other without a circle.

use std::collections::{BTreeMap, BTreeSet};

use lakegate_catalog::{
    governance::BoundColumn,
    id::ObjectId,
    name::TableName,
    object::{Kind, Stored},
    relation::{Catalog, Column, View, ViewSecurity},
};
use lakegate_policy::Action;
use lakegate_query::{
    entities::ObjectRef,
    error::{ErrorCode, QueryError},
    views::{
        MAX_DEPTH,
        bind::{self, Shape},
    },
};

use super::{CheckContext, asked, dotted, made_in, owner, plain, same, tags, unknown};
use crate::lake::{
    draft::{Draft, Seat},
    judge::refuse,
    model::{Entry, SecurityEntry, ViewEntry},
    problem::{Place, Problem, ProblemCode},
};

/// Relations that all views below one view name together.
const MAX_BASES: usize = 300;

/// A view that is to be written once what it reads is.
struct Pending<'a> {
    entry: &'a Entry<ViewEntry>,
    name: TableName,
    database: ObjectId,
    /// Catalog and database, as unqualified names of the text mean them.
    within: (String, String),
    known: Option<std::sync::Arc<Stored<View>>>,
    security: ViewSecurity,
    reads: Vec<TableName>,
}

pub(super) async fn views(cx: &CheckContext<'_>, draft: &mut Draft, entries: &[Entry<ViewEntry>]) {
    let mut pending = Vec::new();
    for entry in entries {
        pending.extend(admitted(cx, draft, entry).await);
    }
    while !pending.is_empty() {
        let waiting: BTreeSet<TableName> = pending.iter().map(|view| view.name.clone()).collect();
        let ready = pending
            .iter()
            .position(|view| !view.reads.iter().any(|name| waiting.contains(name)));
        let Some(ready) = ready else {
            for view in &pending {
                circle(draft, view.entry);
            }
            return;
        };
        let view = pending.swap_remove(ready);
        write(cx, draft, view).await;
        draft.reindex();
    }
}

fn circle(draft: &mut Draft, entry: &Entry<ViewEntry>) {
    let message = format!("view `{}` reads itself through other views", entry.name);
    draft.invalid(entry.at(&["sql"]), message, "let one of them read tables only");
}

/// The view that an entry wants, if the applier may say anything about it and it differs from what is stored.
async fn admitted<'a>(cx: &CheckContext<'_>, draft: &mut Draft, entry: &'a Entry<ViewEntry>) -> Option<Pending<'a>> {
    let (name, database) = place(draft, entry)?;
    let known = draft.after.find_view(&name).map(|path| path.view);
    let kept = known
        .as_ref()
        .is_some_and(|known| same(draft.stored().view(known), &entry.body));
    let question = asked(Kind::View, entry, known.as_ref().map(|known| &known.id), kept);
    let questions = made_in(
        draft,
        "View",
        question.known,
        ("Database", Action::CreateView, &database),
    );
    if questions.is_some_and(|questions| !cx.judge.admits(draft, question, &questions)) {
        return None;
    }
    if let Some(known) = &known {
        draft.claim(known, &entry.place, false);
    }
    if kept || !plain(draft, &name.table, &entry.place, "view") {
        return None;
    }
    let security = security(cx, draft, entry, question.known)?;
    let within = (name.catalog.clone(), name.database.clone());
    let reads = match bind::relations(&entry.body.sql, &within).await {
        Ok(reads) => reads,
        Err(error) => {
            told(draft, entry, &error);
            return None;
        }
    };
    Some(Pending {
        entry,
        name,
        database,
        within,
        known,
        security,
        reads,
    })
}

/// Name and database of a view; views stand in catalogs of ours.
fn place(draft: &mut Draft, entry: &Entry<ViewEntry>) -> Option<(TableName, ObjectId)> {
    let parts = dotted(draft, &entry.name, 3, &entry.place, "view")?;
    let [catalog, database, view] = parts.as_slice() else {
        return None;
    };
    let Some(catalog) = draft.after.find_catalog(catalog).cloned() else {
        unknown::<Catalog>(draft, "catalog", catalog, &entry.place);
        return None;
    };
    let name = TableName::new(&catalog.name, database, view);
    if catalog.body.discover {
        let message = format!(
            "catalog `{}` shows what its source has, and no views of ours",
            catalog.name
        );
        let remedy = "declare the view in another catalog; it may read this one";
        draft.invalid(&entry.place, message, remedy);
        return None;
    }
    let database = draft.after.find_database(&name.catalog, &name.database);
    let Some(database) = database.map(|database| database.id.clone()) else {
        let full = format!("{}.{}", name.catalog, name.database);
        if !draft.excuses("Database", &full) {
            let remedy = format!("declare it: `databases: {{{full}: {{}}}}`");
            draft.invalid(&entry.place, format!("database `{full}` does not exist"), remedy);
        }
        return None;
    };
    Some((name, database))
}

/// Whose rights a view uses. Others than their own are lent by who manages the policies only; whether there is a user of that
/// name is not told to anybody else.
fn security(
    cx: &CheckContext<'_>,
    draft: &mut Draft,
    entry: &Entry<ViewEntry>,
    known: Option<&ObjectId>,
) -> Option<ViewSecurity> {
    let SecurityEntry::Definer { definer } = &entry.body.security else {
        return Some(ViewSecurity::Invoker);
    };
    let place = entry.at(&["security", "definer"]).clone();
    let Some(name) = definer.strip_prefix("user:") else {
        draft.invalid(
            &place,
            format!("definer `{definer}` is not a user"),
            "write `user:NAME`",
        );
        return None;
    };
    let user = draft.after.resolve("User", name);
    let manages = cx.judge.may(Action::ManagePolicy, &ObjectRef::policy_store());
    let own = user.as_ref().is_some_and(|user| cx.judge.is(user));
    let stored = known
        .and_then(|known| draft.before.view(known))
        .map(|view| &view.body.security);
    let stays = user
        .as_ref()
        .is_some_and(|user| stored == Some(&ViewSecurity::Definer(user.clone())));
    if !manages && !own && !stays {
        refuse(draft, asked(Kind::View, entry, known, false));
        return None;
    }
    if user.is_none() {
        unknown::<lakegate_catalog::identity::User>(draft, "user", name, &place);
    }
    user.map(ViewSecurity::Definer)
}

async fn write(cx: &CheckContext<'_>, draft: &mut Draft, view: Pending<'_>) {
    let entry = view.entry;
    if let Some(known) = view
        .known
        .clone()
        .filter(|known| means_the_same(known, entry, &view.security))
    {
        return store(draft, &view, known.body.clone());
    }
    let Some(shapes) = shapes(cx, draft, &view) else { return };
    let bound = match bind::bind(&entry.body.sql, &view.within, shapes).await {
        Ok(bound) => bound,
        Err(error) => return told(draft, entry, &error),
    };
    let known = view.known.as_ref().map(|known| known.body.columns.as_slice());
    let body = View {
        sql: entry.body.sql.clone(),
        security: view.security.clone(),
        columns: columns(&bound.columns, known.unwrap_or_default()),
        lineage: bound.lineage,
        within: view.within.clone(),
        bases: bound.bases,
        comment: None,
        owner: None,
        tags: BTreeMap::new(),
    };
    store(draft, &view, body);
}

/// What a view reads, as the applier may know it.
fn shapes(cx: &CheckContext<'_>, draft: &mut Draft, view: &Pending<'_>) -> Option<BTreeMap<TableName, Shape>> {
    let entry = view.entry;
    let mut shapes = BTreeMap::new();
    for name in &view.reads {
        if *name == view.name {
            circle(draft, entry);
            return None;
        }
        match shape(cx, draft, name) {
            Some(shape) => {
                shapes.insert(name.clone(), shape);
            }
            None => {
                let text = name.to_string();
                if !draft.excuses("Table", &text) && !draft.excuses("View", &text) {
                    let message = format!("view `{}`: table `{name}` does not exist", entry.name);
                    let remedy = "check the name, or declare it in the same lake";
                    draft.invalid(entry.at(&["sql"]), message, remedy);
                }
            }
        }
    }
    (shapes.len() == view.reads.len()).then_some(shapes)
}

/// Writes a view with what the entry says beside its text.
fn store(draft: &mut Draft, view: &Pending<'_>, mut body: View) {
    let entry = view.entry;
    said(draft, entry, &mut body.columns);
    tags(draft, &entry.body.tags, |key| entry.at(&["tags", key]).clone());
    body.comment.clone_from(&entry.body.comment);
    body.owner = owner(draft, entry.body.owner.as_ref(), entry.at(&["owner"]));
    body.tags.clone_from(&entry.body.tags);
    let shape = |columns: &[Column]| -> Vec<(ObjectId, String)> {
        let facts = columns.iter();
        facts
            .map(|column| (column.id.clone(), column.data_type.clone()))
            .collect()
    };
    let known = view.known.as_ref().map(|known| shape(&known.body.columns));
    let reshaped = known != Some(shape(&body.columns));
    let seat = Seat {
        parent: Some(view.database.clone()),
        name: &view.name.table,
        place: &entry.place,
    };
    let id = draft.write(view.known.as_deref(), &seat, body);
    if reshaped {
        draft.reshaped.insert(id);
    }
}

/// Is the view to mean what it means already? Then that is not settled anew.
fn means_the_same(known: &Stored<View>, entry: &Entry<ViewEntry>, security: &ViewSecurity) -> bool {
    known.body.sql == entry.body.sql && known.body.security == *security
}

/// A relation with the columns that the applier may know.
fn shape(cx: &CheckContext<'_>, draft: &Draft, name: &TableName) -> Option<Shape> {
    let path = draft.after.find_relation(name)?;
    let mut columns = path.table.body.columns.clone();
    if path.view.is_some()
        && draft
            .before
            .view(&path.table.id)
            .is_some_and(|stored| stored.body.columns == columns)
    {
        columns = cx.judge.columns(&path)?;
    }
    let bound = columns.into_iter().map(|column| BoundColumn {
        name: column.name,
        id: column.id,
        data_type: column.data_type,
    });
    Some(Shape {
        id: path.table.id.clone(),
        columns: bound.collect(),
    })
}

/// The columns of the view: those that were there keep their ids.
fn columns(bound: &[(String, String)], known: &[Column]) -> Vec<Column> {
    let column = |(name, data_type): &(String, String)| {
        let stored = known.iter().find(|column| column.name == *name);
        Column {
            id: stored.map_or_else(ObjectId::new, |column| column.id.clone()),
            name: name.clone(),
            remote_name: None,
            data_type: data_type.clone(),
            nullable: true,
            comment: None,
            tags: BTreeMap::new(),
            partition: false,
        }
    };
    bound.iter().map(column).collect()
}

/// Comments and tags of columns are those of the entry.
fn said(draft: &mut Draft, entry: &Entry<ViewEntry>, columns: &mut [Column]) {
    for (at, said) in entry.body.columns.iter().enumerate() {
        let place = entry.at(&["columns", &at.to_string()]).clone();
        if !columns.iter().any(|column| column.name == said.name) {
            let names = columns.iter().map(|column| column.name.as_str());
            let remedy = crate::lake::problem::suggestion(&said.name, names);
            let message = format!("view `{}` has no column `{}`", entry.name, said.name);
            draft.invalid(&place, message, remedy);
        }
        tags(draft, &said.tags, |_| place.clone());
    }
    for column in columns {
        let said = entry.body.columns.iter().find(|said| said.name == column.name);
        column.comment = said.and_then(|said| said.comment.clone());
        column.tags = said.map(|said| said.tags.clone()).unwrap_or_default();
    }
}

fn told(draft: &mut Draft, entry: &Entry<ViewEntry>, error: &QueryError) {
    let at = error
        .location
        .map(|place| format!(", line {}, column {}", place.line, place.column))
        .unwrap_or_default();
    let message = format!("view `{}`{at}: {error}", entry.name);
    let code = match error.code {
        ErrorCode::NotSupported => ProblemCode::NotSupported,
        ErrorCode::Internal => ProblemCode::Internal,
        _ => ProblemCode::ConfigurationInvalid,
    };
    let problem = Problem::new(code, entry.at(&["sql"]), message, error.code.remedy());
    draft.problems.push(problem);
}

/// Views stand on each other without a circle and not too high, share no name with a table, and their columns have one value
/// of each tag. Asked when what was hidden from the applier is there again.
pub(crate) fn stand(draft: &mut Draft) {
    let views: Vec<_> = draft.after.views.clone();
    let mut known = BTreeMap::new();
    let mut problems = Vec::new();
    for view in &views {
        let Some(place) = written(draft, view) else { continue };
        if let Some(table) = twin(draft, view) {
            problems.push((
                place.clone(),
                format!("`{table}` exists already as a table"),
                "choose another name",
            ));
        }
        for (column, key) in draft.after.unsettled_tags(&view.body) {
            let message = format!(
                "what column `{column}` of view `{}` is computed from has different values of tag `{key}`",
                view.name
            );
            let remedy = "tag the column itself, under `columns`";
            problems.push((place.clone(), message, remedy));
        }
    }
    let above = views
        .iter()
        .any(|view| height(draft, &view.id, &mut known, 0).is_none_or(|(depth, _)| depth > MAX_DEPTH));
    let wide = known.values().any(|(_, bases)| *bases > MAX_BASES);
    if above || wide {
        for view in &views {
            if let Some(place) = written(draft, view) {
                let message = format!(
                    "view `{}`, or one that stands on it, stands on itself, on more than {MAX_DEPTH} views or on more than \
                     {MAX_BASES} relations",
                    view.name
                );
                problems.push((place, message, "let it read tables"));
            }
        }
    }
    for (place, message, remedy) in problems {
        draft.invalid(&place, message, remedy);
    }
}

/// The place of a view that the lake makes or changes.
fn written(draft: &Draft, view: &Stored<View>) -> Option<Place> {
    let stored = draft.before.view(&view.id);
    let changed = stored.is_none_or(|stored| stored.body != view.body);
    let place = draft.places.get(&(Kind::View, view.id.clone())).cloned();
    changed.then(|| place.unwrap_or_else(|| Place::of_input("lake")))
}

/// A table of the same name.
fn twin(draft: &Draft, view: &Stored<View>) -> Option<String> {
    let mut tables = draft.after.tables.iter();
    let here = |name: &str| name.eq_ignore_ascii_case(&view.name);
    let twin = tables.find(|table| table.parent == view.parent && !table.body.is_retired() && here(&table.name));
    twin.map(|table| table.name.clone())
}

type Heights = BTreeMap<ObjectId, (usize, usize)>;

/// Views that a view stands on, itself included, and relations that all of them name; `None` in a circle.
fn height(draft: &Draft, id: &ObjectId, known: &mut Heights, above: usize) -> Option<(usize, usize)> {
    if let Some(height) = known.get(id) {
        return Some(*height);
    }
    let Some(view) = draft.after.view(id) else {
        return Some((0, 0));
    };
    if above > draft.after.views.len().min(100) {
        return None;
    }
    let (mut depth, mut bases) = (0, view.body.bases.len());
    for base in &view.body.bases {
        let (below, more) = height(draft, &base.id, known, above + 1)?;
        depth = depth.max(below);
        bases += more;
    }
    known.insert(id.clone(), (depth + 1, bases));
    Some((depth + 1, bases))
}
