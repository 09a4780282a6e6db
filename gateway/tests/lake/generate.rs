//! Which lakes are there? Random ones of every noun, with names that need quotes and types that are nested.

use lakegate_catalog::name::quoted;
use lakegate_query::{
    govern::column_mask::{self, Mask},
    type_name::parse_type,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};

const WITH_ARGUMENTS: &[&str] = &[
    "keep(4, right)",
    "keep(1,left,9)",
    "bucket(10)",
    "constant(0)",
    "constant('it''s (\"x\", y)')",
    "constant(date '2020-01-01')",
];
/// What shows more has the lower rank: anything else is not published.
const BY_SHOWING: &[&str] = &[
    "show-first-4",
    "show-last-4",
    "sha-256-global",
    "hmac-sha-256",
    "sha-256-query-local",
    "bucket(10)",
    "truncate-to-month",
    "truncate-to-year",
    "keep(4, right)",
    "keep(1,left,9)",
    "mask-alphanum",
];
const NAMES: &[&str] = &[
    "plain",
    "under_score",
    "da-sh",
    "with space",
    "dot.ted",
    "sl/ash",
    "quo\"te",
    "ünïcode",
    "日本語",
    "😀",
    "null",
    "true",
    "123",
    "0x1",
    "~",
    "a: b",
    "# no",
    "it's",
    "{x}",
    "[y]",
    "*star",
    "&and",
    "!bang",
    "%per",
    "@at",
    "comma, x",
    "-",
    "yes",
    "1e3",
    "back\\slash",
    "Upper",
];
const TYPES: &[&str] = &[
    "bigint",
    "integer",
    "varchar",
    "boolean",
    "double",
    "real",
    "date",
    "timestamp(6)",
    "timestamp(3) with time zone",
    "decimal(12,2)",
    "varbinary",
    "array(varchar)",
    "map(varchar, bigint)",
    "row(street varchar, zip varchar)",
    "row(a row(b bigint, \"odd, name\" varchar), c array(row(d date)))",
    "smallint",
    "tinyint",
];

/// One lake: the maps, and the policies by id.
pub struct Generated {
    pub sections: Value,
    pub policies: Vec<(String, String)>,
}

/// The lake of a seed; it has the name `acme`.
pub fn lake(seed: u64, root: &str) -> Generated {
    let mut maker = Maker {
        random: StdRng::seed_from_u64(seed),
        root: root.to_owned(),
        grants: Vec::new(),
        policies: Vec::new(),
    };
    maker.lake()
}

struct Maker {
    random: StdRng,
    root: String,
    grants: Vec<Value>,
    policies: Vec<(String, String)>,
}

impl Maker {
    fn lake(&mut self) -> Generated {
        let mut sections = Map::from_iter([("lake".to_owned(), json!("acme"))]);
        let tags = self.tags();
        let roles = self.roles();
        let users = self.users(&roles);
        let connections = self.names(2);
        let options = [
            json!({"connector": "files", "options": {"root": "s3://b/x/", "region": "eu", "path_style": true}, "credential": {"access_key_id": "env://A", "secret_access_key": "file:///b"}}),
            json!({"connector": "files", "options": {"root": format!("{}/data", self.root)}}),
        ];
        let pairs = connections.iter().cloned().zip(options);
        sections.insert("connections".to_owned(), Value::Object(pairs.collect()));
        let (catalogs, databases, tables) = self.relations(&connections, &tags, &roles);
        let workgroups: Map<String, Value> = self.names(2).into_iter().map(|name| (name, self.workgroup())).collect();
        for name in workgroups.keys() {
            let receiver = self.receiver(&roles, &users);
            self.grant(
                receiver,
                &["submit-query", "view-query"],
                format!("workgroup:{}", quoted(name)),
            );
        }
        let keys = json!({ self.name(): {"user": users.keys().next(), "secret": "env://ANA_KEY", "expires": "2031-02-03T04:05:06Z"} });
        sections.insert("tags".to_owned(), tags);
        sections.insert("roles".to_owned(), Value::Object(roles));
        sections.insert("users".to_owned(), Value::Object(users));
        sections.insert("catalogs".to_owned(), catalogs);
        sections.insert("databases".to_owned(), databases);
        sections.insert("tables".to_owned(), tables);
        sections.insert("workgroups".to_owned(), Value::Object(workgroups));
        sections.insert("keys".to_owned(), keys);
        sections.insert("grants".to_owned(), Value::Array(std::mem::take(&mut self.grants)));
        Generated {
            sections: Value::Object(sections),
            policies: std::mem::take(&mut self.policies),
        }
    }

    fn name(&mut self) -> String {
        (*NAMES.choose(&mut self.random).unwrap()).to_owned()
    }

    /// Different ones.
    fn names(&mut self, count: usize) -> Vec<String> {
        NAMES
            .choose_multiple(&mut self.random, count)
            .map(|name| (*name).to_owned())
            .collect()
    }

    fn often(&mut self) -> bool {
        self.random.random_bool(0.5)
    }

    fn comment(&mut self, entry: &mut Value) {
        if self.often() {
            entry["comment"] = json!("two\nlines: \"quoted\" # and ünïcode \u{7}");
        }
    }

    fn tags(&mut self) -> Value {
        let names = self.names(2);
        json!({ names[0].clone(): {"values": ["none", "null", "a: b"], "ordered": true}, names[1].clone(): {} })
    }

    fn tag(&mut self, tags: &Value, entry: &mut Value) {
        if self.often() {
            let name = tags.as_object().unwrap().keys().next().unwrap();
            entry["tags"] = json!({ name.clone(): (*["none", "null", "a: b"].choose(&mut self.random).unwrap()) });
        }
    }

    fn roles(&mut self) -> Map<String, Value> {
        let mut roles = Map::new();
        for name in self.names(3) {
            let mut role = json!({});
            if let Some(above) = roles.keys().next_back().cloned()
                && self.often()
            {
                role["member_of"] = json!([quoted(&above)]);
            }
            self.comment(&mut role);
            roles.insert(name, role);
        }
        roles
    }

    fn users(&mut self, roles: &Map<String, Value>) -> Map<String, Value> {
        let mut users = Map::new();
        for (at, name) in self.names(2).into_iter().enumerate() {
            let mine: Vec<String> = roles.keys().filter(|_| self.often()).map(|role| quoted(role)).collect();
            let mut user =
                json!({"roles": mine, "kind": (*["human", "service", "agent"].choose(&mut self.random).unwrap())});
            if self.often() {
                user["attributes"] = json!({ self.name(): ["b", "a", "a: b", "1"] });
                user["clearance"] = json!(self.random.random_range(-3..9));
                user["subjects"] = json!([format!("https://id.example/{at}~x y")]);
            }
            users.insert(name, user);
        }
        users
    }

    fn workgroup(&mut self) -> Value {
        let mut workgroup =
            json!({"concurrency": self.random.random_range(1..9), "queue": self.random.random_range(0..9)});
        if self.often() {
            workgroup["price_per_tb"] = json!("5.00 USD");
            workgroup["max_scanned_bytes_per_query"] = json!(10_000_000_u64);
            workgroup["disabled"] = json!(self.often());
        }
        workgroup
    }

    fn receiver(&mut self, roles: &Map<String, Value>, users: &Map<String, Value>) -> String {
        let (kind, names) = if self.often() { ("role", roles) } else { ("user", users) };
        let names: Vec<&String> = names.keys().collect();
        format!("{kind}:{}", quoted(names.choose(&mut self.random).unwrap()))
    }

    fn grant(&mut self, to: String, privileges: &[&str], resource: String) {
        let mut grant = json!({"to": to, "privileges": privileges, "resource": resource});
        if self.often() {
            grant["with_grant_option"] = json!(true);
        }
        if self.often() {
            grant["expires"] = json!("2031-01-01T00:00:00.5Z");
        }
        self.grants.push(grant);
    }

    fn policy(&mut self, receiver: &str, resource: &str) {
        let id = format!("p {} \"{}\"", self.policies.len(), self.name())
            .replace('"', "'")
            .replace('\\', "-");
        let (kind, name) = receiver.split_once(':').unwrap();
        let kind = if kind == "role" { "Role" } else { "User" };
        let text = |name: &str| serde_json::to_string(name).unwrap();
        let cedar = format!(
            "@id({})\n@doc(\"why: # ünïcode\")\n// a comment\nforbid(principal in Lakegate::{kind}::{}, action == Lakegate::Action::\"Describe\",\n\n\tresource in {resource});",
            text(&id),
            text(name),
        );
        self.policies.push((id, cedar));
    }

    fn relations(&mut self, connections: &[String], tags: &Value, roles: &Map<String, Value>) -> (Value, Value, Value) {
        let (mut catalogs, mut databases, mut tables) = (Map::new(), Map::new(), Map::new());
        for (at, catalog) in self.names(2).into_iter().enumerate() {
            let mut entry = json!({"connection": quoted(&connections[at]), "default": at == 0});
            self.comment(&mut entry);
            self.tag(tags, &mut entry);
            catalogs.insert(catalog.clone(), entry);
            for database in self.names(2) {
                let name = format!("{}.{}", quoted(&catalog), quoted(&database));
                let mut entry = json!({"location": "some where/"});
                self.comment(&mut entry);
                self.tag(tags, &mut entry);
                if self.often() {
                    entry["owner"] = json!(format!("role:{}", quoted(roles.keys().next().unwrap())));
                }
                databases.insert(name.clone(), entry);
                for table in self.names(2) {
                    let name = format!("{name}.{}", quoted(&table));
                    let entry = self.table(&name, tags, roles);
                    tables.insert(name, entry);
                }
            }
        }
        (Value::Object(catalogs), Value::Object(databases), Value::Object(tables))
    }

    fn table(&mut self, name: &str, tags: &Value, roles: &Map<String, Value>) -> Value {
        let format = *["csv", "parquet", "ndjson"].choose(&mut self.random).unwrap();
        let mut columns: Vec<(String, &str)> = Vec::new();
        for column in self.names(4) {
            columns.push((column, TYPES.choose(&mut self.random).unwrap()));
        }
        let list: Vec<Value> = columns
            .iter()
            .map(|(column, data_type)| {
                let mut entry = json!({"name": column, "type": data_type, "nullable": !data_type.starts_with('d')});
                self.comment(&mut entry);
                self.tag(tags, &mut entry);
                entry
            })
            .collect();
        let mut table = json!({"format": format, "location": "t/", "columns": list});
        if format == "csv" {
            table["options"] = json!({"null": "NA", "header": self.often(), "delimiter": ";"});
        }
        if self.often() {
            table["absent_policy_columns"] = json!("null");
        }
        self.comment(&mut table);
        self.tag(tags, &mut table);
        self.partitions(&mut table);
        self.governed(&mut table, (name, &columns), roles);
        table
    }

    fn partitions(&mut self, table: &mut Value) {
        if self.often() {
            return;
        }
        table["partitioned_by"] = json!([{"name": "year", "type": "integer"}, {"name": "pa rt", "type": "varchar"}]);
        table["partitions"] = if self.often() {
            json!("hive")
        } else {
            json!([{"values": {"year": 2024, "pa rt": "a=b/c"}, "location": "one/"}, {"values": {"year": null, "pa rt": "null"}, "location": "two/"},
                   {"values": {"year": null, "pa rt": null}, "location": "three/"}])
        };
    }

    fn governed(&mut self, table: &mut Value, (name, columns): (&str, &[(String, &str)]), roles: &Map<String, Value>) {
        let path = |column: &str| quoted(column);
        let filters = self.names(3);
        let condition = columns
            .iter()
            .find(|(_, data_type)| *data_type == "varchar")
            .map_or("TRUE".to_owned(), |(column, _)| {
                format!("\"{}\" <> 'it''s: \"x\"'", column.to_lowercase().replace('"', "\"\""))
            });
        table["filters"] = json!({
            filters[0].clone(): {"where": condition, "columns": [path(&columns[0].0)]},
            filters[1].clone(): {"where": "TRUE", "except": [path(&columns[1].0)]},
            filters[2].clone(): {"where": condition, "restrictive": true},
        });
        let to = format!("role:{}", quoted(roles.keys().next().unwrap()));
        self.grant(
            to.clone(),
            &["select-filtered"],
            format!("filter:{name}/{}", quoted(&filters[0])),
        );
        self.policy(
            &to,
            &format!("Lakegate::Table::{}", serde_json::to_string(name).unwrap()),
        );
        let mut masks = Map::new();
        for (column, data_type) in columns {
            let parsed = parse_type(data_type).unwrap();
            let mut of_column = Map::new();
            let forms = Mask::FORMS.iter().map(|(name, _)| *name);
            for (at, func) in forms.chain(WITH_ARGUMENTS.iter().copied()).enumerate() {
                let rank = BY_SHOWING.iter().position(|known| *known == func).unwrap_or(100 + at);
                let nullable = !data_type.starts_with('d') || func != "replace-with-null";
                if nullable && column_mask::check(func, &parsed).is_ok() {
                    let mut mask = json!({"func": func, "rank": rank});
                    if column_mask::check_domain(func, NAMES[at]).is_ok() && self.random.random_bool(0.5) {
                        mask["domain"] = json!(NAMES[at]);
                    }
                    of_column.insert(format!("{func} {}", NAMES[at]), mask);
                }
            }
            if let Some(first) = of_column.keys().next() {
                self.grant(
                    to.clone(),
                    &["select-masked"],
                    format!("mask:{name}.{}/{}", path(column), quoted(first)),
                );
            }
            if data_type.starts_with("row(street") {
                masks.insert(
                    format!("{}.zip", path(column)),
                    json!({"own": {"func": "show-last-4", "rank": 1}}),
                );
            }
            masks.insert(path(column), Value::Object(of_column));
        }
        table["masks"] = Value::Object(masks);
    }
}
