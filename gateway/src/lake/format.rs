//! What may stand in a lake? The tables of keys that drive unknown-key errors, type checks and the JSON Schema.
//!
//! Tables follow the order of the page: connections, catalogs, databases, tables, views, tags, people, workgroups, keys.

use super::shape::{Key, Shape};

const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        shape,
        required: false,
        doc,
    }
}

const fn needed(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        shape,
        required: true,
        doc,
    }
}

const TAGS: Shape = Shape::Map(&Shape::Text);
const NAMES: Shape = Shape::List(&Shape::Text);
const DOMAIN: Key = key("domain", Shape::Text, "columns with one domain hash alike");

/// Top level: sections, each a map from name to entry (but `lake` and `grants`).
pub const LAKE: &[Key] = &[
    key("lake", Shape::Text, "who owns these entries; once"),
    key("connections", Shape::Map(&CONNECTION), "configured sources, by name"),
    key("catalogs", Shape::Map(&CATALOG), "top level of names"),
    key("databases", Shape::Map(&DATABASE), "by `catalog.database`"),
    key(
        "tables",
        Shape::Map(&TABLE),
        "by `catalog.database.table`; governs discovered tables too",
    ),
    key("views", Shape::Map(&VIEW), "by `catalog.database.view`"),
    key("tags", Shape::Map(&TAG), "tag keys, by name"),
    key("roles", Shape::Map(&ROLE), "by name"),
    key("users", Shape::Map(&USER), "by name"),
    key("grants", Shape::List(&GRANT), "who receives what"),
    key("workgroups", Shape::Map(&WORKGROUP), "limits and prices, by name"),
    key("keys", Shape::Map(&API_KEY), "API keys, by name"),
    key(
        "policies",
        POLICIES,
        "Cedar statements by `@id`, or a list of texts; usually in `*.cedar` files instead",
    ),
];

/// An entry of `connections`.
pub const CONNECTION: Shape = Shape::Record(&[
    needed(
        "connector",
        Shape::Text,
        "kind of source: `dynamodb`, `files`, `postgres` or `sqlite`",
    ),
    key(
        "options",
        Shape::Map(&Shape::Scalar),
        "the connector's own, a closed list",
    ),
    key(
        "credential",
        Shape::Map(&Shape::Secret),
        "secret references by member, resolved by the server",
    ),
    key(
        "credentials",
        Shape::List(&CALLER_CREDENTIAL),
        "who reads with which credential, the first that fits; nobody else reads. Everybody with `credential` if not given",
    ),
]);

const CALLER_CREDENTIAL: Shape = Shape::Record(&[
    needed("for", Shape::Text, "`user:NAME`, `role:NAME` or `everyone`"),
    key(
        "credential",
        Shape::Map(&Shape::Secret),
        "as the connection's own, which it is if not given",
    ),
]);

/// An entry of `catalogs`.
pub const CATALOG: Shape = Shape::Record(&[
    needed("connection", Shape::Text, "name of its connection"),
    key("default", Shape::Boolean, "unqualified names resolve here"),
    key(
        "discover",
        Shape::Boolean,
        "databases and tables are those of the source",
    ),
    key("comment", Shape::Text, "for people"),
    key("tags", TAGS, "tag key to value"),
]);

/// An entry of `databases`.
pub const DATABASE: Shape = Shape::Record(&[
    key("location", Shape::Text, "below the connection's root, or absolute"),
    key("comment", Shape::Text, "for people"),
    key("owner", Shape::Text, "`role:NAME`; `role:admin` if not given"),
    key("tags", TAGS, "tag key to value"),
]);

const COLUMN: Shape = Shape::Record(&[
    needed("name", Shape::Text, "name of the column"),
    needed("type", Shape::Type, "in Trino's or Hive's spelling"),
    key("nullable", Shape::Boolean, "true if not given"),
    key("comment", Shape::Text, "for people"),
    key("tags", TAGS, "tag key to value"),
]);

const PARTITION: Shape = Shape::Record(&[
    needed(
        "values",
        Shape::Map(&Shape::Scalar),
        "partition column to value; null is NULL",
    ),
    needed("location", Shape::Text, "below the table's, or absolute"),
]);

const PARTITIONS: Shape = Shape::Either(&[
    Shape::Choice(&["hive", "declared", "projection"], &[]),
    Shape::List(&PARTITION),
]);

/// An entry of `tables`.
pub const TABLE: Shape = Shape::Record(&[
    key(
        "format",
        Shape::Choice(
            &["parquet", "avro", "orc", "csv", "ndjson"],
            &["json", "iceberg", "delta"],
        ),
        "how the files are written",
    ),
    key("location", Shape::Text, "below the database's, or absolute"),
    key(
        "columns",
        Shape::Either(&[Shape::Choice(&["infer"], &[]), Shape::List(&COLUMN)]),
        "the columns, or `infer`",
    ),
    key(
        "partitioned_by",
        Shape::List(&COLUMN),
        "columns whose values come from the partition",
    ),
    key(
        "partitions",
        PARTITIONS,
        "`hive` lists `key=value/` folders; `declared`, or a list, stores them; `projection` counts them out by the options",
    ),
    key(
        "options",
        Shape::Map(&Shape::Scalar),
        "csv: header delimiter quote escape null serde collection_delimiter map_key_delimiter; csv, ndjson: compression encoding skip_header; orc: by_position; partitions: projection.COLUMN.type range values format interval interval.unit digits, storage.location.template",
    ),
    key("comment", Shape::Text, "for people"),
    key("owner", Shape::Text, "`role:NAME`; `role:admin` if not given"),
    key("tags", TAGS, "tag key to value"),
    key(
        "absent_policy_columns",
        Shape::Choice(&["deny", "null"], &[]),
        "what a file without a column of a policy means",
    ),
    key("filters", Shape::Map(&FILTER), "row filters, by name"),
    key(
        "masks",
        Shape::Map(&Shape::Map(&MASK)),
        "column (dotted path) to mask name to mask",
    ),
]);

/// An entry of a table's `filters`.
pub const FILTER: Shape = Shape::Record(&[
    key("where", Shape::Text, "SQL condition that a visible row satisfies"),
    key(
        "cedar",
        Shape::Text,
        "the same in Cedar, instead of `where`: `when { … }`, perhaps `unless { … }`",
    ),
    key(
        "columns",
        NAMES,
        "the columns that it opens; all if neither this nor `except` is given",
    ),
    key("except", NAMES, "all columns but these"),
    key("restrictive", Shape::Boolean, "binds everybody, without a grant"),
    key(
        "publisher",
        Shape::Text,
        "`user:NAME`: with whose rights a mapping in `where` is read; who applies if not given",
    ),
]);

/// An entry below a column of a table's `masks`.
pub const MASK: Shape = Shape::Record(&[
    needed(
        "func",
        Shape::Text,
        "name after Iceberg's ReadRestrictions, such as `show-last-4`, or ours: `hmac-sha-256`, `keep(4, right)`, `bucket(100)`, `constant('n/a')`",
    ),
    needed(
        "rank",
        Shape::Integer(i64::MIN, i64::MAX),
        "of the permitted masks the lowest rank applies; unique per column",
    ),
    DOMAIN,
]);

const VIEW_COLUMN: Shape = Shape::Record(&[
    needed("name", Shape::Text, "name of the column, as `sql` gives it"),
    key("comment", Shape::Text, "for people"),
    key("tags", TAGS, "tag key to value"),
]);

const DEFINER: Shape = Shape::Record(&[needed("definer", Shape::Text, "`user:NAME`")]);

/// An entry of `views`.
pub const VIEW: Shape = Shape::Record(&[
    needed(
        "sql",
        Shape::Text,
        "one query; names without a catalog belong to the view's own database",
    ),
    key(
        "security",
        Shape::Either(&[Shape::Choice(&["invoker"], &[]), DEFINER]),
        "whose rights it reads with: `invoker`, or `{definer: \"user:NAME\"}`; `invoker` if not given",
    ),
    key(
        "columns",
        Shape::List(&VIEW_COLUMN),
        "columns that have tags or a comment of their own",
    ),
    key("comment", Shape::Text, "for people"),
    key("owner", Shape::Text, "`role:NAME`; `role:admin` if not given"),
    key("tags", TAGS, "tag key to value"),
    key("filters", Shape::Map(&FILTER), "row filters, by name"),
    key(
        "masks",
        Shape::Map(&Shape::Map(&MASK)),
        "column (dotted path) to mask name to mask",
    ),
]);

/// An entry of `tags`.
pub const TAG: Shape = Shape::Record(&[
    key("values", NAMES, "allowed values; any if empty"),
    key("ordered", Shape::Boolean, "`values` go from least to most restrictive"),
]);

/// An entry of `roles`.
pub const ROLE: Shape = Shape::Record(&[
    key("member_of", NAMES, "roles that it belongs to"),
    key("comment", Shape::Text, "for people"),
]);

/// An entry of `users`.
pub const USER: Shape = Shape::Record(&[
    key("roles", NAMES, "roles of the user"),
    key(
        "kind",
        Shape::Choice(&["human", "service", "agent"], &[]),
        "`human` if not given",
    ),
    key("clearance", Shape::Integer(i64::MIN, i64::MAX), "0 if not given"),
    key(
        "attributes",
        Shape::Map(&NAMES),
        "sets of strings: tags of the principal in Cedar",
    ),
    key("subjects", NAMES, "`issuer~subject` of tokens that are this user"),
]);

/// An entry of `grants`.
pub const GRANT: Shape = Shape::Record(&[
    needed("to", Shape::Text, "`user:NAME` or `role:NAME`"),
    needed("privileges", NAMES, "Cedar actions in kebab-case, or `all`"),
    needed("resource", Shape::Text, "`kind:name`"),
    key("with_grant_option", Shape::Boolean, "the receiver may pass it on"),
    key("expires", Shape::Time, "permits nothing from then on"),
]);

/// An entry of `workgroups`.
pub const WORKGROUP: Shape = Shape::Record(&[
    key(
        "concurrency",
        Shape::Integer(1, 10_000),
        "statements that run at once; 20 if not given",
    ),
    key(
        "queue",
        Shape::Integer(0, 100_000),
        "statements that wait; 200 if not given",
    ),
    key(
        "max_scanned_bytes_per_query",
        Shape::Integer(10_000_000, i64::MAX),
        "cut-off; none if not given",
    ),
    key("price_per_tb", Shape::Text, "such as `5.00 USD`"),
    key("disabled", Shape::Boolean, "refuses new statements"),
]);

/// An entry of `keys`.
pub const API_KEY: Shape = Shape::Record(&[
    needed("user", Shape::Text, "name of the user that it proves"),
    needed(
        "secret",
        Shape::Secret,
        "reference to the whole key, 32 to 256 characters",
    ),
    key(
        "kind",
        Shape::Choice(&["api-key"], &["sigv4"]),
        "`api-key` if not given",
    ),
    key(
        "access_key_id",
        Shape::Later("an access key for SigV4"),
        "for `kind: sigv4`",
    ),
    key("expires", Shape::Time, "refused from then on"),
]);

const POLICIES: Shape = Shape::Either(&[Shape::Map(&Shape::Text), Shape::List(&Shape::Text)]);

/// An entry of `policies` on its own (REST).
pub const POLICY: Shape = Shape::Record(&[needed("text", Shape::Text, "one Cedar statement with names")]);
