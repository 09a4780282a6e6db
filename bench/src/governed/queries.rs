//! Which queries? TPC-H 1, 3, 6, 9 and 18, once by table names and once over subqueries that hold filter and masks.

use crate::race::Query;

/// The tables that the queries read.
pub const TABLES: &[&str] = &[
    "customer", "lineitem", "nation", "orders", "part", "partsupp", "supplier",
];

/// Both forms of a text over placeholders of the governed tables.
macro_rules! query {
    ($name:literal, $($part:tt)*) => {
        Query {
            name: $name,
            ours: concat_parts!(governed $($part)*),
            theirs: concat_parts!(written_out $($part)*),
        }
    };
}

macro_rules! concat_parts {
    ($form:ident $($part:tt)*) => { concat!($(part!($form $part)),*) };
}

macro_rules! part {
    (governed lineitem) => { "lake.tpch.lineitem AS lineitem" };
    (governed customer) => { "lake.tpch.customer AS customer" };
    (governed orders) => { "lake.tpch.orders AS orders" };
    (governed part) => { "lake.tpch.part AS part" };
    (governed partsupp) => { "lake.tpch.partsupp AS partsupp" };
    (governed supplier) => { "lake.tpch.supplier AS supplier" };
    (governed nation) => { "lake.tpch.nation AS nation" };
    (written_out lineitem) => { "(SELECT * FROM lineitem WHERE l_shipmode IN ('AIR','RAIL','SHIP','TRUCK')) AS lineitem" };
    (written_out customer) => {
        "(SELECT c_custkey, c_address, c_nationkey, c_phone, c_acctbal, c_mktsegment, c_comment, \
         concat(substr(c_name, 1, 4), translate(substr(c_name, 5), \
         'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ#0123456789', \
         'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxnnnnnnnnnn')) AS c_name FROM customer) AS customer"
    };
    (written_out orders) => {
        "(SELECT o_orderkey, o_custkey, o_orderstatus, o_totalprice, o_orderpriority, o_clerk, o_shippriority, o_comment, \
         CAST(date_trunc('month', o_orderdate) AS DATE) AS o_orderdate FROM orders) AS orders"
    };
    (written_out $table:ident) => { stringify!($table) };
    ($form:ident $text:literal) => { $text };
}

/// The queries, with the substitution values of the specification.
pub const QUERIES: &[Query] = &[
    query!(
        "q1",
        "SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), sum(l_extendedprice * (1 - l_discount)), \
         sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_quantity), avg(l_extendedprice), avg(l_discount), count(*) FROM "
        lineitem
        " WHERE l_shipdate <= DATE '1998-09-02' GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus"
    ),
    query!(
        "q3",
        "SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority FROM "
        customer ", " orders ", " lineitem
        " WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate < DATE '1995-03-15' \
         AND l_shipdate > DATE '1995-03-15' GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10"
    ),
    query!(
        "q6",
        "SELECT sum(l_extendedprice * l_discount) AS revenue FROM " lineitem
        " WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01' AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24"
    ),
    query!(
        "q9",
        "SELECT nation, o_year, sum(amount) AS sum_profit FROM (SELECT n_name AS nation, extract(year FROM o_orderdate) AS o_year, \
         l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS amount FROM "
        part ", " supplier ", " lineitem ", " partsupp ", " orders ", " nation
        " WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey AND p_partkey = l_partkey \
         AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey AND p_name LIKE '%green%') AS profit \
         GROUP BY nation, o_year ORDER BY nation, o_year DESC"
    ),
    query!(
        "q18",
        "SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) FROM "
        customer ", " orders ", " lineitem
        " WHERE o_orderkey IN (SELECT l_orderkey FROM " lineitem
        " GROUP BY l_orderkey HAVING sum(l_quantity) > 250) AND c_custkey = o_custkey AND o_orderkey = l_orderkey \
         GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice ORDER BY o_totalprice DESC, o_orderdate LIMIT 100"
    ),
];
