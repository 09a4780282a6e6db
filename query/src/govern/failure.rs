//! What may the caller of a governed scan learn when it fails? A code and our own words, never values, paths or sources.

use datafusion::error::DataFusionError;
use lakegate_connectors::error::{ConnectorError, NUMERIC_OUT_OF_RANGE};

use crate::{
    engine_error::{Phase, translate},
    error::{ErrorCode, ErrorKind, QueryError},
};

/// Any error out of the inner plan, as the outer plan may see it. The cause stays inside, for the log.
pub(super) fn sanitised(error: DataFusionError) -> DataFusionError {
    DataFusionError::External(Box::new(public(translate(error, Phase::Execute))))
}

/// The same of a scan whose source makes groups: that a sum does not fit its type is said as the engine says it. Nothing is hidden there.
pub(super) fn sanitised_fold(error: DataFusionError) -> DataFusionError {
    let overflow = ConnectorError::find(&error).is_some_and(|failure| failure.code() == NUMERIC_OUT_OF_RANGE);
    if overflow {
        let text = "a number is out of the range of its type";
        let error = QueryError::new(ErrorCode::NumericOutOfRange, text).because(error);
        return DataFusionError::External(Box::new(error));
    }
    sanitised(error)
}

/// Texts of our own are kept; what the engine would say about the inner plan is not the caller's business.
fn public(error: QueryError) -> QueryError {
    let ours = match error.code {
        // Our own conversion of a text column, which names the column; the engine's text would not.
        ErrorCode::InvalidCast => error.message.starts_with("column `"),
        ErrorCode::CorruptFile | ErrorCode::MissingColumn | ErrorCode::PlanInvariant => true,
        code => matches!(
            code.kind(),
            ErrorKind::Source | ErrorKind::Cancelled | ErrorKind::Limit | ErrorKind::Unavailable
        ),
    };
    if ours {
        return error;
    }
    let code = if error.code == ErrorCode::InvalidCast {
        ErrorCode::InvalidCast
    } else {
        ErrorCode::Internal
    };
    QueryError::new(code, "the table could not be read").because(error)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::error::ArrowError;

    use super::*;

    #[test]
    fn no_text_of_engine_or_source_passes() {
        let errors = [
            DataFusionError::ArrowError(Box::new(ArrowError::CastError("CANARY".to_owned())), None),
            DataFusionError::Execution("CANARY".to_owned()),
            DataFusionError::Plan("CANARY".to_owned()),
            DataFusionError::Internal("CANARY".to_owned()),
            DataFusionError::External("CANARY".into()),
            DataFusionError::Execution("CANARY".to_owned()).context("CANARY"),
            ConnectorError::corrupt_file("s3://CANARY").with_detail("CANARY").into(),
        ];
        for error in errors {
            let shown = sanitised(error).to_string();
            assert!(!shown.contains("CANARY"), "{shown}");
        }
    }
}
