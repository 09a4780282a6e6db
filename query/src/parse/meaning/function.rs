//! Which functions have a well-known name and another value under it? They are called as what gives the known value.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Subscript, Value,
};

use crate::error::{ErrorCode, QueryError, Result};

/// The call that gives what PostgreSQL and Trino give, where the planner's own does not.
///
/// # Errors
/// `NOT_SUPPORTED` for `to_char` with a pattern that is not strftime's.
pub fn rewrite(function: &mut Function) -> Result<Option<Expr>> {
    let Some(name) = name(&function.name) else {
        return Ok(None);
    };
    match (name.as_str(), arguments(function).as_slice()) {
        ("array_remove", [_, _]) => {
            function.name = ObjectName::from(vec![Ident::new("array_remove_all")]);
            Ok(None)
        }
        ("element_at", [container, key]) => Ok(Some(Expr::CompoundFieldAccess {
            root: Box::new(Expr::Nested(Box::new((*container).clone()))),
            access_chain: vec![AccessExpr::Subscript(Subscript::Index { index: (*key).clone() })],
        })),
        ("to_char" | "date_format", [_, Expr::Value(pattern)]) => check_pattern(&name, &pattern.value),
        ("to_unixtime", [_]) => {
            let epoch = Expr::Value(Value::SingleQuotedString("epoch".to_owned()).into());
            function.name = ObjectName::from(vec![Ident::new("date_part")]);
            if let FunctionArguments::List(list) = &mut function.args {
                list.args.insert(0, FunctionArg::Unnamed(FunctionArgExpr::Expr(epoch)));
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

fn name(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(|ident| ident.value.to_lowercase()),
        _ => None,
    }
}

fn arguments(function: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return Vec::new();
    };
    let plain = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().filter_map(plain).collect()
}

/// A pattern of PostgreSQL (`YYYY-MM-DD`) has no percent sign and would come back as it is.
fn check_pattern(function: &str, pattern: &Value) -> Result<Option<Expr>> {
    match pattern {
        Value::SingleQuotedString(text) if !text.contains('%') => Err(QueryError::new(
            ErrorCode::NotSupported,
            format!(
                "{function} takes patterns like '%Y-%m-%d %H:%M:%S'; others, such as 'YYYY-MM-DD', are not supported"
            ),
        )),
        _ => Ok(None),
    }
}
