//! Is everything that lies at the source found, once, under its own name?

use std::collections::BTreeSet;

use super::{Broken, Check, Outcome, Subject, ask, ensure};
use crate::{
    connector::{DescribeRequest, DescribeResponse},
    error::ConnectorErrorKind,
    split::{Page, PageToken},
    table_spec::RemoteName,
};

pub(super) async fn ping(subject: &Subject) -> Check {
    let cx = subject.call("ping");
    let answer = subject.connector.describe(&cx, DescribeRequest::Ping).await?;
    ensure!(matches!(answer, DescribeResponse::Pong), "no pong: {answer:?}");
    Ok(Outcome::Kept)
}

async fn listed(subject: &Subject, database: &str, size: Option<usize>) -> Result<Vec<RemoteName>, Broken> {
    let cx = subject.call("paging");
    let mut all = Vec::new();
    let mut token: Option<PageToken> = None;
    loop {
        let page = Page { token, size };
        let request = DescribeRequest::Tables {
            database: RemoteName::database(database),
            page,
        };
        let DescribeResponse::Names { names, next } = subject.connector.describe(&cx, request).await? else {
            return Err(Broken::new("a listing is no listing"));
        };
        ensure!(
            size.is_none_or(|size| names.len() <= size),
            "a page is larger than asked for"
        );
        ensure!(!names.is_empty() || next.is_none(), "an empty page has a next one");
        all.extend(names);
        token = next;
        if token.is_none() {
            return Ok(all);
        }
    }
}

pub(super) async fn paging(subject: &Subject) -> Check {
    let (database, count) = &subject.lake().many;
    let first = listed(subject, database, None).await?;
    ensure!(first.len() == *count, "{} tables of {count} are listed", first.len());
    let distinct: BTreeSet<&RemoteName> = first.iter().collect();
    ensure!(distinct.len() == *count, "a table is listed twice");
    for size in [333, 1_999, count + 1] {
        let again = listed(subject, database, Some(size)).await?;
        ensure!(again == first, "pages of {size} list something else");
    }
    let cx = subject.call("databases");
    let request = DescribeRequest::Databases(Page::default());
    let DescribeResponse::Names { names, .. } = subject.connector.describe(&cx, request).await? else {
        return Err(Broken::new("a listing is no listing"));
    };
    ensure!(
        names.contains(&RemoteName::database(subject.lake().database.as_str())),
        "the database of the tests is not listed"
    );
    Ok(Outcome::Kept)
}

pub(super) async fn case(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("case"), subject.lake());
    for name in &lake.spellings {
        let found = ask::table(subject.connector.as_ref(), &cx, &lake.database, name).await?;
        ensure!(
            found.name.name == *name,
            "`{name}` is described as `{}`",
            found.name.name
        );
    }
    let Some(name) = lake.spellings.first() else {
        return Err(Broken::new("the fixture has no table whose name has capitals"));
    };
    // Neither of the spellings.
    let other: String = name
        .chars()
        .rev()
        .collect::<String>()
        .to_lowercase()
        .chars()
        .rev()
        .collect();
    ensure!(
        !lake.spellings.contains(&other.as_str()),
        "the fixture's spellings need capitals"
    );
    let found = ask::table(subject.connector.as_ref(), &cx, &lake.database, &other).await;
    match (lake.spellings.len(), found) {
        (1, Ok(found)) => ensure!(found.name.name == *name, "the source's spelling is lost"),
        (1, Err(error)) => return Err(error.into()),
        (_, Ok(found)) => return Err(Broken::new(format!("`{other}` is taken for `{}`", found.name.name))),
        (_, Err(error)) => ensure!(
            error.kind() == ConnectorErrorKind::InvalidRequest,
            "an ambiguous name is {error:?}"
        ),
    }
    Ok(Outcome::Kept)
}

pub(super) async fn missing(subject: &Subject) -> Check {
    let (cx, lake) = (subject.call("missing"), subject.lake());
    for (database, name) in [
        (lake.database.as_str(), "there_is_no_such_table"),
        ("no_such_database", "t"),
    ] {
        match ask::table(subject.connector.as_ref(), &cx, database, name).await {
            Ok(_) => return Err(Broken::new(format!("`{database}.{name}` is there"))),
            Err(error) => ensure!(error.kind() == ConnectorErrorKind::NotFound, "{error:?}"),
        }
    }
    Ok(Outcome::Kept)
}
