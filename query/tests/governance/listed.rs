//! Is a list of tables the one that deciding each table gives? Tables that differ in anything a policy can tell are decided alone.

use std::{collections::BTreeMap, sync::Arc};

use lakegate_catalog::{
    identity::Role,
    relation::{Column, Table, TableFormat},
    snapshot::Snapshot,
};
use lakegate_query::{authorize, context::QueryContext, entities, entities::Governor, metadata::visible::Viewer};

use crate::{
    fixture::{id, stored},
    lake::Lake,
};

/// The special tables: the first and the last of their database, so that either may speak for the others.
const SPECIAL: [&str; 2] = ["a", "z"];
const PLAIN: [&str; 3] = ["m", "n", "o"];

type Change = fn(&mut Snapshot, &str, &mut Table);

/// What is special, the policies, how a special table is changed, and whether that opens or closes it.
type Case = (&'static str, &'static [&'static str], Change, bool);

const OPEN: bool = true;
const CLOSED: bool = false;
const DESCRIBE_ALL: &str = "permit(principal, action == @\"Describe\", resource in #Database::\"d-sales\");";

/// Rows of every table, and no column of any.
const ROWS: &str = "permit(principal, action == @\"Select\", resource is #Table);";

const CASES: &[Case] = &[
    ("nothing differs, all closed", &[], |_, _, _| {}, CLOSED),
    (
        "a grant names the table",
        &[
            "permit(principal, action == @\"Describe\", resource == #Table::\"t-a\");",
            "permit(principal, action == @\"Describe\", resource) when { resource == #Table::\"t-z\" };",
        ],
        |_, _, _| {},
        OPEN,
    ),
    (
        "a forbid names the table",
        &[
            DESCRIBE_ALL,
            "forbid(principal, action == @\"Describe\", resource == #Table::\"t-a\");",
            "forbid(principal, action, resource) when { resource in #Table::\"t-z\" };",
        ],
        |_, _, _| {},
        CLOSED,
    ),
    (
        "its tags",
        &[
            "permit(principal, action == @\"Describe\", resource is #Table) when { resource.hasTag(\"open\") && resource.getTag(\"open\") == \"y\" };",
        ],
        |_, _, table| {
            table.tags = tag("y");
        },
        OPEN,
    ),
    (
        "its owner",
        &[
            "permit(principal, action == @\"Describe\", resource is #Table) when { resource.owner == #Role::\"r-own\" };",
        ],
        |snapshot, _, table| {
            snapshot.roles = vec![stored("r-own", "own", None, Role::default())];
            table.owner = Some(id("r-own"));
        },
        OPEN,
    ),
    (
        "its format",
        &["permit(principal, action == @\"Describe\", resource is #Table) when { resource.kind == \"csv\" };"],
        |_, _, table| table.format = Some(TableFormat::Csv),
        OPEN,
    ),
    (
        "a policy names its column",
        &[
            ROWS,
            "permit(principal, action == @\"Select\", resource == #Column::\"c-a-id\");",
            "permit(principal, action == @\"Select\", resource == #Column::\"c-z-id\");",
        ],
        |_, _, _| {},
        OPEN,
    ),
    (
        "a policy names a field",
        &[
            ROWS,
            "permit(principal, action == @\"Select\", resource == #Column::\"c-a-addr.zip\");",
            "permit(principal, action == @\"Select\", resource == #Column::\"c-z-addr.zip\");",
        ],
        |_, name, table| table.columns.push(column(name, "addr", "row(zip varchar)")),
        OPEN,
    ),
    (
        "tags of a column",
        &[
            ROWS,
            "permit(principal, action == @\"Select\", resource is #Column) when { resource.hasTag(\"open\") };",
        ],
        |_, _, table| table.columns[1].tags = tag("y"),
        OPEN,
    ),
    (
        "the name of a column",
        &[
            ROWS,
            "permit(principal, action == @\"Select\", resource is #Column) when { resource.name == \"special\" };",
        ],
        |_, _, table| table.columns[1].name = "special".to_owned(),
        OPEN,
    ),
    (
        "the type of a column",
        &[
            ROWS,
            "permit(principal, action == @\"Select\", resource is #Column) when { resource.dtype == \"double\" };",
        ],
        |_, _, table| table.columns[1].data_type = "double".to_owned(),
        OPEN,
    ),
    (
        "a filter",
        &["permit(principal, action == @\"SelectFiltered\", resource is #DataFilter);"],
        |snapshot, name, _| {
            let orders = Lake::default().snapshot();
            let mut filter = (**orders.data_filters.first().unwrap()).clone();
            filter.id = id(&format!("f-{name}"));
            filter.parent = Some(id(&format!("t-{name}")));
            filter.body.covers = vec![id(&format!("c-{name}-id"))];
            snapshot.data_filters.push(Arc::new(filter));
        },
        OPEN,
    ),
    (
        "a mask",
        &[
            ROWS,
            "permit(principal, action == @\"SelectMasked\", resource is #ColumnMask);",
        ],
        |snapshot, name, _| {
            let orders = Lake::default().snapshot();
            let mut mask = (**orders.column_masks.first().unwrap()).clone();
            mask.id = id(&format!("m-{name}"));
            mask.parent = Some(id(&format!("c-{name}-note")));
            mask.body.table = id(&format!("t-{name}"));
            snapshot.column_masks.push(Arc::new(mask));
        },
        OPEN,
    ),
];

fn tag(value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("open".to_owned(), value.to_owned())])
}

fn column(table: &str, name: &str, data_type: &str) -> Column {
    Column {
        id: id(&format!("c-{table}-{name}")),
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        ..Lake::default().columns.swap_remove(1)
    }
}

/// Two special tables among plain ones, under these policies; as mallory sees it, who has no grant.
fn context(policies: &[&str], change: Change) -> QueryContext {
    let cx = Lake::default().context("mallory");
    let mut snapshot = Arc::try_unwrap(Lake::default().snapshot()).unwrap();
    let orders = Arc::clone(snapshot.tables.first().unwrap());
    (snapshot.tables, snapshot.data_filters, snapshot.column_masks) = Default::default();
    (snapshot.grants, snapshot.policies) = Default::default();
    for name in SPECIAL.into_iter().chain(PLAIN) {
        let mut table = orders.body.clone();
        table.columns = vec![column(name, "id", "bigint"), column(name, "note", "varchar")];
        if SPECIAL.contains(&name) {
            change(&mut snapshot, name, &mut table);
        }
        snapshot
            .tables
            .push(stored(&format!("t-{name}"), name, Some("d-sales"), table));
    }
    let template = Lake::default().snapshot();
    for (at, text) in policies.iter().enumerate() {
        let mut policy = (**template.policies.first().unwrap()).clone();
        policy.id = id(&format!("p-{at}"));
        policy.name = format!("p-{at}");
        policy.body.text = text.replace('@', "Lakegate::Action::").replace('#', "Lakegate::");
        policy.body.resolved = policy.body.text.clone();
        snapshot.policies.push(Arc::new(policy));
    }
    let snapshot = Arc::new(snapshot.indexed());
    let policies = Arc::new(entities::publish(&snapshot).unwrap_or_else(|problems| panic!("{problems:?}")));
    QueryContext {
        snapshot,
        policies,
        ..QueryContext::clone(&cx)
    }
}

fn listed(cx: &QueryContext) -> Vec<String> {
    let governor = Governor::new(Arc::clone(&cx.snapshot), Arc::clone(&cx.policies));
    let viewer = Viewer::within(&governor, cx);
    let tables = viewer.tables(cx.snapshot.databases.first().unwrap());
    tables.into_iter().map(|path| path.table.name.clone()).collect()
}

/// Each table decided by itself.
fn decided(cx: &QueryContext) -> Vec<String> {
    let relations = cx.snapshot.relations_of(&id("d-sales"));
    let each = relations.into_iter().filter(|path| {
        let grant = authorize::decide(cx, path).unwrap();
        grant.can_describe || grant.is_readable()
    });
    each.map(|path| path.table.name.clone()).collect()
}

#[test]
fn a_list_is_what_deciding_each_table_gives() {
    for (name, policies, change, opens) in CASES {
        let cx = context(policies, *change);
        let expected: Vec<&str> = match *opens {
            OPEN => SPECIAL.to_vec(),
            CLOSED if policies.is_empty() => Vec::new(),
            CLOSED => PLAIN.to_vec(),
        };
        assert_eq!(decided(&cx), expected, "{name}");
        assert_eq!(listed(&cx), expected, "{name}");
    }
}

#[test]
fn a_fault_of_the_index_shows_in_lists() {
    let mut cx = context(&[DESCRIBE_ALL], |_, _, _| {});
    for _ in 0..1_050 {
        assert_eq!(listed(&cx).len(), 5);
    }
    assert!(!cx.decisions.soundness().is_lost(), "a sound index is never accused");
    let mut policies = entities::publish(&cx.snapshot).unwrap();
    policies.forget_in_index("p-0");
    (cx.policies, cx.decisions) = (Arc::new(policies), Arc::default());
    for _ in 0..600 {
        listed(&cx);
    }
    assert!(cx.decisions.soundness().is_lost());
}
