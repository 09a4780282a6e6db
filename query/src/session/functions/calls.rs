//! Is every wrong call of every function told as an error of the caller, in the same words wherever it stands?

use std::collections::BTreeSet;

use datafusion::{execution::SessionState, sql::parser::Statement};

use crate::{
    engine_error::{Phase, translate},
    error::{ErrorCode, QueryError},
    parse::parse,
    resolve::Defaults,
    session::{catalogs::GovernedCatalogs, declaring},
};

/// A text, a number, a list and a row of fields.
const ROWS: &str = "(VALUES ('abc', 1, ARRAY[1], named_struct('a', 1))) AS t(s, i, l, r)";
/// What the functions are given; most of them take few of these.
const ARGUMENTS: &[&str] = &["", "s", "i, 'x', i", "l, s", "r", "i, i, i, i, i, i, i, i"];
/// Words of the engine about itself, and of a type that nobody wrote.
const ENGINE: &[&str] = &[
    "Error during planning",
    "xecution error",
    "ignature",
    "OneOf(",
    "TypeSignature",
    "user-defined",
    "bug in",
    "No function matches",
];

fn session() -> SessionState {
    let defaults = Defaults {
        catalog: "lake".to_owned(),
        database: "default".to_owned(),
    };
    declaring(GovernedCatalogs::default(), &defaults)
}

async fn planned(session: &SessionState, sql: &str) -> Result<(), QueryError> {
    let query = parse(sql)?.kind.query().unwrap().clone();
    let failed = |error| translate(error, Phase::Plan);
    let logical = session
        .statement_to_plan(Statement::clone(&query))
        .await
        .map_err(failed)?;
    let optimized = session.optimize(&logical).map_err(failed)?;
    session.create_physical_plan(&optimized).await.map_err(failed)?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_call_is_an_error_of_the_caller() {
    let session = session();
    let names: BTreeSet<String> = session
        .scalar_functions()
        .keys()
        .chain(session.aggregate_functions().keys())
        .cloned()
        .collect();
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for (name, arguments) in names
        .iter()
        .flat_map(|name| ARGUMENTS.iter().map(move |given| (name, given)))
    {
        let call = format!("\"{name}\"({arguments})");
        let shown = planned(&session, &format!("SELECT {call} FROM {ROWS}")).await;
        let asked = planned(&session, &format!("SELECT s FROM {ROWS} WHERE {call} IS NULL")).await;
        let is_aggregate = session.aggregate_functions().contains_key(name);
        for error in [&shown, &asked]
            .into_iter()
            .filter_map(|outcome| outcome.as_ref().err())
        {
            refused += 1;
            if error.code == ErrorCode::Internal || ENGINE.iter().any(|word| error.message.contains(word)) {
                wrong.push(format!("{call}: {:?} {}", error.code, error.message));
            }
        }
        let code = |outcome: &Result<(), QueryError>| outcome.as_ref().err().map(|error| error.code);
        if !is_aggregate && code(&shown) != code(&asked) {
            wrong.push(format!(
                "{call}: {:?} in SELECT, {:?} in WHERE",
                code(&shown),
                code(&asked)
            ));
        }
    }
    assert!(refused > 1_000, "{refused}");
    assert!(wrong.is_empty(), "{} of {refused}:\n{}", wrong.len(), wrong.join("\n"));
}
