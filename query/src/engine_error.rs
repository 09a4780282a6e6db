//! What does an engine or source error mean to the caller? A code and our own words; the engine's text goes to the log.

mod wording;

use datafusion::{arrow::error::ArrowError, common::SchemaError, error::DataFusionError};
use lakegate_connectors::error::{ConnectorError, ConnectorErrorKind};

use crate::{
    error::{ErrorCode, QueryError},
    names,
    session::meaning::only::several_rows,
};

/// Which part of the walk failed: planning errors speak of the statement, execution errors may carry values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    Plan,
    Execute,
}

/// Translates an engine error. Never passes on values, paths or candidates.
#[must_use]
pub fn translate(error: DataFusionError, phase: Phase) -> QueryError {
    let (code, message) = classify(&error, phase);
    QueryError::new(code, message).because(error)
}

fn classify(error: &DataFusionError, phase: Phase) -> (ErrorCode, String) {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => classify(inner, phase),
        DataFusionError::Shared(inner) => classify(inner, phase),
        DataFusionError::Collection(all) => all.first().map_or_else(internal, |first| classify(first, phase)),
        DataFusionError::SchemaError(schema, _) => schema_error(schema),
        DataFusionError::ArrowError(arrow, _) => arrow_error(arrow, phase),
        DataFusionError::External(source) => external(source.as_ref(), phase),
        DataFusionError::ResourcesExhausted(_) => exhausted(error),
        DataFusionError::NotImplemented(text) => (ErrorCode::NotSupported, not_implemented(text)),
        DataFusionError::Plan(text) => plan_error(text),
        DataFusionError::SQL(parser, _) => (ErrorCode::SyntaxError, statement_text(&parser.to_string())),
        DataFusionError::Execution(text) => execution_error(text, phase),
        DataFusionError::Internal(text) if text.contains(BAD_PATTERN) => bad_pattern(),
        DataFusionError::Internal(text) if phase == Phase::Plan && wording::is_wrong_call(text) => plan_error(text),
        DataFusionError::ParquetError(_) => (ErrorCode::CorruptFile, "a file of the table cannot be read".to_owned()),
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => (
            ErrorCode::SourceFailed,
            "the object store failed while the table was read".to_owned(),
        ),
        _ => internal(),
    }
}

/// What the engine says of a regular expression that it cannot read, in errors of several kinds.
const BAD_PATTERN: &str = "Regular expression did not compile";

fn bad_pattern() -> (ErrorCode, String) {
    let message = "a regular expression cannot be read; look-around and back-references are not supported";
    (ErrorCode::InvalidValue, message.to_owned())
}

fn internal() -> (ErrorCode, String) {
    (ErrorCode::Internal, "an internal error stopped the query".to_owned())
}

fn exhausted(error: &DataFusionError) -> (ErrorCode, String) {
    if error.to_string().contains("disk") {
        return (
            ErrorCode::ExceededMemory,
            "the query needs more spill space than its limit".to_owned(),
        );
    }
    (
        ErrorCode::ExceededMemory,
        "the query needs more memory than its limit".to_owned(),
    )
}

fn schema_error(error: &SchemaError) -> (ErrorCode, String) {
    match error {
        SchemaError::FieldNotFound { field, .. } => {
            let missing = QueryError::column_not_found(&names::shown(&field.flat_name()));
            (missing.code, missing.message)
        }
        SchemaError::AmbiguousReference { field } => (
            ErrorCode::AmbiguousName,
            format!("column `{}` is ambiguous; qualify it with its table", field.name),
        ),
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => (
            ErrorCode::AmbiguousName,
            format!("the name `{name}` appears twice; give one of them another name with AS"),
        ),
    }
}

fn arrow_error(error: &ArrowError, phase: Phase) -> (ErrorCode, String) {
    match error {
        ArrowError::DivideByZero => (ErrorCode::DivisionByZero, "division by zero".to_owned()),
        // A decimal has one more way not to hold a number.
        ArrowError::CastError(text) if text.contains("Overflowing on") => (
            ErrorCode::NumericOutOfRange,
            "a number is out of the range of its type".to_owned(),
        ),
        ArrowError::CastError(_) | ArrowError::ParseError(_) => (
            ErrorCode::InvalidCast,
            "a value cannot be converted to the type asked for".to_owned(),
        ),
        ArrowError::ArithmeticOverflow(_) => (
            ErrorCode::NumericOutOfRange,
            "a number is out of the range of its type".to_owned(),
        ),
        ArrowError::InvalidArgumentError(text) | ArrowError::ComputeError(text)
            if ["too large to store", "too small to store", "out of range", "overflow"]
                .iter()
                .any(|sign| text.contains(sign)) =>
        {
            (
                ErrorCode::NumericOutOfRange,
                "a number is out of the range of its type".to_owned(),
            )
        }
        ArrowError::ExternalError(source) => external(source.as_ref(), phase),
        ArrowError::MemoryError(_) => (
            ErrorCode::ExceededMemory,
            "the query needs more memory than its limit".to_owned(),
        ),
        ArrowError::ComputeError(text) if text.contains(BAD_PATTERN) => bad_pattern(),
        ArrowError::InvalidArgumentError(_) | ArrowError::ComputeError(_) => (
            ErrorCode::InvalidValue,
            "a function was given a value that it does not take".to_owned(),
        ),
        ArrowError::NotYetImplemented(_) => (ErrorCode::NotSupported, "the engine does not implement this".to_owned()),
        _ => internal(),
    }
}

fn external(source: &(dyn std::error::Error + Send + Sync + 'static), phase: Phase) -> (ErrorCode, String) {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(source);
    while let Some(error) = next {
        if error.to_string().starts_with("regex parse error") {
            return bad_pattern();
        }
        if let Some(known) = error.downcast_ref::<QueryError>() {
            return (known.code, known.message.clone());
        }
        if let Some(connector) = error.downcast_ref::<ConnectorError>() {
            return connector_error(connector);
        }
        if let Some(engine) = error.downcast_ref::<DataFusionError>() {
            return classify(engine, phase);
        }
        if let Some(arrow) = error.downcast_ref::<ArrowError>() {
            return arrow_error(arrow, phase);
        }
        next = error.source();
    }
    internal()
}

/// Code and public text of a connector's error.
#[must_use]
pub fn connector_error(error: &ConnectorError) -> (ErrorCode, String) {
    let code = match error.kind() {
        ConnectorErrorKind::Unavailable | ConnectorErrorKind::Throttled => ErrorCode::SourceUnavailable,
        ConnectorErrorKind::Unauthenticated | ConnectorErrorKind::AccessDenied => ErrorCode::SourceDenied,
        ConnectorErrorKind::NotFound | ConnectorErrorKind::SchemaChanged => ErrorCode::MissingColumn,
        ConnectorErrorKind::Unsupported => ErrorCode::NotSupported,
        ConnectorErrorKind::Timeout => ErrorCode::ExceededTime,
        ConnectorErrorKind::Cancelled => ErrorCode::QueryCancelled,
        ConnectorErrorKind::LimitExceeded => ErrorCode::ExceededResult,
        ConnectorErrorKind::SnapshotLost
        | ConnectorErrorKind::InvalidRequest
        | ConnectorErrorKind::Protocol
        | ConnectorErrorKind::HandleInvalid
        | ConnectorErrorKind::SourceFailed => {
            if error.code() == "CORRUPT_FILE" {
                ErrorCode::CorruptFile
            } else {
                ErrorCode::SourceFailed
            }
        }
        ConnectorErrorKind::Internal => ErrorCode::Internal,
    };
    (code, error.to_string())
}

/// Plan errors speak of the statement and of visible names; candidates and hints are cut off.
fn plan_error(text: &str) -> (ErrorCode, String) {
    let lower = text.to_lowercase();
    let code = if lower.contains("invalid function") || lower.contains("table function") {
        ErrorCode::FunctionNotFound
    } else if wording::is_wrong_call(text)
        || lower.contains("coerc")
        || lower.contains("type mismatch")
        || lower.contains("cannot infer common argument type")
        || lower.contains("incompatible")
        || lower.contains("can't be evaluated because there isn't a common type")
        || lower.contains("no function matches")
        || lower.contains("cannot automatically convert")
        || lower.contains("unsupported type")
    {
        ErrorCode::TypeMismatch
    } else {
        ErrorCode::InvalidRequest
    };
    (code, statement_text(text))
}

fn execution_error(text: &str, phase: Phase) -> (ErrorCode, String) {
    match phase {
        Phase::Plan if wording::is_wrong_call(text) => (ErrorCode::TypeMismatch, statement_text(text)),
        Phase::Plan => (ErrorCode::InvalidRequest, statement_text(text)),
        Phase::Execute if text.contains("returned more than one row") => {
            let several = several_rows();
            (several.code, several.message)
        }
        Phase::Execute if text.to_lowercase().contains("overflow") => (
            ErrorCode::NumericOutOfRange,
            "a number is out of the range of its type".to_owned(),
        ),
        Phase::Execute => (
            ErrorCode::InvalidValue,
            "a function was given a value that it does not take".to_owned(),
        ),
    }
}

/// What the planner could not turn into a join is told in the words of the statement, not in those of the plan; aggregates that
/// cannot give rows back are known by their accumulator's complaint, which ends with the call.
fn not_implemented(text: &str) -> String {
    if let Some((_, call)) = text.split_once("as a sliding accumulator because `retract_batch` is not implemented: ") {
        let function = call.split('(').next().unwrap_or(call).trim();
        return format!(
            "`{function}` cannot be computed over a frame whose start moves; start the frame at UNBOUNDED PRECEDING"
        );
    }
    let subquery = ["ScalarSubquery(", "InSubquery(", "Exists(", "SetComparison("];
    if subquery.iter().any(|form| text.contains(form)) {
        return "a subquery of this form is not supported here; write it as a join".to_owned();
    }
    statement_text(text)
}

/// The first sentence of the engine's text about a statement, without hints at other names.
fn statement_text(text: &str) -> String {
    let mut text = text.lines().next().unwrap_or_default();
    for cut in [
        ". Did you mean",
        " Did you mean",
        ". Valid fields",
        " Valid fields",
        ". Candidate functions",
        ". No function matches",
    ] {
        if let Some((head, _)) = text.split_once(cut) {
            text = head;
        }
    }
    let text = text
        .trim()
        .trim_end_matches('.')
        .trim_start_matches("sql parser error: ")
        .trim_start_matches("ParserError(\"");
    let text = names::shown(&wording::plain(text));
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if chars.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_never_pass() {
        let cast = DataFusionError::ArrowError(
            Box::new(ArrowError::CastError(
                "Cannot cast string 'CANARY' to value of Int32 type".to_owned(),
            )),
            None,
        );
        let error = translate(cast, Phase::Execute);
        assert_eq!(error.code, ErrorCode::InvalidCast);
        assert!(!error.to_string().contains("CANARY"));
        let other = translate(DataFusionError::Execution("bad CANARY".to_owned()), Phase::Execute);
        assert!(!other.to_string().contains("CANARY"));
    }

    #[test]
    fn a_subquery_that_does_not_run_is_told_with_a_remedy() {
        let text = "Physical plan does not support logical expression ScalarSubquery(<subquery>)".to_owned();
        let error = translate(DataFusionError::NotImplemented(text), Phase::Plan);
        assert_eq!(
            (error.code, error.to_string().as_str()),
            (
                ErrorCode::NotSupported,
                "a subquery of this form is not supported here; write it as a join"
            )
        );
    }

    #[test]
    fn a_moving_frame_names_function_and_remedy() {
        let text = "Aggregate can not be used as a sliding accumulator because `retract_batch` is not implemented: bool_or(t.b) ROWS";
        let error = translate(DataFusionError::NotImplemented(text.to_owned()), Phase::Execute);
        assert_eq!(error.code, ErrorCode::NotSupported);
        assert_eq!(
            error.to_string(),
            "`bool_or` cannot be computed over a frame whose start moves; start the frame at UNBOUNDED PRECEDING"
        );
    }

    #[test]
    fn candidates_are_cut_off() {
        let error = translate(
            DataFusionError::Plan("Invalid function 'sume'.\nDid you mean 'sum'?".to_owned()),
            Phase::Plan,
        );
        assert_eq!(
            (error.code, error.to_string().as_str()),
            (ErrorCode::FunctionNotFound, "invalid function 'sume'")
        );
    }
}
