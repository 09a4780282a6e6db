//! What does the gateway cost who may see everything? TPC-H queries over Parquet through the server against plain DataFusion.

use std::path::{Path, PathBuf};

use crate::{
    Failure,
    race::{Query, Race},
    server::Server,
};

/// Of the analyst; the server is started with it.
const KEY: &str = crate::small::lake::ANALYST_KEY;

const TABLES: &[&str] = &[
    "customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier",
];

macro_rules! query {
    ($name:literal, $text:literal) => {
        Query {
            name: $name,
            ours: $text,
            theirs: $text,
        }
    };
}

/// TPC-H 1, 3, 5, 6, 9, 13 and 18 with the substitution values of the specification.
const QUERIES: &[Query] = &[
    query!(
        "q1",
        "SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), sum(l_extendedprice * (1 - l_discount)), \
         sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_quantity), avg(l_extendedprice), avg(l_discount), count(*) \
         FROM lineitem WHERE l_shipdate <= DATE '1998-09-02' GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus"
    ),
    query!(
        "q3",
        "SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority \
         FROM customer, orders, lineitem WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey \
         AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15' \
         GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10"
    ),
    query!(
        "q5",
        "SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue FROM customer, orders, lineitem, supplier, nation, region \
         WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey \
         AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'ASIA' AND o_orderdate >= DATE '1994-01-01' \
         AND o_orderdate < DATE '1995-01-01' GROUP BY n_name ORDER BY revenue DESC"
    ),
    query!(
        "q6",
        "SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem WHERE l_shipdate >= DATE '1994-01-01' \
         AND l_shipdate < DATE '1995-01-01' AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24"
    ),
    query!(
        "q9",
        "SELECT nation, o_year, sum(amount) AS sum_profit FROM (SELECT n_name AS nation, extract(year FROM o_orderdate) AS o_year, \
         l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS amount \
         FROM part, supplier, lineitem, partsupp, orders, nation \
         WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey AND p_partkey = l_partkey \
         AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey AND p_name LIKE '%green%') AS profit \
         GROUP BY nation, o_year ORDER BY nation, o_year DESC"
    ),
    query!(
        "q13",
        "SELECT c_count, count(*) AS custdist FROM (SELECT c_custkey, count(o_orderkey) AS c_count FROM customer \
         LEFT JOIN orders ON c_custkey = o_custkey AND o_comment NOT LIKE '%special%requests%' GROUP BY c_custkey) AS c_orders \
         GROUP BY c_count ORDER BY custdist DESC, c_count DESC"
    ),
    query!(
        "q18",
        "SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) FROM customer, orders, lineitem \
         WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 300) \
         AND c_custkey = o_custkey AND o_orderkey = l_orderkey \
         GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice ORDER BY o_totalprice DESC, o_orderdate LIMIT 100"
    ),
];

/// Measures and prints a table. `LAKEGATE_TPCH` is a directory of `TABLE.parquet` of scale factor 1.
pub async fn run(binary: &str) -> Result<(), Failure> {
    let data = PathBuf::from(std::env::var("LAKEGATE_TPCH").map_err(|_| "set LAKEGATE_TPCH to the files of TPC-H")?);
    let directory = tempfile::tempdir()?;
    write(directory.path(), &data)?;
    let (server, _) = Server::start(binary, directory.path()).await?;
    let race = Race {
        server: &server,
        key: KEY,
        data: &data,
        tables: TABLES,
    };
    race.run(QUERIES).await?;
    server.stop().await
}

/// Writes a lake in which the analyst may read everything.
fn write(directory: &Path, data: &Path) -> Result<(), Failure> {
    let mut text = "lake: bench
connections: {store: {connector: files, options: {root: \"../files\"}}}
catalogs: {lake: {connection: store, default: true}}
databases: {lake.default: {location: \"tpch/\"}}
users: {ana: {kind: human}}
grants: [{to: \"user:ana\", privileges: [select], resource: \"catalog:lake\"}]
keys: {ana: {user: ana, secret: \"env://BENCH_ANALYST_KEY\"}}
tables:
"
    .to_owned();
    for table in TABLES {
        let folder = directory.join("files/tpch").join(table);
        std::fs::create_dir_all(&folder)?;
        // A copy: a link could lead out of the source's root.
        std::fs::copy(data.join(format!("{table}.parquet")), folder.join("part-0.parquet"))?;
        let entry = format!("  lake.default.{table}: {{format: parquet, location: \"{table}/\", columns: infer}}\n");
        text.push_str(&entry);
    }
    std::fs::create_dir_all(directory.join("lake"))?;
    std::fs::write(directory.join("lake/lake.yaml"), text)?;
    Ok(())
}
