//! Does every type come back as it is, and is what does not fit an error?

use futures::TryStreamExt;

use super::{Broken, Check, Outcome, Subject, ask, ensure};
use crate::{
    connector::{DescribeRequest, DescribeResponse},
    error::ConnectorErrorKind,
    scan::Guard,
    table_spec::RemoteName,
};

pub(super) async fn promised_is_delivered(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("types"), subject.lake());
    ensure!(!lake.typed.is_empty(), "the fixture shows no types");
    for typed in &lake.typed {
        let name = typed.table;
        let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, name).await?;
        ensure!(
            spec.columns.len() == spec.schema.fields().len(),
            "`{name}`: a column without a field"
        );
        let scan = ask::scan(&spec, &[], Guard::none(), Vec::new());
        let (_, rows) = ask::read(subject.connector.as_ref(), &cx, scan).await?;
        for (column, expected) in &typed.columns {
            let found = rows
                .column_by_name(column)
                .ok_or_else(|| Broken::new(format!("`{name}.{column}` is missing")))?;
            let promised = spec.schema.field_with_name(column)?;
            ensure!(
                promised.data_type() == found.data_type(),
                "`{name}.{column}` is promised as {} and delivered as {}",
                promised.data_type(),
                found.data_type()
            );
            ensure!(
                found.to_data() == expected.to_data(),
                "`{name}.{column}`: {found:?} is not {expected:?}"
            );
        }
    }
    Ok(Outcome::Kept)
}

pub(super) async fn misfits(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("misfits"), subject.lake());
    ensure!(!lake.misfits.is_empty(), "the fixture has no value that does not fit");
    for misfit in &lake.misfits {
        let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, &misfit.table).await?;
        let scan = ask::scan(&spec, &[misfit.column], Guard::none(), Vec::new());
        match ask::read(subject.connector.as_ref(), &cx, scan).await {
            Ok(_) => return Err(Broken::new(format!("`{misfit:?}` is read"))),
            Err(error) => {
                ensure!(
                    error.kind() == ConnectorErrorKind::SourceFailed,
                    "{misfit:?}: {error:?}"
                );
                let named = error.detail().is_some_and(|detail| detail.contains(misfit.column));
                ensure!(named, "{misfit:?}: the column is not named: {error:?}");
                ensure!(
                    !error.to_string().contains(misfit.column),
                    "the public text says too much"
                );
            }
        }
    }
    Ok(Outcome::Kept)
}

pub(super) async fn sample(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("sample"), subject.lake());
    let spec = ask::table(subject.connector.as_ref(), &cx, &lake.database, lake.numbers).await?;
    let request = DescribeRequest::Sample {
        table: RemoteName::table(lake.database.as_str(), lake.numbers),
        rows: 3,
    };
    let DescribeResponse::Sample(stream) = subject.connector.describe(&cx, request).await? else {
        return Err(Broken::new("a sample is no sample"));
    };
    ensure!(
        stream.schema.fields() == spec.schema.fields(),
        "a sample has another schema"
    );
    let batches: Vec<_> = stream.batches.try_collect().await?;
    let rows: usize = batches.iter().map(arrow::array::RecordBatch::num_rows).sum();
    ensure!(rows == 3, "{rows} rows of 3");
    Ok(Outcome::Kept)
}
